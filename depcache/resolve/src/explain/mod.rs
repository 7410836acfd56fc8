//! A derivation tree in words.
//!
//! PubGrub's proof combines facts two by two; people want the facts. The leaves of the proof are exactly the facts
//! that contradict each other: they are merged per package and told along the way from the user's lines to the
//! place where they clash.

mod facts;
mod hints;
mod words;

use std::collections::BTreeSet;

use pep440_rs::Version;
use pubgrub::{DerivationTree, Ranges};
use uv_normalize::PackageName;

use crate::graph::Package;
use crate::provider::Provider;
use crate::requirements::Origin;
use crate::resolution::Conflict;
use facts::{Fact, Leaves};

type Tree = DerivationTree<Package, Ranges<Version>, String>;

/// Steps that are told; the rest is counted. More than a screen is not read at night.
const MAX_STEPS: usize = 16;

/// Explains why there is no solution.
pub(crate) fn conflict(provider: &Provider<'_>, tree: &Tree) -> Conflict {
    let leaves = Leaves::of(provider, tree);
    let mut story = Story { provider, leaves: &leaves, told: BTreeSet::new(), steps: Vec::new() };
    let mut involved: Vec<Origin> = Vec::new();
    for fact in &leaves.facts {
        match fact {
            Fact::Line { entry, to } => {
                let line = &provider.graph.input.expanded.requirements[*entry];
                let origin = &line.origin;
                if !involved.contains(origin) {
                    involved.push(origin.clone());
                    let name = &line.requirement.name;
                    let pin = provider.graph.catalogue.pins.get(name).filter(|_| line.direct.is_some());
                    story.steps.push(match pin {
                        Some(pin) => {
                            format!("{} takes {name} {} from {}", place(origin), pin.version, pin.reference)
                        }
                        None => format!("{} asks for {}", place(origin), origin.text),
                    });
                }
                story.visit(to);
            }
            Fact::Shadowed { package } => story.visit(package),
            // What the base keeps has requirements too, and no line leads to them.
            Fact::Protected { package, .. } => story.visit(&Package::Named(package.clone())),
            _ => {}
        }
    }
    let mut steps = story.steps;
    if steps.len() > MAX_STEPS {
        let more = steps.len() - MAX_STEPS;
        steps.truncate(MAX_STEPS);
        steps.push(format!("… and {more} more"));
    }
    let names: BTreeSet<PackageName> = leaves.facts.iter().flat_map(Fact::names).collect();
    involved.sort();
    Conflict {
        summary: summary(provider, &leaves, &involved),
        steps,
        hints: hints::all(provider, &leaves),
        involved,
        packages: names.into_iter().collect(),
    }
}

/// `requirements.txt:3`.
fn place(origin: &Origin) -> String {
    format!("{}:{}", origin.file, origin.line)
}

fn summary(provider: &Provider<'_>, leaves: &Leaves, involved: &[Origin]) -> String {
    let places = words::list(&involved.iter().map(place).collect::<Vec<_>>());
    if let Some(name) = leaves.unknown(provider) {
        return format!("no index has a package named {name} ({places})");
    }
    let keeps_base = leaves.facts.iter().any(|fact| matches!(fact, Fact::Protected { .. }));
    match (involved.len(), keeps_base) {
        (0, _) => "the base cannot be kept as it is".into(),
        (_, true) => format!("{places} cannot be installed beside what the base has"),
        (1, false) => format!("{places} cannot be satisfied"),
        (_, false) => format!("{places} contradict each other"),
    }
}

struct Story<'s, 'a> {
    provider: &'s Provider<'a>,
    leaves: &'s Leaves,
    told: BTreeSet<Package>,
    steps: Vec<String>,
}

impl Story<'_, '_> {
    /// Tells what is known about a package, then about what it requires.
    fn visit(&mut self, package: &Package) {
        if !self.told.insert(package.clone()) {
            return;
        }
        let leaves = self.leaves;
        for fact in &leaves.facts {
            match fact {
                Fact::Constraint { entry, to, .. } if to == package => {
                    let origin = &self.provider.graph.input.expanded.constraints[*entry].origin;
                    self.say(format!("{} allows only {}", place(origin), origin.text));
                }
                Fact::Override { entry, to, .. } if to == package => {
                    let origin = &self.provider.graph.input.expanded.overrides[*entry].origin;
                    self.say(format!(
                        "{} replaces every requirement of it by {}",
                        place(origin),
                        origin.text
                    ));
                }
                Fact::Protected { package: name, version, protection } if package.name() == Some(name) => {
                    self.say(format!("the base has {name} {version}, {protection}"));
                }
                Fact::NoVersions { package: other, range } if other == package => {
                    for line in words::no_versions(self.provider, leaves, package, range) {
                        self.say(line);
                    }
                }
                Fact::Unusable { package: other, versions, reason } if other == package => {
                    let (versions, _) = words::versions(self.provider, package, versions);
                    self.say(format!("{versions} cannot be used: {reason}"));
                }
                _ => {}
            }
        }
        for fact in &leaves.facts {
            if let Fact::Requires { package: from, versions, to, texts, range } = fact
                && from == package
            {
                // An extra comes in its package's version: nothing that anybody needs to be told.
                if from.name() != to.name() || !texts.is_empty() {
                    let (who, is_plural) = words::versions(self.provider, from, versions);
                    let requires = if is_plural { "require" } else { "requires" };
                    let what = match texts.as_slice() {
                        [one] => one.clone(),
                        _ => format!("{to} {}", words::range(range)),
                    };
                    self.say(format!("{who} {requires} {what}"));
                }
                self.visit(to);
            }
        }
        for (from, to) in leaves.facts.iter().filter_map(Fact::limits) {
            if from == package {
                self.visit(to);
            }
        }
        // What is required of `name[extra]` is told of `name`, and the other way round.
        let same: Vec<Package> = leaves
            .facts
            .iter()
            .flat_map(Fact::packages)
            .filter(|other| other.name().is_some() && other.name() == package.name())
            .cloned()
            .collect();
        for other in same {
            self.visit(&other);
        }
    }

    fn say(&mut self, line: String) {
        if !self.steps.contains(&line) {
            self.steps.push(line);
        }
    }
}
