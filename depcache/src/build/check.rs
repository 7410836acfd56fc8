//! The import check: the candidate is composed as a reader would, and every requested package is imported by its
//! own interpreter, in a process without secrets.

use std::path::Path;

use domain::EnvId;
use domain::environment::{ImportCheck, Manifest};

use super::{BuildError, Context, ImportFailure};
use crate::environment::fetch;
use crate::verify;

/// Composes the environment on `volume` and imports what was requested.
pub(super) async fn imports(
    context: &Context,
    env_id: EnvId,
    manifest: &Manifest,
    volume: &Path,
) -> Result<Vec<ImportCheck>, BuildError> {
    let fetched = fetch(&context.store, env_id, &context.session.base, volume)
        .await
        .map_err(BuildError::Environment)?;
    let imports = verify::imports(&fetched.path, &manifest.requested).await.map_err(BuildError::Verify)?;
    let failures: Vec<ImportFailure> = imports
        .iter()
        .filter_map(|import| {
            let failure = import.failure.clone()?;
            Some(ImportFailure { name: import.check.name.clone(), failure })
        })
        .collect();
    if failures.is_empty() {
        return Ok(imports.into_iter().map(|import| import.check).collect());
    }
    Err(BuildError::Imports { failures, proposal: None, note: None })
}
