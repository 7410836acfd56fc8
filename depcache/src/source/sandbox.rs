//! A world of its own for a build: no network, no processes but its own, the cache read-only.
//!
//! Made by `unshare`, `mount`, `setpriv` and `prlimit` of util-linux, in a user namespace where the kernel permits one,
//! else with the caller's own rights (a builder that runs as root). What works is tried once per process, with the same
//! steps that a build takes.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::rules::{BuildLimits, SandboxRule};

/// Ways to a world of its own, best first. `--kill-child`: what is left of a build ends with `unshare`.
const WORLDS: [&[&str]; 2] = [
    &["--user", "--map-root-user", "--mount", "--net", "--pid", "--fork", "--kill-child"],
    &["--mount", "--net", "--pid", "--fork", "--kill-child"],
];

/// `$1` is made read-only, `$2` below it stays writable; then everything that could undo that is given away. The working
/// directory is entered anew: the one at hand lies in what was there before, which can be written.
const INSIDE: &str = r#"set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount --bind "$2" "$2"
mount -o remount,bind,rw "$2"
cd "$3"
shift 3
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@""#;

/// How builds are fenced on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sandbox {
    /// With these options of `unshare`.
    World(&'static [&'static str]),
    /// Not at all; the text is what the last try said.
    None(String),
}

/// What works here; tried once.
pub(super) fn available() -> &'static Sandbox {
    static FOUND: OnceLock<Sandbox> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut said = String::from("unshare of util-linux is missing");
        for options in WORLDS {
            match try_world(options) {
                Ok(()) => return Sandbox::World(options),
                Err(why) => said = why,
            }
        }
        Sandbox::None(said)
    })
}

fn try_world(options: &'static [&'static str]) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let inner = dir.path().join("work");
    std::fs::create_dir(&inner).map_err(|error| error.to_string())?;
    // The two things that matter: the outside cannot be written, the inside can.
    let check = r#"touch "$0/x" && ! touch "$0/../x" 2>/dev/null"#;
    let arguments = [OsStr::new("sh"), OsStr::new("-c"), OsStr::new(check), inner.as_os_str()];
    let limits = BuildLimits::default();
    let sandbox = Sandbox::World(options);
    let output = command(&sandbox, &limits, dir.path(), &inner, &inner, &arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("setpriv of util-linux cannot be started ({error})"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().next().unwrap_or("it ended without a word").to_owned())
}

/// The command that runs `arguments` fenced in `directory`: `outside` read-only, `inside` (below it) writable.
///
/// It ends when the thread that started it ends, also by a kill of this process.
pub(super) fn command(
    sandbox: &Sandbox,
    limits: &BuildLimits,
    outside: &Path,
    inside: &Path,
    directory: &Path,
    arguments: &[&OsStr],
) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]);
    if let Sandbox::World(options) = sandbox {
        command
            .arg("unshare")
            .args(*options)
            .args(["--", "sh", "-c", INSIDE, "sh"])
            .arg(outside)
            .arg(inside)
            .arg(directory);
    }
    let limit = |name: &str, value: u64| OsString::from(format!("--{name}={value}"));
    command
        .current_dir(directory)
        .arg("prlimit")
        .arg(limit("data", limits.memory_bytes))
        .arg(limit("fsize", limits.disk_bytes))
        // Processes may wait for each other, but not burn more than every core for the whole time.
        .arg(limit("cpu", limits.time.as_secs().max(1)))
        .arg(limit("core", 0))
        .arg("--")
        .args(arguments);
    command
}

/// The sandbox that `rule` allows, or what the kernel said against one.
pub(super) fn chosen(rule: SandboxRule) -> Result<&'static Sandbox, &'static str> {
    match (available(), rule) {
        (Sandbox::None(said), SandboxRule::Required) => Err(said),
        (found, _) => Ok(found),
    }
}
