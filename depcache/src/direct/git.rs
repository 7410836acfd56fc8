//! Git repositories, through the `git` program: its credential helpers, proxies and keys are those of the user.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use depcache_resolve::reference::without_credentials;
use domain::{Digest, exit};
use tokio::process::Command;

use crate::blocking::blocking;

/// What one call of git may take. Repositories of gigabytes fit.
const CALL_TIMEOUT: Duration = Duration::from_mins(10);
/// Characters of git's own words that a message shows.
const SHOWN_CHARACTERS: usize = 600;
/// What is mirrored: as `git clone`. Other references are fetched when somebody asks for them.
const MIRRORED: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// Why a repository gave no commit.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no `git`.
    #[error("the program git cannot be run")]
    Program(#[source] std::io::Error),
    /// It failed.
    #[error("git {action} failed: {said}")]
    Failed {
        /// `fetch`, `checkout`.
        action: &'static str,
        /// Its words, without credentials.
        said: String,
    },
    /// It took too long.
    #[error("git {action} took longer than {} s", CALL_TIMEOUT.as_secs())]
    TimedOut {
        /// `fetch`, `checkout`.
        action: &'static str,
    },
    /// Nothing of this name in the repository.
    #[error("the repository has no branch, tag or commit `{requested}`")]
    Unknown {
        /// What was asked for.
        requested: String,
    },
    /// `--offline`, and it is not in the cache.
    #[error("the repository is not in the cache, and --offline forbids to ask")]
    Offline,
    /// The cache cannot be used.
    #[error("{} cannot be written", path.display())]
    Disk {
        /// Path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl GitError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::Failed { action: "fetch", .. })
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Program(_) => "install git".into(),
            Self::Failed { action: "fetch", .. } => {
                "check the address, and that `git ls-remote` of it works here without a password prompt"
                    .into()
            }
            Self::Unknown { .. } => "check the name behind the @; a commit must be on a branch or tag".into(),
            Self::Offline => "run once without --offline".into(),
            Self::TimedOut { .. } => "try again, or name an archive of the commit instead".into(),
            Self::Failed { .. } | Self::Disk { .. } => return None,
        })
    }

    /// The exit code that a command ends with.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Unknown { .. }) { exit::DATA } else { exit::UNAVAILABLE }
    }
}

/// A repository and its mirror in the cache.
#[derive(Debug)]
pub(super) struct Repository {
    url: String,
    mirror: PathBuf,
    checkouts: PathBuf,
    offline: bool,
}

impl Repository {
    pub(super) fn new(cache: &Path, url: &str, offline: bool) -> Self {
        let root = cache.join("git");
        let key = Digest::of(without_credentials(url).as_bytes()).hex();
        let (mirror, checkouts) = (root.join("mirrors").join(&key), root.join("checkouts").join(&key));
        Self { url: url.to_owned(), mirror, checkouts, offline }
    }

    /// Its address without credentials.
    pub(super) fn shown(&self) -> String {
        format!("git+{}", without_credentials(&self.url))
    }

    /// The commit that a name stands for now; of the default branch without one.
    pub(super) async fn commit(&self, requested: Option<&str>) -> Result<String, GitError> {
        if let Some(full) = requested.filter(|name| is_full(name))
            && self.checkouts.join(full).is_dir()
        {
            return Ok(full.to_owned());
        }
        let _alone = self.mirrored().await?;
        if self.offline && !self.mirror.join("HEAD").is_file() {
            return Err(GitError::Offline);
        }
        let unknown = || GitError::Unknown { requested: requested.unwrap_or("HEAD").to_owned() };
        if !self.offline {
            let mut arguments = vec!["fetch", "--quiet", "--force", "--prune", "--no-tags", "--", &self.url];
            arguments.extend(MIRRORED);
            self.git("fetch", Some(&self.mirror), &arguments).await?;
        }
        let Some(name) = requested else {
            let source = if self.offline { "." } else { self.url.as_str() };
            let answer = self.git("fetch", Some(&self.mirror), &["ls-remote", "--", source, "HEAD"]).await?;
            return answer.split_whitespace().next().map(ToOwned::to_owned).ok_or_else(unknown);
        };
        for candidate in [format!("refs/tags/{name}"), format!("refs/heads/{name}"), name.to_owned()] {
            if let Some(commit) = self.parsed(&candidate).await {
                return Ok(commit);
            }
        }
        // `refs/pull/1/head`, or a commit that no branch holds but the server gives.
        if !self.offline && (name.starts_with("refs/") || is_full(name)) {
            let arguments = ["fetch", "--quiet", "--force", "--no-tags", "--", &self.url, name];
            self.git("fetch", Some(&self.mirror), &arguments).await.map_err(|_| unknown())?;
            if let Some(commit) = self.parsed("FETCH_HEAD").await {
                return Ok(commit);
            }
        }
        Err(unknown())
    }

    async fn parsed(&self, name: &str) -> Option<String> {
        let commit = format!("{name}^{{commit}}");
        let arguments = ["rev-parse", "--quiet", "--verify", "--end-of-options", &commit];
        let answer = self.git("rev-parse", Some(&self.mirror), &arguments).await.ok()?;
        Some(answer.trim().to_owned()).filter(|found| is_full(found))
    }

    /// Where the commit lies checked out, with its history: tools that take versions from tags look there.
    pub(super) async fn checkout(&self, commit: &str) -> Result<PathBuf, GitError> {
        let target = self.checkouts.join(commit);
        if target.is_dir() {
            return Ok(target);
        }
        let alone = self.mirrored().await?;
        if self.parsed(commit).await.is_none() {
            drop(alone);
            self.commit(Some(commit)).await?;
        } else {
            drop(alone);
        }
        let disk = |path: &Path| {
            let path = path.to_owned();
            move |source| GitError::Disk { path, source }
        };
        std::fs::create_dir_all(&self.checkouts).map_err(disk(&self.checkouts))?;
        let made = tempfile::Builder::new()
            .prefix(".making-")
            .tempdir_in(&self.checkouts)
            .map_err(disk(&self.checkouts))?;
        let (tree, mirror) = (made.path().join("tree"), self.mirror.display().to_string());
        let place = tree.display().to_string();
        let clone =
            ["clone", "--quiet", "--shared", "--no-checkout", "--template=", "--", mirror.as_str(), &place];
        self.git("checkout", None, &clone).await?;
        let origin = without_credentials(&self.url);
        self.git("checkout", Some(&tree), &["remote", "set-url", "origin", &origin]).await?;
        self.git("checkout", Some(&tree), &["checkout", "--quiet", "--detach", commit]).await?;
        if tree.join(".gitmodules").is_file() {
            let update = ["submodule", "--quiet", "update", "--init", "--recursive"];
            self.git("fetch", Some(&tree), &update).await?;
        }
        match std::fs::rename(&tree, &target) {
            // Another process was first: a commit is a commit.
            Err(_) if target.is_dir() => Ok(target),
            done => done.map(|()| target.clone()).map_err(disk(&target)),
        }
    }

    /// The mirror exists and nobody else changes it while the answer lives.
    async fn mirrored(&self) -> Result<std::fs::File, GitError> {
        let lock = self.mirror.with_extension("lock");
        let path = lock.clone();
        let locked = blocking(move || {
            std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
            let file = std::fs::File::create(&path)?;
            file.lock().map(|()| file)
        });
        let file = locked.await.map_err(|source| GitError::Disk { path: lock, source })?;
        if !self.mirror.join("HEAD").is_file() && !self.offline {
            let place = self.mirror.display().to_string();
            self.git("init", None, &["init", "--quiet", "--bare", "--template=", "--", &place]).await?;
        }
        Ok(file)
    }

    /// Runs git; answers its standard output.
    async fn git(
        &self,
        action: &'static str,
        dir: Option<&Path>,
        arguments: &[&str],
    ) -> Result<String, GitError> {
        let mut command = Command::new("git");
        if let Some(dir) = dir {
            command.arg("-C").arg(dir);
        }
        // What lies in a repository must not run here.
        for setting in
            ["core.hooksPath=/dev/null", "core.fsmonitor=false", "protocol.ext.allow=never", "gc.auto=0"]
        {
            command.args(["-c", setting]);
        }
        command
            .args(arguments)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        if std::env::var_os("GIT_SSH_COMMAND").is_none() {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        for variable in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_OBJECT_DIRECTORY",
            "GIT_ASKPASS",
            "SSH_ASKPASS",
        ] {
            command.env_remove(variable);
        }
        let child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(GitError::Program)?;
        let group = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        let Ok(ended) = tokio::time::timeout(CALL_TIMEOUT, child.wait_with_output()).await else {
            // Helpers of git (ssh, remote-https) are in its group.
            if let Some(group) = group {
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
            }
            return Err(GitError::TimedOut { action });
        };
        let output = ended.map_err(GitError::Program)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said =
            String::from_utf8_lossy(&output.stderr).replace(&self.url, &without_credentials(&self.url));
        let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        Err(GitError::Failed { action, said: said.chars().take(SHOWN_CHARACTERS).collect() })
    }
}

/// The full name of a commit.
fn is_full(name: &str) -> bool {
    [40, 64].contains(&name.len()) && name.bytes().all(|digit| digit.is_ascii_hexdigit())
}
