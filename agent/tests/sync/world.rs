//! A repository, a base, a package folder, a store, and a sync that follows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use agent::sync::{Outcome, Status, SyncSettings, Verdict};
use clap::Parser;
use domain::publication::Ref;
use domain::{Publication, keys};
use objectstore::Store;
use tokio_util::sync::CancellationToken;

/// A cold build describes a base, compiles bytecode and imports, on a machine that does other things too; a proposal is several.
const DEADLINE: Duration = Duration::from_mins(20);

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: SyncSettings,
}

/// Everything a sync works with, below one temporary folder.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    base: PathBuf,
    pub(crate) extra: Vec<String>,
}

impl World {
    /// With a plain venv as base; `None` when the program `depcache` was not built.
    pub(crate) fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("base");
        run(Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&base));
        Self::over(dir, base.join("bin/python"))
    }

    /// With the interpreter `base`.
    pub(crate) fn over(dir: tempfile::TempDir, base: PathBuf) -> Option<Self> {
        let program = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("depcache");
        if !program.is_file() {
            println!("skipped: {} is not built", program.display());
            return None;
        }
        let world = Self { dir, base, extra: Vec::new() };
        for folder in ["repository/dags", "packages", "store", "state", "cache"] {
            std::fs::create_dir_all(world.path(folder)).unwrap();
        }
        let script = format!(
            "#!/bin/sh\nexec {} \"$@\" --no-index --find-links {} --cache-dir {}\n",
            program.display(),
            world.path("packages").display(),
            world.path("cache").display(),
        );
        std::fs::write(world.path("depcache"), script).unwrap();
        run(Command::new("chmod").arg("+x").arg(world.path("depcache")));
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        Some(world)
    }

    /// Builds ask the index of this machine's settings, not only the package folder.
    pub(crate) fn with_index(self) -> Self {
        let script = self.path("depcache");
        let text = text(self.dir.path(), "depcache");
        std::fs::write(script, text.replace(" --no-index", "")).unwrap();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let dir = self.path("repository");
        let who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
        let done = Command::new("git").args(who).args(args).current_dir(dir).output().unwrap();
        assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Writes files and commits them.
    pub(crate) fn push(&self, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            let place = self.path("repository").join(path);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, text).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", "a change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A wheel with one module of the same name.
    pub(crate) fn wheel(&self, name: &str, version: &str, module: &str) {
        let script = "import sys, zipfile\n\
            folder, name, version, module = sys.argv[1:]\n\
            info = f'{name}-{version}.dist-info'\n\
            with zipfile.ZipFile(f'{folder}/{name}-{version}-py3-none-any.whl', 'w') as wheel:\n\
            \x20   wheel.writestr(f'{name}.py', module)\n\
            \x20   wheel.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n')\n\
            \x20   wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n\
            \x20   import base64, hashlib\n\
            \x20   rows = []\n\
            \x20   for member in wheel.namelist():\n\
            \x20       data = wheel.read(member)\n\
            \x20       digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()\n\
            \x20       rows.append(f'{member},sha256={digest},{len(data)}')\n\
            \x20   rows.append(f'{info}/RECORD,,')\n\
            \x20   wheel.writestr(f'{info}/RECORD', '\\n'.join(rows) + '\\n')\n";
        run(Command::new("python3")
            .args(["-c", script])
            .arg(self.path("packages"))
            .args([name, version, module]));
    }

    pub(crate) fn settings(&self) -> SyncSettings {
        let path = |name: &str| self.path(name).display().to_string();
        let mut line = vec!["sync".to_owned(), "--poll-interval-ms".into(), "50".into()];
        let store = format!("file://{}", path("store"));
        for (flag, value) in [
            ("--git-url", path("repository")),
            ("--store", store),
            ("--state-dir", path("state")),
            ("--depcache", path("depcache")),
            ("--base-python", self.base.display().to_string()),
        ] {
            line.extend([flag.to_owned(), value]);
        }
        line.extend(self.extra.iter().cloned());
        Line::parse_from(line).settings
    }

    pub(crate) async fn store(&self) -> Store {
        Store::open(&format!("file://{}", self.path("store").display())).await.unwrap()
    }

    /// The ref with its current publication.
    pub(crate) async fn current(&self) -> Option<(Ref, Publication)> {
        let store = self.store().await;
        let repository = "main".parse().unwrap();
        let object = store.get(&keys::reference(&repository, "main")).await.unwrap()?;
        let reference: Ref = serde_json::from_slice(&object.bytes).unwrap();
        let id = reference.current.clone()?;
        let object = store.get(&keys::publication(&repository, &id)).await.unwrap().unwrap();
        Some((reference, serde_json::from_slice(&object.bytes).unwrap()))
    }

    pub(crate) fn status(&self) -> Option<Status> {
        let text = std::fs::read(self.path("state").join("status.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Runs a sync while `work` goes on, and ends it.
    pub(crate) async fn following<T>(&self, work: impl Future<Output = T>) -> T {
        let stop = CancellationToken::new();
        let sync = agent::sync::run(self.settings(), stop.clone());
        let both = async {
            let done = work.await;
            stop.cancel();
            done
        };
        let (ended, done) = tokio::join!(sync, both);
        ended.unwrap();
        done
    }

    /// Waits for the outcome of a commit.
    pub(crate) async fn outcome(&self, commit: &str) -> Outcome {
        testkit::wait_for_async(DEADLINE, "an outcome of the commit", async || {
            let status = self.status();
            let found =
                status.as_ref().and_then(|status| status.outcomes.iter().find(|o| o.commit == commit));
            found.cloned().ok_or_else(|| format!("{status:?}"))
        })
        .await
    }

    /// Waits until the status says so.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Status) -> bool) -> Status {
        testkit::wait_for_async(DEADLINE, what, async || {
            let status = self.status();
            status.clone().filter(|status| holds(status)).ok_or_else(|| format!("{status:?}"))
        })
        .await
    }
}

/// Why a commit was refused.
pub(crate) fn reason(outcome: &Outcome) -> &str {
    match &outcome.verdict {
        Verdict::Refused { reason } => reason,
        Verdict::Published { publication } => panic!("published as {publication}"),
    }
}

pub(crate) fn is_published(outcome: &Outcome) -> bool {
    matches!(outcome.verdict, Verdict::Published { .. })
}

fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Text of a file below `dir`, for messages.
pub(crate) fn text(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}
