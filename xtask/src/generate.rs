//! What is derived from code and committed: the JSON schemas of the stored formats.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// Writes every derived file, or with `check` only compares.
pub(crate) fn run(root: &Path, check: bool) -> anyhow::Result<()> {
    let folder = root.join("shared/domain/schemas");
    let wanted = schemas(&folder)?;
    let mut stale = Vec::new();
    for (path, text) in &wanted {
        if fs::read_to_string(path).ok().as_ref() != Some(text) {
            stale.push(path.clone());
        }
    }
    let leftover = leftover(&folder, &wanted)?;
    if check {
        if stale.is_empty() && leftover.is_empty() {
            return Ok(());
        }
        let list: Vec<_> = stale.iter().chain(&leftover).map(|p| p.display().to_string()).collect();
        bail!(
            "not what the code says: {}\nhint: run `cargo xtask generate` and commit the result",
            list.join(", ")
        );
    }
    fs::create_dir_all(&folder).context("cannot create the schema folder")?;
    for path in stale {
        fs::write(&path, &wanted[&path]).with_context(|| format!("cannot write {}", path.display()))?;
    }
    for path in leftover {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn schemas(folder: &Path) -> anyhow::Result<BTreeMap<PathBuf, String>> {
    domain::schemas::all()
        .into_iter()
        .map(|(name, schema)| {
            let text = serde_json::to_string_pretty(&schema).context("a schema is JSON")?;
            Ok((folder.join(format!("{name}.json")), text + "\n"))
        })
        .collect()
}

fn leftover(folder: &Path, wanted: &BTreeMap<PathBuf, String>) -> anyhow::Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.context("cannot list the schema folder")?.path();
        if !wanted.contains_key(&path) {
            found.push(path);
        }
    }
    Ok(found)
}
