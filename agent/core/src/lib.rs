//! The life cycle of one supervised worker, without IO.
//!
//! `Starting → Ready → Draining → Drained → Stopped`, and `Failed`. A crashed worker goes back to
//! `Starting` after a wait that grows to a bound; a drain that is taken back goes back to `Ready`.
//!
//! Invariants (held by property tests):
//! - The worker is never told to end while a task is known to run, except past the drain deadline; then the
//!   tasks that are lost are named in the command.
//! - `Drained` needs two idle samples at least [`Policy::idle_gap_ms`] apart after the worker has
//!   acknowledged that it consumes no queue, and nothing running in between.
//! - Epochs only grow; a request that is not newer changes nothing.
//! - A worker that was asked to drain does not start again, not even after a restart of its agent, until the
//!   drain is taken back.
//! - The same events at the same times give the same commands.
//!
//! ```
//! use agent_core::{Command, Event, Policy, State, apply};
//! use domain::control::WorkerState;
//!
//! let mut state = State::new(Policy::default(), 0);
//! assert_eq!(apply(&mut state, Event::Begun { record: None }, 0), [Command::Spawn]);
//! apply(&mut state, Event::Spawned, 5);
//! apply(&mut state, Event::Announced, 6_000);
//! assert_eq!(state.status("celery@pod").state, WorkerState::Ready);
//! ```

mod apply;
mod event;
mod policy;
pub mod rolling;
mod settle;
mod state;

pub use apply::apply;
pub use event::{Command, ControlFacts, DrainRecord, Ending, Event, Sample};
pub use policy::Policy;
pub use state::State;
