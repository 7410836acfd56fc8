//! Direction of dependencies: shells use decisions, everybody uses `shared/`, products do not use each other.

use crate::graph::Member;

/// Crates that decide: pure, `now` is an argument.
pub(super) const DECIDING: [&str; 5] =
    ["agent-core", "agent-usage", "autoscaler-plan", "costs-engine", "depcache-resolve"];

/// What no deciding crate may have anywhere in its tree: runtimes, sockets, stores, randomness.
const IMPURE: [&str; 10] =
    ["tokio", "kube", "hyper", "reqwest", "axum", "aws-sdk-s3", "redis", "gix", "rand", "object_store"];

/// `depcache-layer` works over `Read` and `Write`: no runtime, no sockets.
const LAYER_IMPURE: [&str; 6] = ["tokio", "hyper", "reqwest", "aws-sdk-s3", "redis", "gix"];

/// Product to product there is one edge only.
const PRODUCT_EDGES: [(&str, &str); 1] = [("agent", "depcache")];

/// Programs that may start or check every product; nothing may use them.
const OUTSIDE: [&str; 3] = ["deploy", "xtask", "benches"];

pub(super) fn check(members: &[Member]) -> Vec<String> {
    let mut findings = Vec::new();
    for member in members {
        findings.extend(purity(member));
        for used in &member.uses {
            let Some(target) = members.iter().find(|m| &m.name == used) else { continue };
            if let Some(finding) = edge(member, target) {
                findings.push(finding);
            }
        }
        if member.folder.starts_with("shared/") && member.name != folder_name(&member.folder) {
            findings.push(format!("{}: a crate under shared/ is named like its folder", member.folder));
        }
        if !member.folder.starts_with("shared/") && member.name != member.folder.replace('/', "-") {
            findings.push(format!(
                "{}: expected the name {}",
                member.folder,
                member.folder.replace('/', "-")
            ));
        }
    }
    findings
}

fn purity(member: &Member) -> Vec<String> {
    let banned: &[&str] = match member.name.as_str() {
        name if DECIDING.contains(&name) => &IMPURE,
        "depcache-layer" | "domain" => &LAYER_IMPURE,
        _ => &[],
    };
    let found = banned.iter().filter(|name| member.third_party.contains(**name));
    found.map(|name| format!("{} may not use {name}: it decides, shells act", member.name)).collect()
}

fn edge(from: &Member, to: &Member) -> Option<String> {
    let (source, target) = (product(&from.folder), product(&to.folder));
    let refuse = |why: &str| Some(format!("{} → {}: {why}", from.name, to.name));
    if OUTSIDE.contains(&target) {
        return refuse("nothing that ships uses it");
    }
    if to.name == "testkit" && !OUTSIDE.contains(&source) {
        return refuse("testkit is for tests: make it a dev-dependency");
    }
    if OUTSIDE.contains(&source) || target == source {
        return None;
    }
    if target == "shared" {
        return None;
    }
    if source == "shared" {
        return refuse("shared crates are leaves");
    }
    if PRODUCT_EDGES.contains(&(source, target)) && to.name == target {
        return None;
    }
    refuse("products do not use each other")
}

fn product(folder: &str) -> &str {
    folder.split('/').next().unwrap_or(folder)
}

fn folder_name(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(folder: &str, uses: &[&str], third_party: &[&str]) -> Member {
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let name = folder.strip_prefix("shared/").map_or_else(|| folder.replace('/', "-"), ToOwned::to_owned);
        Member { name, folder: folder.into(), uses: own(uses), third_party: own(third_party) }
    }

    #[test]
    fn the_wanted_shape_passes() {
        let tree = [
            member("agent", &["agent-core", "depcache", "daemon"], &["tokio"]),
            member("agent/core", &["domain"], &["serde"]),
            member("depcache", &["domain"], &["tokio"]),
            member("shared/daemon", &["domain"], &["tokio"]),
            member("shared/domain", &[], &["serde"]),
        ];
        assert_eq!(check(&tree), Vec::<String>::new());
    }

    #[test]
    fn each_forbidden_edge_is_named() {
        let tree = [
            member("agent", &["testkit", "deploy-local"], &[]),
            member("agent/core", &[], &["tokio"]),
            member("autoscaler", &["depcache"], &[]),
            member("depcache", &["agent"], &[]),
            member("deploy/local", &[], &[]),
            member("shared/daemon", &["agent"], &[]),
            member("shared/testkit", &[], &[]),
        ];
        assert_eq!(
            check(&tree),
            [
                "agent → deploy-local: nothing that ships uses it",
                "agent → testkit: testkit is for tests: make it a dev-dependency",
                "agent-core may not use tokio: it decides, shells act",
                "autoscaler → depcache: products do not use each other",
                "depcache → agent: products do not use each other",
                "daemon → agent: shared crates are leaves",
            ]
        );
    }
}
