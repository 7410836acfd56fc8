//! Packages of the search and the edges between them, each with its reason.

use std::fmt;

use pep440_rs::Version;
use pubgrub::Ranges;
use uv_normalize::{ExtraName, PackageName};

use crate::base::{BaseView, Protection};
use crate::catalogue::Catalogue;
use crate::facts::{FactsError, FileMetadata, Requirement};
use crate::input::Input;
use crate::policy;
use crate::reference::DirectReference;
use crate::requirements;

/// What the search decides versions of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Package {
    /// The user's request.
    Root,
    /// A package.
    Named(PackageName),
    /// What an extra of a package adds; always in the package's version.
    Extra(PackageName, ExtraName),
}

impl Package {
    /// The package's name.
    pub(crate) fn name(&self) -> Option<&PackageName> {
        match self {
            Self::Root => None,
            Self::Named(name) | Self::Extra(name, _) => Some(name),
        }
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("your requirements"),
            Self::Named(name) => write!(f, "{name}"),
            Self::Extra(name, extra) => write!(f, "{name}[{extra}]"),
        }
    }
}

/// Why an edge exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// A requirement line, by its position.
    Line(usize),
    /// A constraint line, by its position.
    Constraint(usize),
    /// An override line, by its position: it counts instead of what was declared.
    Override(usize),
    /// The base has it and it must stay.
    Protected(Protection),
    /// The base has it, in whatever version.
    Present,
    /// `Requires-Dist`.
    Requires(String),
    /// An extra comes in its package's version.
    SameVersion,
}

/// A requirement as the search sees it.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub(crate) to: Package,
    pub(crate) range: Ranges<Version>,
    pub(crate) why: Why,
}

/// Edges of a package version, or why the version cannot be used.
pub(crate) type Edges = Result<Vec<Edge>, String>;

/// Makes edges out of lines, the base and metadata.
pub(crate) struct Graph<'a> {
    pub(crate) input: &'a Input,
    pub(crate) base: &'a BaseView,
    pub(crate) catalogue: &'a Catalogue<'a>,
}

impl Graph<'_> {
    /// Edges of the root: lines that apply, then what the base has.
    pub(crate) fn root(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (position, entry) in self.input.expanded.requirements.iter().enumerate() {
            if self.catalogue.target.applies(&entry.requirement, &[]) {
                let why = Why::Line(position);
                self.push(&mut edges, &entry.requirement, entry.direct.as_ref(), &why, true);
            }
        }
        for (name, installed) in &self.base.distributions {
            let (range, why) = match installed.protection {
                Some(protection) => {
                    (Ranges::singleton(installed.version.clone()), Why::Protected(protection))
                }
                None => (Ranges::full(), Why::Present),
            };
            edges.push(Edge { to: Package::Named(name.clone()), range, why });
        }
        edges
    }

    /// Edges of a package version.
    pub(crate) fn of(&self, package: &Package, version: &Version) -> Result<Edges, FactsError> {
        let (name, extra) = match package {
            Package::Root => return Ok(Ok(self.root())),
            Package::Named(name) => (name, None),
            Package::Extra(name, extra) => (name, Some(extra)),
        };
        let mut edges = Vec::new();
        if extra.is_some() {
            let (to, range) = (Package::Named(name.clone()), Ranges::singleton(version.clone()));
            edges.push(Edge { to, range, why: Why::SameVersion });
        }
        let target = self.catalogue.target;
        if self.is_base(name, version) {
            for requirement in self.base.requires(name, extra, target) {
                self.push(&mut edges, requirement, None, &Why::Requires(requirement.to_string()), false);
            }
            return Ok(Ok(edges));
        }
        let listing = self.catalogue.listing(name)?;
        let Some(candidate) = listing.candidate(version) else {
            return Ok(Err("no usable file".into()));
        };
        let metadata = match self.catalogue.facts.metadata(name, &candidate.files[0])? {
            FileMetadata::Known(metadata) => metadata,
            FileMetadata::Unusable(reason) => return Ok(Err(reason)),
        };
        if !target.admits(metadata.requires_python.as_ref()) {
            let requires = metadata.requires_python.as_ref().map(ToString::to_string).unwrap_or_default();
            return Ok(Err(format!("it requires Python {requires}")));
        }
        for requirement in &metadata.requires {
            let applies = match extra {
                None => target.applies(requirement, &[]),
                Some(extra) => {
                    target.applies(requirement, std::slice::from_ref(extra))
                        && !target.applies(requirement, &[])
                }
            };
            if !applies {
                continue;
            }
            let mut place = None;
            if let Some(pep508_rs::VersionOrUrl::Url(url)) = &requirement.version_or_url {
                let other = &requirement.name;
                if self.catalogue.pins.get(name).is_none() {
                    return Ok(Err(format!(
                        "it takes {other} from an address, which packages of an index may not"
                    )));
                }
                place = requirements::reference(&url.verbatim.to_string());
                if place.is_none() || self.catalogue.pins.get(other).is_none() {
                    return Ok(Err(format!("it takes {other} from an address that cannot be followed")));
                }
            }
            self.push(&mut edges, requirement, place.as_ref(), &Why::Requires(requirement.to_string()), true);
        }
        Ok(Ok(edges))
    }

    /// Whether the version is the base's own.
    pub(crate) fn is_base(&self, name: &PackageName, version: &Version) -> bool {
        let installed = self.base.get(name);
        installed.is_some_and(|installed| installed.version == *version)
            && self.catalogue.pins.get(name).is_none()
    }

    /// Extras that a package version offers.
    pub(crate) fn extras(&self, name: &PackageName, version: &Version) -> Result<Vec<ExtraName>, FactsError> {
        if let Some(installed) = self.base.get(name)
            && self.is_base(name, version)
        {
            return Ok(installed.extras.clone());
        }
        let listing = self.catalogue.listing(name)?;
        let Some(candidate) = listing.candidate(version) else { return Ok(Vec::new()) };
        match self.catalogue.facts.metadata(name, &candidate.files[0])? {
            FileMetadata::Known(metadata) => Ok(metadata.extras.clone()),
            FileMetadata::Unusable(_) => Ok(Vec::new()),
        }
    }

    /// Constraints restrict what lines and installed packages require; what the base requires of itself they
    /// leave alone, else a constraints file would replace parts of the base that nobody asked for.
    fn push(
        &self,
        edges: &mut Vec<Edge>,
        requirement: &Requirement,
        place: Option<&DirectReference>,
        why: &Why,
        is_constrained: bool,
    ) {
        let name = &requirement.name;
        if self.input.exclude.contains(name) {
            return;
        }
        let named = Package::Named(name.clone());
        let overrides: Vec<_> = self.overrides(name).collect();
        if overrides.is_empty() {
            with_extras(edges, requirement, self.range(requirement, place), why);
        } else {
            // The declaration still says that the package is wanted, no longer in which version.
            let applying: Vec<_> =
                overrides.into_iter().filter(|(_, one)| self.catalogue.target.applies(one, &[])).collect();
            if !applying.is_empty() {
                edges.push(Edge { to: named.clone(), range: Ranges::full(), why: why.clone() });
            }
            for (position, replacement) in applying {
                let place = self.input.expanded.overrides[position].direct.as_ref();
                with_extras(edges, replacement, self.range(replacement, place), &Why::Override(position));
            }
        }
        if !is_constrained {
            return;
        }
        for (position, entry) in self.input.expanded.constraints.iter().enumerate() {
            let constraint = &entry.requirement;
            if constraint.name == requirement.name && self.catalogue.target.applies(constraint, &[]) {
                let why = Why::Constraint(position);
                let range = self.range(constraint, entry.direct.as_ref());
                edges.push(Edge { to: named.clone(), range, why });
            }
        }
    }

    /// The versions that a requirement admits: the one at its place, or those of its specifiers.
    fn range(&self, requirement: &Requirement, place: Option<&DirectReference>) -> Ranges<Version> {
        match place.and_then(|_| self.catalogue.pins.get(&requirement.name)) {
            Some(pin) => Ranges::singleton(pin.version.clone()),
            None => policy::range(requirement),
        }
    }

    /// `requirements.txt:3` of every applying line that names the package.
    pub(crate) fn lines_that_ask_for(&self, package: &PackageName) -> Vec<String> {
        let lines = self.input.expanded.requirements.iter();
        lines
            .filter(|entry| entry.requirement.name == *package)
            .filter(|entry| self.catalogue.target.applies(&entry.requirement, &[]))
            .map(|entry| format!("{}:{}", entry.origin.file, entry.origin.line))
            .collect()
    }

    /// Whether a version declares an unconditional requirement of the package, excluded or not.
    pub(crate) fn declares(
        &self,
        name: &PackageName,
        version: &Version,
        package: &PackageName,
    ) -> Result<bool, FactsError> {
        let target = self.catalogue.target;
        if self.is_base(name, version) {
            // What the base lacks it lacked before.
            return Ok(false);
        }
        let listing = self.catalogue.listing(name)?;
        let Some(candidate) = listing.candidate(version) else { return Ok(false) };
        Ok(match self.catalogue.facts.metadata(name, &candidate.files[0])? {
            FileMetadata::Known(metadata) => {
                metadata.requires.iter().any(|one| one.name == *package && target.applies(one, &[]))
            }
            FileMetadata::Unusable(_) => false,
        })
    }

    /// Override lines of this name, with their positions.
    fn overrides<'g>(&'g self, name: &'g PackageName) -> impl Iterator<Item = (usize, &'g Requirement)> {
        let all = self.input.expanded.overrides.iter().enumerate();
        all.map(|(position, entry)| (position, &entry.requirement)).filter(|(_, one)| one.name == *name)
    }
}

fn with_extras(edges: &mut Vec<Edge>, requirement: &Requirement, range: Ranges<Version>, why: &Why) {
    for extra in &requirement.extras {
        let to = Package::Extra(requirement.name.clone(), extra.clone());
        edges.push(Edge { to, range: range.clone(), why: why.clone() });
    }
    edges.push(Edge { to: Package::Named(requirement.name.clone()), range, why: why.clone() });
}
