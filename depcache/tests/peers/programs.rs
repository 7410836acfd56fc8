//! `depcache lock` and `uv pip compile`, run alike.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Pins;

/// Whether this machine is one that the recordings are for.
pub(crate) fn is_recorded_target() -> bool {
    let code = "import platform as p, sys; print(p.python_implementation(), sys.version_info[:2], p.machine(), p.libc_ver()[0])";
    let output = Command::new("python3").args(["-c", code]).output();
    output
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == "CPython (3, 11) x86_64 glibc")
}

/// Packages of the lock; the error is what was said.
pub(crate) fn depcache(file: &Path, index: &str, cut_off: &str) -> Result<Pins, String> {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_depcache"))
        .arg("lock")
        .arg(file)
        .args(["--base", "none", "--exclude-newer", cut_off, "--index-url", index])
        .current_dir(dir.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir.path())
        .env("UPDRAFT_CACHE_DIR", dir.path().join("cache"))
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let lock: toml::Table = String::from_utf8(output.stdout).unwrap().parse().unwrap();
    let packages = lock.get("packages").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    Ok(packages.iter().map(|package| (text(package, "name"), text(package, "version"))).collect())
}

/// What uv compiles; `None`: there is no uv. Without an index: the one that uv is configured for.
pub(crate) fn uv(file: &Path, index: Option<&str>, cut_off: &str) -> Option<Result<Pins, String>> {
    let program = PathBuf::from(std::env::var_os("UPDRAFT_TEST_PEERS")?).join("bin/uv");
    if !program.is_file() {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.args(["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python", "python3"]);
    command.args(["--exclude-newer", cut_off]).arg(file).current_dir(dir.path());
    command.env("UV_CACHE_DIR", dir.path().join("cache")).env("UV_NO_PROGRESS", "1");
    if let Some(index) = index {
        command.args(["--no-config", "--default-index", index]);
    }
    let output = command.output().unwrap();
    if !output.status.success() {
        return Some(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let pins = text.lines().filter_map(|line| {
        let (name, rest) = line.split_once("==")?;
        Some((name.trim().to_owned(), rest.split([' ', ';']).next()?.to_owned()))
    });
    Some(Ok(pins.collect()))
}
