//! A lock as requirements file with hashes, for tools that read no `pylock.toml`.

use std::fmt::Write;

use crate::lock::{Lock, LockedFile, LockedPackage, LockedSource};

/// The text of a `requirements.txt` that installs what `lock` installs.
pub fn requirements(lock: &Lock) -> String {
    let mut text =
        String::from("# made by depcache from a lock; install with --no-deps: the base has the rest\n");
    // Writing to a string cannot fail.
    for (name, version) in &lock.kept {
        writeln!(text, "# of the base: {name}=={version}").ok();
    }
    for package in &lock.packages {
        writeln!(text, "{}", line(package)).ok();
    }
    text
}

fn line(package: &LockedPackage) -> String {
    let extras =
        if package.extras.is_empty() { String::new() } else { format!("[{}]", package.extras.join(",")) };
    let name = format!("{}{extras}", package.name);
    let within = |subdirectory: &Option<String>| {
        subdirectory.as_ref().map(|folder| format!("subdirectory={folder}")).into_iter()
    };
    let fragment = |parts: Vec<String>| {
        if parts.is_empty() { String::new() } else { format!("#{}", parts.join("&")) }
    };
    match &package.source {
        LockedSource::Wheel(file) | LockedSource::Sdist(file) => {
            format!("{name}=={} \\\n    --hash=sha256:{}", package.version, file.sha256.hex())
        }
        LockedSource::Archive { file: LockedFile { url: Some(url), sha256, .. }, subdirectory } => {
            let mut parts = vec![format!("sha256={}", sha256.hex())];
            parts.extend(within(subdirectory));
            format!("{name} @ {url}{}", fragment(parts))
        }
        LockedSource::Archive { file, subdirectory } => {
            let path = file.path.as_deref().unwrap_or(&file.filename);
            format!("{}{}", local(path), fragment(within(subdirectory).collect()))
        }
        LockedSource::Vcs { url, commit, subdirectory, .. } => {
            format!("{name} @ git+{url}@{commit}{}", fragment(within(subdirectory).collect()))
        }
        LockedSource::Directory { path, editable, subdirectory } => {
            let place = match subdirectory {
                Some(folder) => format!("{path}/{folder}"),
                None => path.clone(),
            };
            format!("{}{}{extras}", if *editable { "-e " } else { "" }, local(&place))
        }
    }
}

/// A path that nobody takes for a name.
fn local(path: &str) -> String {
    if path.starts_with(['/', '.']) { path.to_owned() } else { format!("./{path}") }
}
