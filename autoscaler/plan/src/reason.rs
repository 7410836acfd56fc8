//! Why a number is what it is. Structured for machines, one sentence each for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One step of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs)] // the sentences below say what each one is; the fields carry their units
pub enum Reason {
    BrokerSilent { held: u32 },
    Observed { ready: u64, busy: u64, waited_ms: u64 },
    Duplicates { messages: u64 },
    Expired { messages: u64 },
    Unread { messages: u64 },
    Orphans { messages: u64 },
    Pending { messages: u64 },
    SlotPerTask { ready: u64 },
    TooLateToQueue { ready: u64, waited_ms: u64, wait_s: u64 },
    Rounds { ready: u64, service_ms: u64, wait_s: u64, slots: u64 },
    Sized { slots: u64, slots_per_worker: u32, workers: u64 },
    Minimum { min: u32 },
    Maximum { max: u32, workers: u64 },
    Silent { worker: String },
    Undrain { worker: String },
    Start { count: u32 },
    StartingLimit { starting: u32, max_starting: u32 },
    LiveLimit { live: u32, max: u32 },
    BackOff { failures: u32, left_ms: u64 },
    Held { wanted: u32, there: u32, left_ms: u64 },
    StepPause { left_ms: u64 },
    StepLimit { surplus: u32, step: u32 },
    DrainIdle { worker: String, idle_ms: u64 },
    DrainBusy { worker: String, busy: u32 },
    NothingToDrain,
    StopDrained { worker: String },
    StopFailed { worker: String },
    StopOverdue { worker: String, draining_s: u64, busy: Option<u32> },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokerSilent { held } => {
                write!(f, "the broker does not answer: {held} workers stay as they are")
            }
            Self::Observed { ready, busy, waited_ms } => {
                write!(f, "{ready} tasks wait, {busy} run on workers that stay")?;
                if *ready > 0 {
                    write!(f, "; the next one has waited {}", Seconds(*waited_ms))
                } else {
                    Ok(())
                }
            }
            Self::Duplicates { messages } => {
                write!(f, "{messages} messages stand for work already counted (sent again by the scheduler)")
            }
            Self::Expired { messages } => {
                write!(f, "{messages} messages have an expired token: no worker is started for them")
            }
            Self::Unread { messages } => {
                write!(f, "{messages} messages count unread, duplicates among them too")
            }
            Self::Orphans { messages } => {
                write!(
                    f,
                    "{messages} messages in flight are on no worker of this pool (left behind or elsewhere): not counted"
                )
            }
            Self::Pending { messages } => write!(f, "{messages} tasks were just taken and count as running"),
            Self::SlotPerTask { ready } => {
                write!(f, "{ready} waiting tasks get a slot each: how long tasks take is not known yet")
            }
            Self::TooLateToQueue { ready, waited_ms, wait_s } => write!(
                f,
                "{ready} waiting tasks get a slot each: after {} of {wait_s} s nothing can queue behind another",
                Seconds(*waited_ms)
            ),
            Self::Rounds { ready, service_ms, wait_s, slots } => write!(
                f,
                "{ready} waiting tasks of {} each start within {wait_s} s on {slots} slots",
                Seconds(*service_ms)
            ),
            Self::Sized { slots, slots_per_worker, workers } => {
                write!(f, "{slots} slots are {workers} workers of {slots_per_worker}")
            }
            Self::Minimum { min } => write!(f, "raised to the minimum of {min}"),
            Self::Maximum { max, workers } => {
                write!(f, "capped at the maximum of {max} ({workers} would be needed)")
            }
            Self::Silent { worker } => write!(f, "{worker} does not answer: taken as full, never a victim"),
            Self::Undrain { worker } => write!(f, "{worker} is taken back from its drain"),
            Self::Start { count } => write!(f, "{count} to start"),
            Self::StartingLimit { starting, max_starting } => {
                write!(f, "no more are started now: {starting} of at most {max_starting} are starting")
            }
            Self::LiveLimit { live, max } => {
                write!(f, "no more are started now: {live} live, draining ones included, of at most {max}")
            }
            Self::BackOff { failures, left_ms } => {
                write!(f, "no start for {}: {failures} crashes in a row", Seconds(*left_ms))
            }
            Self::Held { wanted, there, left_ms } => {
                write!(f, "{wanted} of {there} would do; none is drained for another {}", Seconds(*left_ms))
            }
            Self::StepPause { left_ms } => write!(f, "the next step down is in {}", Seconds(*left_ms)),
            Self::StepLimit { surplus, step } => write!(f, "{surplus} are too many; {step} in this step"),
            Self::DrainIdle { worker, idle_ms } => {
                write!(f, "{worker} is drained: idle for {}", Seconds(*idle_ms))
            }
            Self::DrainBusy { worker, busy } => {
                write!(f, "{worker} is drained: the least busy one, its {busy} tasks finish there")
            }
            Self::NothingToDrain => {
                write!(f, "no surplus worker can be drained now: they are starting or silent")
            }
            Self::StopDrained { worker } => write!(f, "{worker} is stopped: drained, no task left"),
            Self::StopFailed { worker } => write!(f, "{worker} is stopped: it cannot go on"),
            Self::StopOverdue { worker, draining_s, busy } => {
                write!(f, "{worker} is stopped: draining for {draining_s} s is over the limit")?;
                match busy {
                    Some(busy) => write!(f, ", {busy} tasks are lost"),
                    None => write!(f, ", its tasks are not known"),
                }
            }
        }
    }
}

/// Milliseconds as seconds with one decimal.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} s", self.0 / 1000, self.0 % 1000 / 100)
    }
}
