//! What is asked of the rollups.

mod attempts;
mod facts;
mod labels;
mod state;

pub use attempts::{AttemptRow, alive, attempts};
pub use facts::{Filter, facts, identity, places, waste_places};
pub use state::{State, last_windows, state};
