//! Metrics of a pool: few labels, never a worker or task.

use std::time::Duration;

use autoscaler_plan::Phase;
use metrics::{counter, gauge, histogram};

use crate::snapshot::Snapshot;

const PHASES: [(Phase, &str); 7] = [
    (Phase::Starting, "starting"),
    (Phase::Ready, "ready"),
    (Phase::Draining, "draining"),
    (Phase::Drained, "drained"),
    (Phase::Stopping, "stopping"),
    (Phase::Failed, "failed"),
    (Phase::Silent, "silent"),
];

/// Records one turn of a pool's loop.
pub(crate) fn turn(snapshot: &Snapshot, took: Duration) {
    let pool = snapshot.pool.clone();
    histogram!("updraft_autoscaler_turn_seconds", "pool" => pool.clone()).record(took.as_secs_f64());
    for (phase, name) in PHASES {
        let workers = u32::try_from(snapshot.workers_in(phase).count()).unwrap_or(u32::MAX);
        gauge!("updraft_autoscaler_workers", "pool" => pool.clone(), "phase" => name).set(workers);
    }
    if let Some(wanted) = snapshot.plan.wanted {
        gauge!("updraft_autoscaler_wanted_workers", "pool" => pool.clone()).set(wanted);
    }
    let silent = u32::from(snapshot.facts.demand.is_none());
    gauge!("updraft_autoscaler_broker_silent", "pool" => pool.clone()).set(silent);
    if let Some(demand) = &snapshot.facts.demand {
        for (state, tasks) in [
            ("ready", demand.ready),
            ("in_flight", demand.in_flight),
            ("duplicate", demand.duplicates),
            ("expired", demand.expired),
        ] {
            let tasks = u32::try_from(tasks).unwrap_or(u32::MAX);
            gauge!("updraft_autoscaler_messages", "pool" => pool.clone(), "state" => state).set(tasks);
        }
    }
    let counters = &snapshot.counters;
    for (event, total) in [
        ("started", counters.started),
        ("drained", counters.drained),
        ("undrained", counters.undrained),
        ("crashed", counters.crashed),
        ("restarted", counters.restarted),
        ("overdue", counters.overdue),
    ] {
        counter!("updraft_autoscaler_workers_total", "pool" => pool.clone(), "event" => event)
            .absolute(total);
    }
}
