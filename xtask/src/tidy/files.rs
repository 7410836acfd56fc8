//! Rules over files: length, names, READMEs, crate docs, purity by text, no addresses in locks.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use super::direction::DECIDING;
use crate::graph::Member;

/// No file is longer: split by responsibility.
const LINES_AT_MOST: usize = 400;
/// `main.rs` is a table of contents.
const MAIN_LINES_BELOW: usize = 130;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = ["util", "utils", "helper", "helpers", "common", "misc", "manager", "handler"];
/// Calls that make a decision depend on when and where it runs.
const IMPURE_CALLS: [&str; 7] = [
    "Instant::now",
    "SystemTime::now",
    "env::var",
    "std::fs::",
    "std::net::",
    "std::process::",
    "std::thread::",
];
const CODE: [&str; 4] = ["rs", "py", "sh", "js"];

pub(super) fn check(root: &Path, members: &[Member]) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for path in tracked(root)? {
        // A file may be staged as deleted while the tree is being worked on.
        let Ok(bytes) = fs::read(root.join(&path)) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        findings.extend(file(&path, &text, members));
    }
    for member in members {
        if !root.join(&member.folder).join("README.md").is_file() {
            findings.push(format!("{}: README.md is missing", member.folder));
        }
        for entry in ["src/lib.rs", "src/main.rs"] {
            let path = root.join(&member.folder).join(entry);
            if let Ok(text) = fs::read_to_string(&path)
                && !text.starts_with("//!")
            {
                findings.push(format!("{}/{entry}: begins with no crate doc (//!)", member.folder));
            }
        }
    }
    Ok(findings)
}

fn tracked(root: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("cannot run git ls-files")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let list = String::from_utf8(output.stdout).context("a path is not UTF-8")?;
    Ok(list.split('\0').filter(|path| !path.is_empty()).map(ToOwned::to_owned).collect())
}

fn file(path: &str, text: &str, members: &[Member]) -> Vec<String> {
    let mut findings = Vec::new();
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    if CODE.contains(&extension) {
        let lines = text.lines().count();
        if lines > LINES_AT_MOST {
            findings.push(format!("{path}: {lines} lines, at most {LINES_AT_MOST}"));
        }
        if name == "main.rs" && lines >= MAIN_LINES_BELOW {
            findings.push(format!(
                "{path}: {lines} lines; main.rs is a table of contents, below {MAIN_LINES_BELOW}"
            ));
        }
        if path.split('/').any(|part| EMPTY_NAMES.contains(&part)) || EMPTY_NAMES.contains(&stem) {
            findings.push(format!("{path}: the name says nothing about what is inside"));
        }
    }
    if extension == "txt" && path.starts_with("deploy/") && text.contains("://") {
        findings.push(format!("{path}: a committed lock carries names, versions and hashes, no addresses"));
    }
    let source_of = |m: &&Member| path.starts_with(&format!("{}/src/", m.folder));
    if let Some(member) = members.iter().find(source_of)
        && DECIDING.contains(&member.name.as_str())
        && name != "tests.rs"
    {
        let body = text.split("#[cfg(test)]").next().unwrap_or(text);
        for call in IMPURE_CALLS.iter().filter(|call| body.contains(*call)) {
            findings.push(format!("{path}: `{call}` in a deciding crate; take it as an argument"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deciding() -> Vec<Member> {
        let member = |name: &str, folder: &str| Member {
            name: name.into(),
            folder: folder.into(),
            uses: [].into(),
            third_party: [].into(),
        };
        vec![member("agent-core", "agent/core")]
    }

    #[test]
    fn a_long_file_an_empty_name_and_a_clock_are_found() {
        let long = "x\n".repeat(401);
        assert_eq!(file("agent/src/a.rs", &long, &[]), ["agent/src/a.rs: 401 lines, at most 400"]);
        assert_eq!(file("agent/src/utils.rs", "", &[]).len(), 1);
        assert_eq!(file("agent/src/util/mod.rs", "", &[]).len(), 1);
        let clock = "fn f() { std::time::Instant::now(); }\n";
        assert_eq!(file("agent/core/src/f.rs", clock, &deciding()).len(), 1);
        let test = "#[cfg(test)]\nmod tests { fn f() { std::time::Instant::now(); } }\n";
        assert_eq!(file("agent/core/src/f.rs", test, &deciding()), Vec::<String>::new());
    }

    #[test]
    fn an_address_in_a_lock_is_found() {
        assert_eq!(file("deploy/local/base.txt", "a==1 --hash=sha256:00\n", &[]), Vec::<String>::new());
        assert_eq!(file("deploy/local/base.txt", "--index-url https://x\n", &[]).len(), 1);
    }
}
