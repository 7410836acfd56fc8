//! Rules of the house that no lint can hold. Every finding is printed; one is enough to fail.

mod direction;
mod files;

use std::path::Path;

use anyhow::bail;

use crate::graph;

/// Checks the tree.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let members = graph::members(root)?;
    let mut findings = direction::check(&members);
    findings.extend(files::check(root, &members)?);
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{} findings\n  {}", findings.len(), findings.join("\n  "));
}
