//! The leaves of a derivation tree, merged and matched with the edges that they came from.

use std::collections::BTreeSet;

use pep440_rs::Version;
use pubgrub::{DerivationTree, External, Ranges};
use uv_normalize::PackageName;

use super::Tree;
use crate::base::Protection;
use crate::graph::{Package, Why};
use crate::provider::Provider;

/// One thing that takes part in the contradiction.
#[derive(Debug)]
pub(super) enum Fact {
    /// A requirement line.
    Line { entry: usize, to: Package },
    /// A constraint line, met on a requirement of `from`.
    Constraint { entry: usize, from: Package, to: Package },
    /// An override line, which stands in for a requirement of `from`.
    Override { entry: usize, from: Package, to: Package },
    /// The base has it and it must stay.
    Protected { package: PackageName, version: Version, protection: Protection },
    /// The base has it, in a version that has to go.
    Shadowed { package: Package },
    /// Versions of a package require something.
    Requires {
        package: Package,
        versions: Ranges<Version>,
        to: Package,
        texts: Vec<String>,
        range: Ranges<Version>,
    },
    /// Nothing usable in the range.
    NoVersions { package: Package, range: Ranges<Version> },
    /// A version whose metadata cannot be used.
    Unusable { package: Package, versions: Ranges<Version>, reason: String },
}

impl Fact {
    /// Packages that it speaks of.
    pub(super) fn packages(&self) -> Vec<&Package> {
        match self {
            Self::Line { to, .. } | Self::Constraint { to, .. } | Self::Override { to, .. } => vec![to],
            Self::Protected { .. } => vec![],
            Self::Requires { package, to, .. } => vec![package, to],
            Self::Shadowed { package }
            | Self::NoVersions { package, .. }
            | Self::Unusable { package, .. } => {
                vec![package]
            }
        }
    }

    /// The package that a constraint or override line leads away from, with where it leads.
    pub(super) fn limits(&self) -> Option<(&Package, &Package)> {
        match self {
            Self::Constraint { from, to, .. } | Self::Override { from, to, .. } => Some((from, to)),
            _ => None,
        }
    }

    /// Names that it speaks of.
    pub(super) fn names(&self) -> Vec<PackageName> {
        match self {
            Self::Protected { package, .. } => vec![package.clone()],
            _ => self.packages().into_iter().filter_map(Package::name).cloned().collect(),
        }
    }
}

/// All facts: lines first, in their order.
pub(super) struct Leaves {
    pub(super) facts: Vec<Fact>,
}

impl Leaves {
    pub(super) fn of(provider: &Provider<'_>, tree: &Tree) -> Self {
        let mut externals = Vec::new();
        collect(tree, &mut BTreeSet::new(), &mut externals);
        let mut leaves = Self { facts: Vec::new() };
        for external in externals {
            leaves.add(provider, external);
        }
        // The proof's order is an accident of the search: lines as the user wrote them, the rest by name.
        leaves.facts.sort_by_key(|fact| match fact {
            Fact::Line { entry, .. } => (0, *entry, String::new()),
            Fact::Shadowed { package } => (1, 0, package.to_string()),
            Fact::Constraint { entry, .. } | Fact::Override { entry, .. } => (2, *entry, String::new()),
            Fact::Requires { package, to, .. } => (3, 0, format!("{package} {to}")),
            Fact::NoVersions { package, .. } => (4, 0, package.to_string()),
            Fact::Unusable { package, versions, .. } => (5, 0, format!("{package} {versions}")),
            Fact::Protected { package, .. } => (6, 0, package.to_string()),
        });
        leaves
    }

    /// A package that takes part and that no index knows.
    pub(super) fn unknown(&self, provider: &Provider<'_>) -> Option<PackageName> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::NoVersions { package, .. } => {
                let name = package.name()?;
                provider.graph.catalogue.known(name)?.is_unknown.then(|| name.clone())
            }
            _ => None,
        })
    }

    fn add(&mut self, provider: &Provider<'_>, external: &External<Package, Ranges<Version>, String>) {
        match external {
            External::NotRoot(..) => {}
            External::NoVersions(package, range) => {
                for fact in &mut self.facts {
                    if let Fact::NoVersions { package: known, range: union } = fact
                        && known == package
                    {
                        *union = union.union(range);
                        return;
                    }
                }
                self.facts.push(Fact::NoVersions { package: package.clone(), range: range.clone() });
            }
            External::Custom(package, versions, reason) => {
                for fact in &mut self.facts {
                    if let Fact::Unusable { package: known, versions: union, reason: same } = fact
                        && known == package
                        && same == reason
                    {
                        *union = union.union(versions);
                        return;
                    }
                }
                let (package, versions) = (package.clone(), versions.clone());
                self.facts.push(Fact::Unusable { package, versions, reason: reason.clone() });
            }
            External::FromDependencyOf(Package::Root, _, to, range) => self.add_root(provider, to, range),
            External::FromDependencyOf(package, versions, to, range) => {
                self.add_requires(provider, package, versions, to, range);
            }
        }
    }

    fn add_root(&mut self, provider: &Provider<'_>, to: &Package, range: &Ranges<Version>) {
        let edges = provider.graph.root();
        let Some(edge) = edges.iter().find(|edge| edge.to == *to && edge.range == *range) else { return };
        let fact = match (&edge.why, to) {
            (Why::Line(entry), _) => Fact::Line { entry: *entry, to: to.clone() },
            (Why::Constraint(entry), _) => {
                Fact::Constraint { entry: *entry, from: Package::Root, to: to.clone() }
            }
            (Why::Override(entry), _) => {
                Fact::Override { entry: *entry, from: Package::Root, to: to.clone() }
            }
            (Why::Protected(protection), Package::Named(name)) => {
                let Some(version) = range.as_singleton() else { return };
                let (package, version) = (name.clone(), version.clone());
                Fact::Protected { package, version, protection: *protection }
            }
            (Why::Present, _) => Fact::Shadowed { package: to.clone() },
            _ => return,
        };
        self.facts.push(fact);
    }

    fn add_requires(
        &mut self,
        provider: &Provider<'_>,
        package: &Package,
        versions: &Ranges<Version>,
        to: &Package,
        range: &Ranges<Version>,
    ) {
        let mut texts = Vec::new();
        for (from, version, edges) in provider.known_edges() {
            if from != *package || !versions.contains(&version) {
                continue;
            }
            let Ok(edges) = &*edges else { continue };
            for edge in edges.iter().filter(|edge| edge.to == *to && edge.range == *range) {
                match &edge.why {
                    Why::Constraint(entry) => {
                        let (entry, from, to) = (*entry, package.clone(), to.clone());
                        self.facts.push(Fact::Constraint { entry, from, to });
                        return;
                    }
                    Why::Override(entry) => {
                        let (entry, from, to) = (*entry, package.clone(), to.clone());
                        self.facts.push(Fact::Override { entry, from, to });
                        return;
                    }
                    Why::Requires(text) => texts.push(without_marker(text)),
                    _ => {}
                }
            }
        }
        texts.sort();
        texts.dedup();
        for fact in &mut self.facts {
            if let Fact::Requires { package: from, versions: known, to: other, texts: all, range: union } =
                fact
                && from == package
                && other == to
            {
                *known = known.union(versions);
                *union = union.union(range);
                all.extend(texts);
                all.sort();
                all.dedup();
                return;
            }
        }
        self.facts.push(Fact::Requires {
            package: package.clone(),
            versions: versions.clone(),
            to: to.clone(),
            texts,
            range: range.clone(),
        });
    }
}

fn without_marker(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_owned()
}

/// External incompatibilities, shared parts once. Explicit stack: proofs can be deep.
fn collect<'t>(
    tree: &'t Tree,
    seen: &mut BTreeSet<usize>,
    found: &mut Vec<&'t External<Package, Ranges<Version>, String>>,
) {
    let mut open = vec![tree];
    while let Some(next) = open.pop() {
        match next {
            DerivationTree::External(external) => found.push(external),
            DerivationTree::Derived(derived) => {
                if derived.shared_id.is_none_or(|id| seen.insert(id)) {
                    open.push(&derived.cause2);
                    open.push(&derived.cause1);
                }
            }
        }
    }
}
