use super::*;

const NOW_MS: u64 = 100 * 60_000;

fn suspect(kind: UsageKind, state: &str, active_ms: u64, last_ms: u64) -> Suspect {
    Suspect {
        kind,
        ids: ["sales", "load", "manual__1"].map(str::to_owned),
        map_index: -1,
        try_number: 1,
        worker: "w1@host".into(),
        pool: "default".into(),
        state: state.into(),
        first_ms: 60_000,
        last_ms,
        active_ms,
        window_ms: 60_000,
        // A core for half a minute.
        window: Quantities { cpu_ns: 30_000_000_000, ..Quantities::default() },
        total: Quantities { cpu_ns: 3_600_000_000_000, ..Quantities::default() },
        last_window: None,
    }
}

fn found(suspect: Suspect) -> Option<(ZombieKind, u64, String, String)> {
    let prices = "currency = \"USD\"\n[cpu]\ncore_hour = \"1\"\n[memory]\ngib_hour = \"1\"\n";
    let prices = Prices::parse("prices.toml", prices).unwrap();
    let zombies = find(vec![suspect], &prices, Limits::default(), NOW_MS);
    let zombie = zombies.first()?;
    Some((zombie.kind, zombie.since_ms, zombie.so_far.to_decimal(4), zombie.per_hour.to_decimal(4)))
}

#[test]
fn orphans_that_still_live_are_found() {
    let orphan = |last_ms| found(suspect(UsageKind::Orphan, "success", last_ms, last_ms));
    let expected = (ZombieKind::Orphan, 60_000, "1.0000".to_owned(), "0.5000".to_owned());
    assert_eq!(orphan(NOW_MS), Some(expected));
    assert_eq!(orphan(NOW_MS - 3 * 60_000 - 1), None);
}

#[test]
fn tasks_that_do_nothing_cost_their_slot() {
    let mut stuck = suspect(UsageKind::Task, "running", NOW_MS - 30 * 60_000, NOW_MS);
    stuck.window = Quantities::default();
    stuck.last_window = Some(LastWindow {
        pool: crate::Names::NONE,
        last_ms: NOW_MS,
        window_ms: 60_000,
        cpu_ns: 4 * 60_000_000_000,
        mem_byte_s: 0,
        slots: 2,
    });
    let expected = (ZombieKind::Stuck, NOW_MS - 30 * 60_000, "1.0000".to_owned(), "2.0000".to_owned());
    assert_eq!(found(stuck), Some(expected));
    let busy = suspect(UsageKind::Task, "running", NOW_MS - 9 * 60_000, NOW_MS);
    assert_eq!(found(busy), None);
    assert_eq!(found(suspect(UsageKind::Task, "failed", 0, NOW_MS)), None);
}
