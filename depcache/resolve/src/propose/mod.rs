//! The smallest change of the user's own lines that resolves.

use uv_normalize::PackageName;

use crate::facts::Facts;
use crate::input::Input;
use crate::resolution::{Conflict, Proposal, ResolveError};

/// Proposes a change that resolves `conflict`, verified by resolving it. `None`: none was found within bounds.
pub fn propose(
    input: &Input,
    facts: &dyn Facts,
    conflict: &Conflict,
) -> Result<Option<Proposal>, ResolveError> {
    let _ = (input, facts, conflict);
    todo!("first commit fixes the interface")
}

/// After a failed import check: `failing` resolved, but broke on a release of `culprit` that is younger than itself.
/// Proposes the line `culprit<NEXT MAJOR`, where the major is that of the newest release of `culprit` when the
/// resolved version of `failing` was uploaded. Verified by resolving. `None`: `culprit` is not younger, or the cap
/// does not resolve.
pub fn propose_cap(
    input: &Input,
    facts: &dyn Facts,
    failing: &PackageName,
    culprit: &PackageName,
) -> Result<Option<Proposal>, ResolveError> {
    let _ = (input, facts, failing, culprit);
    todo!("first commit fixes the interface")
}
