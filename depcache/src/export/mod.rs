//! Locks in other people's formats: a bill of materials, a requirements file with hashes, a list of licences.

mod cyclonedx;
mod licence;
mod requirements;

pub use cyclonedx::cyclonedx;
pub use licence::{Licence, Licences, licences, listed};
pub use requirements::requirements;
