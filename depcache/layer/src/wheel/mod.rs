//! Wheels: opened with suspicion, placed as an installer would place them.

mod csv;
mod entry_points;
mod error;
mod open;
mod place;
mod scripts;
mod verify;

pub use csv::{RecordRow, parse_record, record_hash};
pub use entry_points::{EntryPoints, parse_entry_points};
pub use error::WheelError;
pub use open::{Limits, Wheel};
pub use place::Layout;
pub use scripts::{SHEBANG, ScriptFault, relocate_script};

pub(crate) use csv::write_row;
