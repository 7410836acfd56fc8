//! PostgreSQL: Airflow's metadata and Celery's results. A throw-away cluster without fsync, made anew each time.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{Uid, User};

use crate::failure::Failure;
use crate::ledger::Entry;
use crate::machine;
use crate::process::{Program, until_served};
use crate::state::State;

/// A new cluster starts in a second; a loaded machine takes longer.
const START: Duration = Duration::from_mins(1);
/// PostgreSQL refuses to run as root; Debian's package brings this user.
const USER: &str = "postgres";
/// Where Debian keeps the programs that are not for everybody.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Others may pass through a folder.
const PASS: u32 = 0o001;

pub(super) async fn start(state: &State) -> Result<Entry, Failure> {
    let programs = programs()?;
    let user = as_user()?;
    let folder = folder(state, user.is_some())?;
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Failure::file("remove", &folder))?;
    }
    fs::create_dir_all(&folder).map_err(Failure::file("create", &folder))?;
    if let Some((uid, gid)) = user {
        chown(&folder, Some(uid), Some(gid)).map_err(Failure::file("give away", &folder))?;
    }
    let data = folder.join("data").display().to_string();
    let args = ["-D", &data, "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync"];
    run(state, "initdb", &programs, &args, user).run(state).await?;
    serve(state, &programs, &folder, user)
}

/// Starts the server on the cluster that is there.
pub(super) fn again(state: &State) -> Result<Entry, Failure> {
    let user = as_user()?;
    let folder = folder(state, user.is_some())?;
    serve(state, &programs()?, &folder, user)
}

fn serve(state: &State, programs: &Path, folder: &Path, user: Option<(u32, u32)>) -> Result<Entry, Failure> {
    let data = folder.join("data").display().to_string();
    let port = format!("port={}", state.ports().postgres);
    let args = [
        "-D",
        &data,
        "-c",
        &port,
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "unix_socket_directories=",
        "-c",
        "max_connections=200",
        "-c",
        "fsync=off",
        "-c",
        "synchronous_commit=off",
        "-c",
        "full_page_writes=off",
    ];
    run(state, USER, programs, &args, user).start(state)
}

pub(super) async fn wait(state: &State, entry: &Entry) -> Result<(), Failure> {
    let programs = programs()?;
    let port = state.ports().postgres.to_string();
    let args = ["-q", "-h", "127.0.0.1", "-p", &port, "-U", USER];
    let ready = run(state, "pg_isready", &programs, &args, None);
    until_served(state, entry, "PostgreSQL answers", START, || async {
        match ready.status(state).await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(status.to_string()),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

fn run(state: &State, name: &str, programs: &Path, args: &[&str], user: Option<(u32, u32)>) -> Program {
    let mut env = machine::environment();
    // HOME of another user, and messages in a language that logs are searched in.
    env.insert("HOME".to_owned(), state.dir().display().to_string());
    env.insert("LC_ALL".to_owned(), "C".to_owned());
    Program { user, ..Program::new(name, &programs.join(name), args, env) }
}

/// The folder with `initdb` and `postgres`: PATH, or the newest of Debian's.
fn programs() -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|dir| dir.join("initdb").is_file());
    // A link on PATH leads to the folder that has all of them.
    let linked = on_path
        .and_then(|dir| dir.join("initdb").canonicalize().ok())
        .and_then(|program| program.parent().map(Path::to_owned));
    let debian = || {
        let mut found: Vec<PathBuf> =
            fs::read_dir(DEBIAN).ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
        found.retain(|dir| dir.join("initdb").is_file());
        found.sort();
        found.pop()
    };
    linked.or_else(debian).ok_or_else(|| Failure::Program { path: Path::new(DEBIAN).join("initdb") })
}

/// User and group to run as: none for ordinary users.
fn as_user() -> Result<Option<(u32, u32)>, Failure> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    let user = User::from_name(USER).ok().flatten().ok_or(Failure::NoPostgresUser)?;
    Ok(Some((user.uid.as_raw(), user.gid.as_raw())))
}

/// In the state folder, unless another user cannot get there (a clone below /root): then in the system's own place
/// for temporary folders, under a name that belongs to this state folder.
fn folder(state: &State, other_user: bool) -> Result<PathBuf, Failure> {
    let inside = state.path("postgres");
    let mut passable = true;
    for folder in state.dir().ancestors() {
        let mode = fs::metadata(folder).map_err(Failure::file("look at", folder))?.permissions().mode();
        passable &= mode & PASS != 0;
    }
    if passable || !other_user {
        return Ok(inside);
    }
    let name = domain::Digest::of(state.dir().as_os_str().as_encoded_bytes()).short();
    Ok(std::env::temp_dir().join(format!("updraft-local-postgres-{name}")))
}
