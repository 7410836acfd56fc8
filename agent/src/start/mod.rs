//! From settings to a supervised program: one function for each subcommand.

mod delivery;
mod rolling;
mod run;
mod shipping;
mod sync;
mod usage;
mod worker;

use daemon::{Cause, Outcome};
use domain::exit;

pub use delivery::{Deliver, StartError};
pub use run::run;
pub use sync::{sync, sync_status};
pub use worker::worker;

/// The exit code of a program that ended this way.
pub fn exit_code(outcome: &Outcome) -> u8 {
    match &outcome.cause {
        _ if outcome.is_clean() => exit::OK,
        Cause::TaskFailed { .. } => exit::UNAVAILABLE,
        _ if outcome.failures.is_empty() => exit::TRY_AGAIN,
        _ => exit::UNAVAILABLE,
    }
}
