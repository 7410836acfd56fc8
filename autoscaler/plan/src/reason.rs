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
    LeftBehind { ready: u64 },
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
                write!(
                    f,
                    "the broker does not answer: {} held as they are",
                    Count(u64::from(*held), "worker")
                )
            }
            Self::Observed { ready, busy, waited_ms } => {
                write!(f, "{} waiting, {busy} running on workers that stay", Count(*ready, "task"))?;
                if *ready > 0 {
                    write!(f, "; the next one has waited {}", Seconds(*waited_ms))?;
                }
                Ok(())
            }
            Self::Duplicates { messages } => {
                write!(
                    f,
                    "not counted: {} for work already counted (sent again by the scheduler)",
                    Count(*messages, "message")
                )
            }
            Self::Expired { messages } => {
                write!(
                    f,
                    "not counted: {} with an expired token, which no worker could run",
                    Count(*messages, "message")
                )
            }
            Self::Unread { messages } => {
                write!(f, "counted unread: {}, duplicates among them too", Count(*messages, "message"))
            }
            Self::Orphans { messages } => {
                write!(
                    f,
                    "not counted: {} in flight on no worker of this pool (left behind or elsewhere)",
                    Count(*messages, "message")
                )
            }
            Self::LeftBehind { ready } => {
                write!(
                    f,
                    "counted after all: {} that the scheduler sent again, for the first message is among these",
                    Count(*ready, "waiting task")
                )
            }
            Self::Pending { messages } => {
                write!(f, "counted as running: {} just taken", Count(*messages, "task"))
            }
            Self::SlotPerTask { ready } => {
                write!(
                    f,
                    "a slot for each of {}: how long tasks take is not known yet",
                    Count(*ready, "waiting task")
                )
            }
            Self::TooLateToQueue { ready, waited_ms, wait_s } => write!(
                f,
                "a slot for each of {}: after {} of {wait_s} s nothing can queue behind another",
                Count(*ready, "waiting task"),
                Seconds(*waited_ms)
            ),
            Self::Rounds { ready, service_ms, wait_s, slots } => write!(
                f,
                "{} of {} each: all start within {wait_s} s on {}",
                Count(*ready, "waiting task"),
                Seconds(*service_ms),
                Count(*slots, "slot")
            ),
            Self::Sized { slots, slots_per_worker, workers } => {
                let (slots, workers) = (Count(*slots, "slot"), Count(*workers, "worker"));
                write!(f, "{slots} needed: {workers} of {slots_per_worker}")
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
                write!(
                    f,
                    "no start for {}: {} in a row",
                    Seconds(*left_ms),
                    Count(u64::from(*failures), "failed start")
                )
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
                write!(
                    f,
                    "{worker} is drained: the least busy one, {} to finish there",
                    Count(u64::from(*busy), "task")
                )
            }
            Self::NothingToDrain => {
                write!(f, "no surplus worker can be drained now: they are starting or silent")
            }
            Self::StopDrained { worker } => write!(f, "{worker} is stopped: drained, no task left"),
            Self::StopFailed { worker } => write!(f, "{worker} is stopped: it cannot go on"),
            Self::StopOverdue { worker, draining_s, busy } => {
                write!(f, "{worker} is stopped: draining for {draining_s} s is over the limit")?;
                match busy {
                    Some(busy) => write!(f, ", {} lost", Count(u64::from(*busy), "task")),
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

/// A number with its noun.
struct Count(u64, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}
