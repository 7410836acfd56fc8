//! One environment for one base, built by the program `depcache` in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use domain::{BaseRecord, EnvId, exit};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::SyncError;
use super::error::disk;

/// Of what the build says so much is kept; a refusal with its proposal is a few kilobytes.
const SAID_BYTES: u64 = 1 << 20;
/// Variables that a build gets, by name or prefix: index and store credentials, caches, proxies, certificates.
/// git's credentials, the broker's and Airflow's are not among them.
const VARIABLES: [&str; 19] = [
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "NETRC",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "UPDRAFT_INDEX_URL",
    "UPDRAFT_CACHE_DIR",
    // What compilers of source distributions follow.
    "CC",
    "CXX",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "PKG_CONFIG_PATH",
    "NO_PROXY",
    "no_proxy",
];
const PREFIXES: [&str; 10] = [
    "AWS_",
    "PIP_",
    "UV_",
    "UPDRAFT_BUILD_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
];

/// How environments are built.
#[derive(Debug, Clone)]
pub(super) struct Builder {
    /// The program `depcache`.
    pub(super) program: PathBuf,
    /// The store's address.
    pub(super) store: String,
    /// Where the import check composes the environment; the parse of the DAGs finds its layers there.
    pub(super) volume: PathBuf,
    /// Longest build.
    pub(super) limit: Duration,
}

/// What came of a build.
#[derive(Debug)]
pub(super) enum Built {
    /// The environment is in the store.
    Environment { env_id: EnvId, warnings: Vec<String> },
    /// The requirements are wrong: why, and what would work.
    Refused(String),
}

#[derive(Deserialize)]
struct Document {
    env_id: EnvId,
    #[serde(default)]
    warnings: Vec<String>,
}

impl Builder {
    /// Builds `tree`/`requirements` for `base`; `scratch` is a folder for the description of the base.
    pub(super) async fn build(
        &self,
        tree: &Path,
        requirements: &str,
        base: &BaseRecord,
        scratch: &Path,
    ) -> Result<Built, SyncError> {
        let base_json = scratch.join("base.json");
        let bytes = serde_json::to_vec(base).map_err(SyncError::Encode)?;
        std::fs::write(&base_json, bytes).map_err(disk(&base_json))?;
        let mut child = Command::new(&self.program)
            .args(["build", requirements, "--propose", "--format", "json", "--base"])
            .arg(&base_json)
            .args(["--store", &self.store])
            .arg("--volume")
            .arg(&self.volume)
            .current_dir(tree)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_passed)))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| SyncError::Disk { path: self.program.clone(), source })?;
        let (out, said) = (child.stdout.take(), child.stderr.take());
        let all = async { tokio::join!(child.wait(), bounded(out), bounded(said)) };
        let Ok((status, out, said)) = tokio::time::timeout(self.limit, all).await else {
            let reason = format!("it did not end within {} s", self.limit.as_secs());
            return Err(SyncError::Build { reason });
        };
        let status = status.map_err(|source| SyncError::Disk { path: self.program.clone(), source })?;
        if status.success() {
            let document: Document = serde_json::from_str(&out)
                .map_err(|source| SyncError::Stored { key: "the answer of depcache build".into(), source })?;
            return Ok(Built::Environment { env_id: document.env_id, warnings: document.warnings });
        }
        let reason = reason(&said);
        if status.code() == Some(i32::from(exit::DATA)) {
            return Ok(Built::Refused(reason));
        }
        Err(SyncError::Build { reason: if reason.is_empty() { status.to_string() } else { reason } })
    }
}

fn is_passed(name: &str) -> bool {
    VARIABLES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Reads everything, keeps the first [`SAID_BYTES`].
async fn bounded(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let mut kept = Vec::new();
    // A pipe that breaks has said what it had to say; the exit status tells the rest.
    drop((&mut pipe).take(SAID_BYTES).read_to_end(&mut kept).await);
    drop(tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await);
    String::from_utf8_lossy(&kept).into_owned()
}

/// From the line that says `error:` to the end: what goes before is progress.
fn reason(said: &str) -> String {
    let start = said.lines().position(|line| line.starts_with("error: ")).unwrap_or(0);
    let lines: Vec<&str> = said.lines().skip(start).collect();
    let text = lines.join("\n");
    text.trim_end().strip_prefix("error: ").unwrap_or(text.trim_end()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_follows_the_progress() {
        let said = "resolve: 3 of 9\nwarning: old\nerror: requirements.txt:1: no such package\n  | pandsa\nhint: pandas?\n";
        insta::assert_snapshot!(reason(said), @r"
        requirements.txt:1: no such package
          | pandsa
        hint: pandas?
        ");
    }

    #[test]
    fn git_broker_and_airflow_credentials_are_not_passed() {
        for name in [
            "UPDRAFT_GIT_URL",
            "UPDRAFT_GIT_PASSWORD_FILE",
            "UPDRAFT_BROKER_URL",
            "GIT_ASKPASS",
            "SSH_AUTH_SOCK",
        ] {
            assert!(!is_passed(name), "{name}");
        }
        for name in ["AWS_SECRET_ACCESS_KEY", "UV_INDEX_URL", "PIP_INDEX_URL", "PATH", "SSL_CERT_FILE"] {
            assert!(is_passed(name), "{name}");
        }
    }
}
