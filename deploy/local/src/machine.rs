//! What the machine must have: system packages and our own programs beside this one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::failure::Failure;
use crate::process::Program;
use crate::state::State;

/// The script that checks for system packages and installs what is missing, after saying so.
const INSTALL: &str = include_str!("../install.sh");

/// Variables that reach the programs as they are: home, language, proxies and certificates, package index settings.
const PASSED: [&str; 12] = [
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "NETRC",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NO_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "UPDRAFT_INDEX_URL",
];
const PASSED_PREFIXES: [&str; 2] = ["UV_", "PIP_"];

/// The part of this process's environment that the programs get.
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars()
        .filter(|(name, _)| {
            PASSED.contains(&name.to_ascii_uppercase().as_str())
                || PASSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        })
        .chain([("PATH".to_owned(), std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned()))])
        .collect()
}

/// Installs what is missing. What is missing, and the command, go to standard error before anything is done.
pub(crate) async fn install() -> Result<(), Failure> {
    let program = "sh";
    let spawn = |source| Failure::Spawn { program: program.to_owned(), source };
    let status = tokio::process::Command::new(program)
        .args(["-c", INSTALL, "install.sh"])
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .map_err(spawn)?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Command {
        what: "the installation of system packages".to_owned(),
        status: status.to_string(),
        log: PathBuf::from("(above)"),
        tail: String::new(),
    })
}

/// Python 3.11: scikit-learn 1.3.0, which the demo pins, has no wheels for newer ones.
pub(crate) async fn python(state: &State) -> Result<String, Failure> {
    let named = std::env::var("UPDRAFT_LOCAL_PYTHON").ok();
    let mut candidates: Vec<&str> = named.as_deref().into_iter().collect();
    candidates.extend(["python3.11", "python3"]);
    for candidate in candidates {
        let script = "import sys; print(sys.version_info[:2] == (3, 11) and sys.executable or '')";
        let args = [candidate, "-c", script];
        let probe = Program::new("python", &PathBuf::from("/usr/bin/env"), &args, environment());
        if let Ok(path) = probe.output(state).await
            && !path.trim().is_empty()
        {
            return Ok(path.trim().to_owned());
        }
    }
    Err(Failure::Program { path: PathBuf::from("python3.11") })
}

/// One of our own programs, built together with this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf, Failure> {
    let here = std::env::current_exe().map_err(Failure::file("find", "this program"))?;
    let path = here.with_file_name(name);
    if path.is_file() { Ok(path) } else { Err(Failure::Program { path }) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_script_says_what_it_installs_before_it_does_and_never_rust() {
        let said = super::INSTALL.find("Missing system packages").unwrap();
        let done = super::INSTALL.find("$sudo apt-get update").unwrap();
        assert!(said < done);
        assert!(!super::INSTALL.contains("cargo") && !super::INSTALL.contains("rustup"));
    }
}
