//! Why an environment has a package: the user's lines that lead to it, over which requirements; or which
//! requirements name it and do not apply.

mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pep440_rs::Version;
use pep508_rs::MarkerTree;
use uv_normalize::{ExtraName, PackageName};

use crate::facts::{Facts, FileMetadata, Requirement};
use crate::input::Input;
use crate::requirements::Origin;
use crate::resolution::{Resolution, ResolveError};
use crate::target::Target;

/// Who requires something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirer {
    /// A line of the user.
    Line(Origin),
    /// A package of the environment.
    Package {
        /// Its name.
        name: PackageName,
        /// Its version.
        version: Version,
        /// The base has it.
        of_base: bool,
    },
}

/// One requirement on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who requires.
    pub by: Requirer,
    /// What, as it is written there, with extras and marker.
    pub requirement: String,
    /// The package it names.
    pub to: PackageName,
    /// Why it does not apply; `None`: it does.
    pub unmet: Option<String>,
}

/// The answer for one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The package.
    pub name: PackageName,
    /// Its version in the environment; `None`: the environment does not have it.
    pub version: Option<Version>,
    /// It is the base's own.
    pub of_base: bool,
    /// For each line of the user that leads to it: the shortest way, the line first.
    pub chains: Vec<Vec<Step>>,
    /// Other packages of the environment that require it, directly.
    pub also: Vec<Step>,
    /// Requirements that name it and do not apply.
    pub not_applying: Vec<Step>,
}

/// Answers for `name` in what `input` resolved to.
pub fn why(
    input: &Input,
    facts: &dyn Facts,
    resolution: &Resolution,
    name: &PackageName,
) -> Result<Answer, ResolveError> {
    let graph = Steps::new(input, facts, resolution)?;
    let chains = graph.chains(name);
    let in_chain: BTreeSet<&Requirer> = chains.iter().filter_map(|chain| Some(&chain.last()?.by)).collect();
    let direct = |applies: bool| {
        graph.steps.iter().filter(move |step| step.to == *name && step.unmet.is_none() == applies)
    };
    let also = direct(true).filter(|step| !in_chain.contains(&step.by)).cloned().collect();
    let not_applying = direct(false).cloned().collect();
    let found = graph.versions.get(name);
    Ok(Answer {
        name: name.clone(),
        version: found.map(|(version, _)| version.clone()),
        of_base: found.is_some_and(|(_, of_base)| *of_base),
        chains,
        also,
        not_applying,
    })
}

/// All requirements of an environment.
struct Steps {
    versions: BTreeMap<PackageName, (Version, bool)>,
    steps: Vec<Step>,
}

impl Steps {
    fn new(input: &Input, facts: &dyn Facts, resolution: &Resolution) -> Result<Self, ResolveError> {
        let target = Target::new(&input.base.base)?;
        let mut versions = BTreeMap::new();
        let mut requires: BTreeMap<PackageName, Vec<Requirement>> = BTreeMap::new();
        for distribution in &input.base.base.distributions {
            let (Ok(name), Ok(version)) = (distribution.name.parse(), distribution.version.parse()) else {
                continue;
            };
            let readable = distribution.requires.iter().filter_map(|text| text.parse().ok());
            requires.insert(PackageName::clone(&name), readable.collect());
            versions.insert(name, (version, true));
        }
        for pinned in &resolution.packages {
            let metadata = facts
                .metadata(&pinned.name, &pinned.file)
                .map_err(|source| ResolveError::Facts { package: pinned.name.clone(), source })?;
            let of_it = match metadata {
                FileMetadata::Known(metadata) => metadata.requires.clone(),
                FileMetadata::Unusable(_) => Vec::new(),
            };
            requires.insert(pinned.name.clone(), of_it);
            versions.insert(pinned.name.clone(), (pinned.version.clone(), false));
        }
        let mut graph = Self { versions, steps: Vec::new() };
        let extras = Self::asked_extras(input, &requires, &target);
        graph.collect(input, &requires, &extras, &target);
        Ok(graph)
    }

    /// Extras that a requirement that applies asks for.
    fn asked_extras(
        input: &Input,
        requires: &BTreeMap<PackageName, Vec<Requirement>>,
        target: &Target,
    ) -> BTreeMap<PackageName, Vec<ExtraName>> {
        let mut extras: BTreeMap<PackageName, Vec<ExtraName>> = BTreeMap::new();
        let lines = input.expanded.requirements.iter().map(|entry| &entry.requirement);
        let mut open: Vec<&Requirement> = lines.filter(|one| target.applies(one, &[])).collect();
        open.extend(requires.values().flatten().filter(|one| target.applies(one, &[])));
        while let Some(requirement) = open.pop() {
            let known = extras.entry(requirement.name.clone()).or_default();
            let new: Vec<_> =
                requirement.extras.iter().filter(|extra| !known.contains(extra)).cloned().collect();
            if new.is_empty() {
                continue;
            }
            known.extend(new);
            let asked = known.clone();
            let of_it = requires.get(&requirement.name).into_iter().flatten();
            open.extend(of_it.filter(|one| target.applies(one, &asked)));
        }
        extras
    }

    fn collect(
        &mut self,
        input: &Input,
        requires: &BTreeMap<PackageName, Vec<Requirement>>,
        extras: &BTreeMap<PackageName, Vec<ExtraName>>,
        target: &Target,
    ) {
        for entry in &input.expanded.requirements {
            let by = Requirer::Line(entry.origin.clone());
            // The entry's own words hide credentials of addresses.
            let words = entry.to_string();
            self.steps.push(Step { requirement: words, ..step(by, &entry.requirement, &[], target) });
        }
        for (name, of_it) in requires {
            let Some((version, of_base)) = self.versions.get(name).cloned() else { continue };
            let by = Requirer::Package { name: name.clone(), version, of_base };
            let asked = extras.get(name).map(Vec::as_slice).unwrap_or_default();
            for requirement in of_it {
                self.steps.push(step(by.clone(), requirement, asked, target));
            }
        }
    }

    /// The shortest way from each line of the user to `name`.
    fn chains(&self, name: &PackageName) -> Vec<Vec<Step>> {
        let mut of: BTreeMap<&PackageName, Vec<&Step>> = BTreeMap::new();
        for step in self.steps.iter().filter(|step| step.unmet.is_none()) {
            if let Requirer::Package { name, .. } = &step.by {
                of.entry(name).or_default().push(step);
            }
        }
        let lines =
            self.steps.iter().filter(|step| step.unmet.is_none() && matches!(step.by, Requirer::Line(_)));
        lines.filter_map(|line| shortest(line, name, &of)).collect()
    }
}

fn shortest(line: &Step, name: &PackageName, of: &BTreeMap<&PackageName, Vec<&Step>>) -> Option<Vec<Step>> {
    let mut before: BTreeMap<&PackageName, Option<&Step>> = BTreeMap::from([(&line.to, None)]);
    let mut open = VecDeque::from([&line.to]);
    while let Some(here) = open.pop_front() {
        if here == name {
            break;
        }
        for step in of.get(here).into_iter().flatten() {
            if !before.contains_key(&step.to) {
                before.insert(&step.to, Some(step));
                open.push_back(&step.to);
            }
        }
    }
    let mut chain = Vec::new();
    let mut at = name;
    while let Some(step) = before.get(at)? {
        chain.push((*step).clone());
        match &step.by {
            Requirer::Package { name, .. } => at = name,
            Requirer::Line(_) => break,
        }
    }
    chain.push(line.clone());
    chain.reverse();
    Some(chain)
}

fn step(by: Requirer, requirement: &Requirement, extras: &[ExtraName], target: &Target) -> Step {
    let unmet = (!target.applies(requirement, extras)).then(|| unmet(requirement, target));
    Step { by, requirement: requirement.to_string(), to: requirement.name.clone(), unmet }
}

/// Why a requirement does not apply: an extra that nobody asks for, or the machine.
fn unmet(requirement: &Requirement, target: &Target) -> String {
    let marker: MarkerTree = requirement.marker;
    let mut extras: BTreeSet<ExtraName> = BTreeSet::new();
    marker.visit_extras(|_, extra| {
        extras.insert(extra.clone());
    });
    let with_extras: Vec<_> = extras.iter().cloned().collect();
    if !with_extras.is_empty() && target.applies(requirement, &with_extras) {
        let names: Vec<_> = extras.iter().map(ToString::to_string).collect();
        return format!("only with extra {}, which nothing asks for", names.join(" or "));
    }
    "its marker does not hold for this Python and platform".to_owned()
}
