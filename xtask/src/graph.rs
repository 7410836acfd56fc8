//! The dependency graph as cargo reports it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<RawPackage>,
    resolve: Resolve,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct RawPackage {
    id: String,
    name: String,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

/// Crates whose own dependencies do not count. `uv-fs` (below uv's requirement types) names tokio for file locks
/// that no code of ours can reach through those types.
const OPAQUE: [&str; 1] = ["uv-fs"];

/// One crate of the workspace.
pub(crate) struct Member {
    /// Package name.
    pub(crate) name: String,
    /// Folder relative to the workspace root.
    pub(crate) folder: String,
    /// Workspace crates that it uses in the product (not for tests, not for building).
    pub(crate) uses: BTreeSet<String>,
    /// Every third-party crate in its product tree.
    pub(crate) third_party: BTreeSet<String>,
}

/// Reads the workspace's members with their normal dependencies.
pub(crate) fn members(root: &Path) -> anyhow::Result<Vec<Member>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cargo metadata changed its form")?;
    let packages: BTreeMap<_, _> = metadata.packages.iter().map(|p| (p.id.as_str(), p)).collect();
    let edges: BTreeMap<_, Vec<_>> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), normal(node, &packages))).collect();
    let ours: BTreeSet<_> = metadata.workspace_members.iter().map(String::as_str).collect();
    metadata
        .workspace_members
        .iter()
        .map(|id| {
            let package = packages[id.as_str()];
            let folder = package.manifest_path.parent().and_then(|p| p.strip_prefix(root).ok());
            let direct = edges[id.as_str()].iter().filter(|dep| ours.contains(**dep));
            let tree = reachable(id, &edges);
            Ok(Member {
                name: package.name.clone(),
                folder: folder.context("a member lies in the workspace")?.display().to_string(),
                uses: direct.map(|dep| packages[dep].name.clone()).collect(),
                third_party: tree.difference(&ours).map(|dep| packages[dep].name.clone()).collect(),
            })
        })
        .collect()
}

fn normal<'a>(node: &'a Node, packages: &BTreeMap<&str, &RawPackage>) -> Vec<&'a str> {
    if OPAQUE.contains(&packages[node.id.as_str()].name.as_str()) {
        return Vec::new();
    }
    let is_normal = |edge: &&Edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none());
    node.deps.iter().filter(is_normal).map(|edge| edge.pkg.as_str()).collect()
}

fn reachable<'a>(from: &'a str, edges: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            open.extend(edges.get(id).into_iter().flatten());
        }
    }
    seen
}
