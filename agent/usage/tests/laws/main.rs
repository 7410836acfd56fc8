//! The laws of the crate's documentation, over random process trees that are looked at at random instants.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod kernel;
mod world;

use std::collections::BTreeMap;

use agent_usage::Allotment;
use domain::UsageRecord;
use domain::usage::UsageKind;
use proptest::prelude::*;
use world::{SLOTS, World, play, step};

fn cpu(row: &UsageRecord) -> u64 {
    row.cpu_user_ns + row.cpu_system_ns
}

fn check_windows(world: &World, allotment: Allotment) -> Result<(), TestCaseError> {
    let mut seqs = Vec::new();
    for (length_ms, rows) in &world.windows {
        let worker: Vec<_> = rows.iter().filter(|row| row.kind == UsageKind::Worker).collect();
        prop_assert_eq!(worker.len(), 1);
        let parts = || rows.iter().filter(|row| row.kind != UsageKind::Worker);
        prop_assert_eq!(parts().map(cpu).sum::<u64>(), cpu(worker[0]));
        prop_assert_eq!(parts().map(|row| row.mem_byte_s).sum::<u64>(), worker[0].mem_byte_s);
        prop_assert!(cpu(worker[0]) >= allotment.cpu_milli * length_ms * 1_000);
        for row in rows {
            seqs.push(row.seq);
            prop_assert!(row.window_end >= row.window_start);
            prop_assert!(
                row.window_end - row.window_start <= *length_ms,
                "{} of {length_ms}",
                row.window_end - row.window_start
            );
        }
    }
    let all = seqs.len();
    seqs.sort_unstable();
    seqs.dedup();
    prop_assert_eq!(seqs.len(), all, "a row's number is its own");
    Ok(())
}

const NONE: Allotment = Allotment { cpu_milli: 0, memory_bytes: 0, slots: SLOTS };
const SOME: Allotment = Allotment { cpu_milli: 1_000, memory_bytes: 1 << 30, slots: SLOTS };

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn rows_of_an_attempt_are_what_its_processes_used(steps in proptest::collection::vec(step(false), 0..120)) {
        let world = play(steps, NONE);
        let truth: BTreeMap<_, _> = world.kernel.truth.iter().filter(|(_, used)| !used.is_zero()).collect();
        let counted = world.counted();
        for (whose, used) in truth {
            let counted = counted.get(whose).copied().unwrap_or_default();
            prop_assert_eq!(counted.cpu_ns(), used.cpu_ns(), "{:?}", whose);
        }
        check_windows(&world, NONE)?;
    }

    #[test]
    fn what_is_not_recognised_is_unattributed_and_nothing_is_counted_twice(
        steps in proptest::collection::vec(step(true), 0..120)
    ) {
        let world = play(steps, NONE);
        let truth: u64 = world.kernel.truth.values().map(|used| used.cpu_ns()).sum();
        let counted = world.counted();
        for (whose, used) in &counted {
            let truth = world.kernel.truth.get(whose).copied().unwrap_or_default();
            if whose.is_some() {
                prop_assert!(used.cpu_ns() <= truth.cpu_ns(), "{whose:?}: {used:?} of {truth:?}");
            }
        }
        let whole: u64 = world.rows.iter().filter(|row| row.kind == UsageKind::Worker).map(cpu).sum();
        prop_assert_eq!(whole, truth);
        check_windows(&world, NONE)?;
    }

    #[test]
    fn the_allotment_is_in_the_worker_row(steps in proptest::collection::vec(step(true), 0..60)) {
        let world = play(steps, SOME);
        check_windows(&world, SOME)?;
    }
}
