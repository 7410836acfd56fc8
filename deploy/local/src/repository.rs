//! The demo's repository: a bare one that sync follows, and a working clone in which people edit and push.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::machine;
use crate::process::Program;
use crate::state::State;

/// The branch that sync follows.
pub(crate) const BRANCH: &str = "main";
/// The files of the first push, as people write them.
const FILES: [(&str, &str); 7] = [
    (REQUIREMENTS, include_str!("../demo-repo/requirements.txt")),
    (MODEL, include_str!("../demo-repo/dags/model.py")),
    ("dags/demo_process.py", include_str!("../demo-repo/dags/demo_process.py")),
    ("dags/fan_out.py", include_str!("../demo-repo/dags/fan_out.py")),
    ("dags/leftover.py", include_str!("../demo-repo/dags/leftover.py")),
    ("dags/lost.py", include_str!("../demo-repo/dags/lost.py")),
    ("dags/two_minutes.py", include_str!("../demo-repo/dags/two_minutes.py")),
];
/// The requirements file.
pub(crate) const REQUIREMENTS: &str = "requirements.txt";
/// The DAG file that the demo changes.
pub(crate) const MODEL: &str = "dags/model.py";

/// The bare repository.
pub(crate) fn bare(state: &State) -> PathBuf {
    state.path("repository.git")
}

fn work(state: &State) -> PathBuf {
    state.path("repository")
}

/// Makes both anew, without a commit.
pub(crate) async fn create(state: &State) -> Result<(), Failure> {
    for path in [bare(state), work(state)] {
        if path.exists() {
            fs::remove_dir_all(&path).map_err(Failure::file("remove", &path))?;
        }
    }
    let (bare, work) = (bare(state).display().to_string(), work(state).display().to_string());
    git(state, &["init", "-q", "--bare", "-b", BRANCH, &bare]).await?;
    git(state, &["init", "-q", "-b", BRANCH, &work]).await?;
    git(state, &["-C", &work, "remote", "add", "origin", &bare]).await.map(drop)
}

/// Writes the files of the first push.
pub(crate) fn write_template(state: &State) -> Result<(), Failure> {
    FILES.iter().try_for_each(|(path, text)| write(state, path, text))
}

/// A file of the working clone.
pub(crate) fn read(state: &State, path: &str) -> Result<String, Failure> {
    let path = work(state).join(path);
    fs::read_to_string(&path).map_err(Failure::file("read", &path))
}

/// Writes a file of the working clone.
pub(crate) fn write(state: &State, path: &str, text: &str) -> Result<(), Failure> {
    let path = work(state).join(path);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Failure::file("create", folder))?;
    fs::write(&path, text).map_err(Failure::file("write", &path))
}

/// Commits everything and pushes; the commit id.
pub(crate) async fn push(state: &State, message: &str) -> Result<String, Failure> {
    let work = work(state).display().to_string();
    git(state, &["-C", &work, "add", "-A"]).await?;
    git(state, &["-C", &work, "commit", "-qm", message]).await?;
    git(state, &["-C", &work, "push", "-q", "origin", BRANCH]).await?;
    Ok(git(state, &["-C", &work, "rev-parse", "HEAD"]).await?.trim().to_owned())
}

async fn git(state: &State, args: &[&str]) -> Result<String, Failure> {
    let mut all = vec![
        "git",
        "-c",
        "user.name=Demo",
        "-c",
        "user.email=demo@example.invalid",
        "-c",
        "commit.gpgsign=false",
    ];
    all.extend(args);
    let mut env = machine::environment();
    // The user's own git settings (hooks, signing, templates) are not part of the demo.
    env.insert("GIT_CONFIG_GLOBAL".to_owned(), "/dev/null".to_owned());
    env.insert("GIT_CONFIG_SYSTEM".to_owned(), "/dev/null".to_owned());
    Program::new("git", Path::new("/usr/bin/env"), &all, env).output(state).await
}
