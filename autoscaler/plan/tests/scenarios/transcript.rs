//! Plays a scenario and writes down what was decided, and why.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may panic

use std::fmt::Write as _;

use autoscaler_plan::{Action, Demand, Facts, Phase, Policy, State, Worker, plan};
use serde::Deserialize;

#[derive(Deserialize)]
struct Scenario {
    #[serde(default)]
    policy: toml::Table,
    step: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at_s: u64,
    /// Absent: the broker is silent.
    ready: Option<u64>,
    #[serde(default)]
    duplicates: u64,
    #[serde(default)]
    covered: u64,
    #[serde(default)]
    expired: u64,
    #[serde(default)]
    in_flight: Option<u64>,
    head: Option<String>,
    #[serde(default)]
    crashed: u32,
    service_ms: Option<u64>,
    /// `name phase busy since_s`; `?` for busy that is not known.
    #[serde(default)]
    workers: Vec<String>,
}

fn worker(text: &str) -> Worker {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, phase, busy, entered_s] = words[..] else { panic!("{text}") };
    let since_ms = entered_s.parse::<u64>().unwrap() * 1000;
    let phase: Phase = serde::Deserialize::deserialize(toml::Value::String(phase.to_owned())).unwrap();
    Worker { name: name.to_owned(), phase, busy: busy.parse().ok(), started_ms: since_ms, since_ms }
}

pub(crate) fn tell(scenario: &str) -> String {
    let scenario: Scenario = toml::from_str(scenario).unwrap();
    let mut policy =
        toml::Table::try_from(Policy { slots_per_worker: 4, max: 5, idle_s: 60, ..Policy::default() })
            .unwrap();
    policy.extend(scenario.policy);
    let policy: Policy = policy.try_into().unwrap();
    let mut state = State::default();
    let mut told = String::new();
    for step in scenario.step {
        let workers: Vec<Worker> = step.workers.iter().map(|text| worker(text)).collect();
        let busy: u64 = workers.iter().filter_map(|worker| worker.busy).map(u64::from).sum();
        let demand = step.ready.map(|ready| Demand {
            ready,
            duplicates: step.duplicates,
            covered: step.covered,
            expired: step.expired,
            unread: 0,
            in_flight: step.in_flight.unwrap_or(busy),
            heads: step.head.into_iter().collect(),
        });
        let facts = Facts { demand, workers, crashed: step.crashed, service_ms: step.service_ms };
        let plan = plan(&facts, &policy, &mut state, step.at_s * 1000);
        writeln!(told, "{} s: {}", step.at_s, actions(&plan.actions)).unwrap();
        for reason in plan.reasons {
            writeln!(told, "    {reason}").unwrap();
        }
    }
    told
}

fn actions(actions: &[Action]) -> String {
    let words = |action: &Action| match action {
        Action::Undrain { worker } => format!("undrain {worker}"),
        Action::Start { count } => format!("start {count}"),
        Action::Drain { worker } => format!("drain {worker}"),
        Action::Stop { worker, lossy } => format!("stop {worker}{}", if *lossy { " (lossy)" } else { "" }),
    };
    if actions.is_empty() { "-".to_owned() } else { actions.iter().map(words).collect::<Vec<_>>().join(", ") }
}
