//! Runs the search and turns its answer into a [`Resolution`].

use std::collections::{BTreeMap, BTreeSet};

use domain::Mode;
use domain::environment::Shadow;
use pep440_rs::Version;
use pubgrub::PubGrubError;
use uv_normalize::{ExtraName, PackageName};

use crate::base::BaseView;
use crate::catalogue::Catalogue;
use crate::departures;
use crate::direct::Pins;
use crate::explain;
use crate::facts::{Facts, FileMetadata};
use crate::graph::{Edges, Graph, Package, Why};
use crate::input::Input;
use crate::policy::Policy;
use crate::provider::{Provider, ProviderError};
use crate::resolution::{Conflict, Kept, Pinned, Resolution, ResolveError, Warning};
use crate::search::search;
use crate::target::Target;

/// Finds packages that satisfy `input`'s requirements against its base.
///
/// The same input and the same facts give the same answer, in whatever order the facts list files.
pub fn resolve(input: &Input, facts: &dyn Facts) -> Result<Resolution, ResolveError> {
    let target = Target::new(&input.base.base)?;
    let policy = Policy::new(input, &target);
    let base = BaseView::new(input, &target);
    check_python(input, &target)?;
    let pins = Pins::gather(input, &target, &base, facts)?;
    let catalogue = Catalogue::new(facts, &target, &policy, &pins);
    let graph = Graph { input, base: &base, catalogue: &catalogue };
    let provider = Provider::new(graph);
    let solution = match search(&provider) {
        Ok(solution) => solution,
        Err(PubGrubError::NoSolution(tree)) => {
            return Err(ResolveError::Conflict(Box::new(explain::conflict(&provider, &tree))));
        }
        Err(
            PubGrubError::ErrorChoosingVersion { source, .. }
            | PubGrubError::ErrorRetrievingDependencies { source, .. }
            | PubGrubError::ErrorInShouldCancel(source),
        ) => return Err(needed(source, &provider).into()),
    };
    let mut answer = Answer { provider: &provider, versions: BTreeMap::new(), extras: BTreeMap::new() };
    for (package, version) in solution {
        match package {
            Package::Root => {}
            Package::Named(name) => {
                answer.versions.insert(name, version);
            }
            Package::Extra(name, extra) => {
                answer.extras.entry(name).or_default().insert(extra);
            }
        }
    }
    answer.finish()
}

/// Says who needs the package about which something could not be found out, unless the user's own lines do.
fn needed(mut error: ProviderError, provider: &Provider<'_>) -> ProviderError {
    if let ProviderError::Facts { package, source } = &mut error {
        let edges = provider.known_edges();
        let names = |edges: &Edges| {
            edges.iter().flatten().any(|edge| edge.to.name() == Some(package) && edge.why != Why::Present)
        };
        let needs = edges.iter().find(|(from, _, edges)| from.name() != Some(package) && names(edges));
        if let Some((from @ (Package::Named(_) | Package::Extra(..)), version, _)) = needs {
            source.step = format!("{} (needed by {from} {version})", source.step);
        }
    }
    error
}

/// Projects say which Python they are for.
fn check_python(input: &Input, target: &Target) -> Result<(), ResolveError> {
    let demands = &input.expanded.requires_python;
    let Some(unmet) = demands.iter().find(|demand| !target.admits(Some(&demand.specifiers))) else {
        return Ok(());
    };
    let place = format!("{}:{}", unmet.origin.file, unmet.origin.line);
    Err(ResolveError::Conflict(Box::new(Conflict {
        summary: format!("{place} is not for Python {}", target.python()),
        steps: vec![format!("{place} requires Python {}", unmet.specifiers)],
        hints: vec!["take a base with a Python that the project is for".into()],
        involved: vec![unmet.origin.clone()],
        packages: vec![],
    })))
}

impl From<ProviderError> for ResolveError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Facts { package, source } => Self::Facts { package, source },
            ProviderError::TooLong { decisions } => Self::TooLong { decisions },
        }
    }
}

struct Answer<'a> {
    provider: &'a Provider<'a>,
    versions: BTreeMap<PackageName, Version>,
    extras: BTreeMap<PackageName, BTreeSet<ExtraName>>,
}

impl Answer<'_> {
    fn finish(self) -> Result<Resolution, ResolveError> {
        let graph = &self.provider.graph;
        let reached = self.reached()?;
        let mut out = Resolution {
            packages: Vec::new(),
            kept: Vec::new(),
            shadows: Vec::new(),
            mode: graph.base.mode,
            requested: Vec::new(),
            warnings: graph.base.warnings.clone(),
            departures: Vec::new(),
        };
        let notes = &graph.input.expanded.notes;
        out.warnings.extend(notes.iter().map(|note| Warning::Input { note: note.clone() }));
        for (name, version) in &self.versions {
            if graph.is_base(name, version) {
                if reached.contains(name) {
                    out.kept.push(Kept { name: name.clone(), version: version.clone() });
                }
                continue;
            }
            out.packages.push(self.pinned(name, version, &mut out.warnings)?);
            if let Some(installed) = graph.base.get(name) {
                let shadow = Shadow {
                    name: name.to_string(),
                    base_version: installed.version.to_string(),
                    version: version.to_string(),
                };
                if installed.is_loaded {
                    out.mode = Mode::Process;
                    out.warnings.push(Warning::ShadowsLoaded { shadow: shadow.clone() });
                }
                out.shadows.push(shadow);
            }
        }
        self.check_extras(&mut out.warnings)?;
        self.check_excluded(&mut out.warnings)?;
        out.departures = departures::all(self.provider, &self.versions)?;
        let requested: BTreeSet<_> = graph
            .root()
            .into_iter()
            .filter(|edge| matches!(edge.why, Why::Line(_)))
            .filter_map(|edge| edge.to.name().cloned())
            .collect();
        out.requested = requested.into_iter().collect();
        Ok(out)
    }

    fn pinned(
        &self,
        name: &PackageName,
        version: &Version,
        warnings: &mut Vec<Warning>,
    ) -> Result<Pinned, ResolveError> {
        let catalogue = self.provider.graph.catalogue;
        let facts = |source| ResolveError::Facts { package: name.clone(), source };
        let listing = catalogue.listing(name).map_err(facts)?;
        let missing = || ResolveError::Base { field: format!("file of {name} {version}") };
        let candidate = listing.candidate(version).ok_or_else(missing)?;
        let (file, alternatives) = candidate.files.split_first().ok_or_else(missing)?;
        if let Some(reason) = &candidate.yanked {
            let (package, version, reason) = (name.clone(), version.clone(), reason.clone());
            warnings.push(Warning::Yanked { package, version, reason });
        }
        let extras: Vec<_> = self.extras.get(name).into_iter().flatten().cloned().collect();
        let parts = std::iter::once(Package::Named(name.clone()))
            .chain(extras.iter().map(|extra| Package::Extra(name.clone(), extra.clone())));
        let mut requires = BTreeSet::new();
        for part in parts {
            if let Ok(edges) = &*self.provider.edges(&part, version)? {
                requires.extend(edges.iter().filter_map(|edge| edge.to.name()).cloned());
            }
        }
        requires.remove(name);
        let metadata = match catalogue.facts.metadata(name, file).map_err(facts)? {
            FileMetadata::Known(metadata) => metadata,
            FileMetadata::Unusable(_) => return Err(missing()),
        };
        Ok(Pinned {
            name: name.clone(),
            version: version.clone(),
            extras,
            file: file.clone(),
            alternatives: alternatives.to_vec(),
            metadata,
            allowed_hashes: catalogue.policy.hashes(name).to_vec(),
            requires: requires.into_iter().collect(),
        })
    }

    /// Names that the user's lines reach, through edges of chosen versions.
    fn reached(&self) -> Result<BTreeSet<PackageName>, ResolveError> {
        let mut open: Vec<Package> = self
            .provider
            .graph
            .root()
            .into_iter()
            .filter(|edge| matches!(edge.why, Why::Line(_)))
            .map(|edge| edge.to)
            .collect();
        let mut seen: BTreeSet<Package> = BTreeSet::new();
        while let Some(package) = open.pop() {
            let Some(version) = package.name().and_then(|name| self.versions.get(name)) else { continue };
            if seen.insert(package.clone())
                && let Ok(edges) = &*self.provider.edges(&package, version)?
            {
                open.extend(edges.iter().map(|edge| edge.to.clone()));
            }
        }
        Ok(seen.iter().filter_map(Package::name).cloned().collect())
    }

    fn check_extras(&self, warnings: &mut Vec<Warning>) -> Result<(), ResolveError> {
        for (name, extras) in &self.extras {
            let Some(version) = self.versions.get(name) else { continue };
            let facts = |source| ResolveError::Facts { package: name.clone(), source };
            let offered = self.provider.graph.extras(name, version).map_err(facts)?;
            for extra in extras.iter().filter(|extra| !offered.contains(extra)) {
                let (package, version, extra) = (name.clone(), version.clone(), extra.clone());
                warnings.push(Warning::MissingExtra { package, version, extra });
            }
        }
        Ok(())
    }

    /// Who asks for what `--exclude` leaves out: whether it is needed after all only its users can know.
    fn check_excluded(&self, warnings: &mut Vec<Warning>) -> Result<(), ResolveError> {
        let graph = &self.provider.graph;
        for package in &graph.input.exclude {
            let mut required_by = graph.lines_that_ask_for(package);
            for (name, version) in &self.versions {
                if graph
                    .declares(name, version, package)
                    .map_err(|source| ResolveError::Facts { package: name.clone(), source })?
                {
                    required_by.push(format!("{name} {version}"));
                }
            }
            if !required_by.is_empty() {
                warnings.push(Warning::Excluded { package: package.clone(), required_by });
            }
        }
        Ok(())
    }
}
