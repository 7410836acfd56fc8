//! How many workers a pool needs, which ones go, and why. Pure: facts, policy, state and the time go in, a
//! plan with its reasons comes out.
//!
//! Invariants (each one a property test):
//! - Never more than `max` workers live, never fewer than `min` wanted, unless the broker is silent.
//! - Missing facts hold: without an answer of the broker nothing is started, drained or stopped.
//! - A worker with tasks is never stopped, except after `drain_timeout_s`; it may be drained, which lets its
//!   tasks finish.
//! - Constant facts lead to a constant number of workers: no flapping.
//! - More waiting work never wants fewer workers.
//! - Workers that are starting count, so nothing is started twice for the same demand.
//!
//! ```
//! use autoscaler_plan::{Action, Demand, Facts, Policy, State, plan};
//! let policy = Policy { slots_per_worker: 4, max: 3, ..Policy::default() };
//! let demand = Demand { ready: 6, ..Demand::default() };
//! let facts = Facts { demand: Some(demand), ..Facts::default() };
//! let decision = plan(&facts, &policy, &mut State::default(), 1_000);
//! assert_eq!(decision.actions, [Action::Start { count: 2 }]);
//! let why: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
//! assert_eq!(why[2], "6 slots needed: 2 workers of 4");
//! ```

mod facts;
mod plan;
mod policy;
mod reason;
mod service_time;
mod sizing;
mod state;
mod victims;
mod window;

pub use facts::{Demand, Facts, Phase, Worker};
pub use plan::{Action, Plan, plan};
pub use policy::Policy;
pub use reason::Reason;
pub use service_time::ServiceTime;
pub use state::State;
pub use window::HighWater;
