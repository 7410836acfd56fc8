//! Proofs about an environment, given by its own interpreter: the requested packages import ([`imports`]), the
//! DAG files parse ([`dags`]).
//!
//! - Users' code runs only in the processes that this module starts. They get an environment of an allow-list
//!   (no credentials), a temporary home, a process group, limits of memory, processor time and file size, and a
//!   deadline after which the whole group is ended.
//! - The probe answers through a file of its own: what imported code prints is no answer.
//! - A failure is data ([`Failure`]): exception, message, place, and the distribution whose code broke.
//!
//! These processes run as the caller's user. What the caller itself must keep from them (its own environment
//! variables are readable below `/proc`), it protects by not being dumpable or by being another user.

mod error;
mod failure;
mod probe;

use std::path::Path;
use std::time::Duration;

use domain::environment::{ImportCheck, ParseCheck};

pub use error::VerifyError;
pub use failure::{Failure, Frame};
use probe::Probe;

const FRAMES: &str = include_str!("frames.py");
const IMPORTS: &str = include_str!("imports.py");
const DAGS: &str = include_str!("dags.py");

/// All imports of one environment. Airflow with its requirements takes 20 s on a busy small machine.
pub const IMPORTS_TIMEOUT: Duration = Duration::from_mins(5);
/// All DAG files of a tree, one after the other.
pub const DAGS_TIMEOUT: Duration = Duration::from_mins(15);
/// One DAG file; above Airflow's own limit (`[core] dagbag_import_timeout`, 30 s), whose message is the better one.
pub const FILE_TIMEOUT: Duration = Duration::from_secs(45);

/// Outcome of importing one requested distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// As the attestation keeps it.
    pub check: ImportCheck,
    /// What failed, as data.
    pub failure: Option<Failure>,
}

/// Outcome of parsing one DAG file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parse {
    /// As the attestation keeps it; the path is relative to the tree.
    pub check: ParseCheck,
    /// What failed, as data; places in the tree are relative to it.
    pub failure: Option<Failure>,
    /// The file failed only because it asks Airflow for a variable or a connection, which nobody can give here.
    pub unprovable: bool,
}

/// Imports every top-level package of each distribution in `requested` (normalised names) with `bin/python` of the
/// environment `env_root`. For a provider of Airflow, Airflow's own discovery must list it too.
///
/// `Err` means that nothing could be found out; failed imports are in the answer.
pub async fn imports(env_root: &Path, requested: &[String]) -> Result<Vec<Import>, VerifyError> {
    let probe = Probe { root: env_root, script: &[FRAMES, IMPORTS], limit: IMPORTS_TIMEOUT };
    let answers: Vec<failure::ImportAnswer> = probe.run(requested).await?;
    Ok(answers.into_iter().map(Into::into).collect())
}

/// Parses every DAG file below `tree`/`subdir` (`.` for the whole tree) as Airflow's dag processor does, with the
/// Airflow of the environment `env_root`, each file in a process of its own.
///
/// `.airflowignore` is honoured. A folder that does not exist has no DAG files. `Err` means that nothing could be
/// found out; files that do not parse are in the answer.
pub async fn dags(env_root: &Path, tree: &Path, subdir: &str) -> Result<Vec<Parse>, VerifyError> {
    let folder = if subdir == "." { tree.to_owned() } else { tree.join(subdir) };
    let arguments =
        [tree.display().to_string(), folder.display().to_string(), FILE_TIMEOUT.as_secs().to_string()];
    let probe = Probe { root: env_root, script: &[FRAMES, DAGS], limit: DAGS_TIMEOUT };
    let answers: Vec<failure::ParseAnswer> = probe.run(&arguments).await?;
    Ok(answers.into_iter().map(|answer| answer.relative_to(tree)).collect())
}
