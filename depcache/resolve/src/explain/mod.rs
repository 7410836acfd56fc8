//! A derivation tree in words.

use pubgrub::DerivationTree;

use crate::graph::Package;
use crate::provider::Provider;
use crate::resolution::Conflict;

type Tree = DerivationTree<Package, pubgrub::Ranges<pep440_rs::Version>, String>;

/// Explains why there is no solution.
pub(crate) fn conflict(provider: &Provider<'_>, tree: &Tree) -> Conflict {
    let _ = provider;
    Conflict {
        summary: format!("{tree:?}"),
        steps: vec![],
        hints: vec![],
        involved: vec![],
        packages: vec![],
    }
}
