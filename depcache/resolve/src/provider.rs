//! Answers PubGrub's questions: which package next, which version, which dependencies.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::rc::Rc;

use pep440_rs::Version;
use pubgrub::{Dependencies, DependencyProvider, PackageResolutionStatistics, Ranges};
use uv_normalize::PackageName;

use crate::departures;
use crate::facts::{FactsError, Prefetch};
use crate::graph::{Edges, Graph, Package};

/// Decisions after which the search gives up. Airflow with every provider takes a few thousand.
pub(crate) const MAX_DECISIONS: u64 = 200_000;
/// Conflicts after which a package is decided before others (uv's number).
const CONFLICTS_BEFORE_EARLY: u32 = 5;
/// Metadata files announced at once when one package is tried again and again (uv's number).
const PREFETCH_BATCH: usize = 50;
/// Tries of a package between two batches.
const TRIES_PER_BATCH: u32 = 5;

/// Why the search ended without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error("the facts about {package} are not available")]
    Facts { package: PackageName, source: FactsError },
    #[error("no answer after {decisions} decisions")]
    TooLong { decisions: u64 },
}

/// State of one search.
pub(crate) struct Provider<'a> {
    pub(crate) graph: Graph<'a>,
    preferences: &'a BTreeMap<PackageName, Version>,
    /// What `--prefer` names.
    recommended: BTreeMap<PackageName, Ranges<Version>>,
    edges: RefCell<HashMap<(Package, Version), Rc<Edges>>>,
    first_seen: RefCell<HashMap<PackageName, usize>>,
    /// Version last chosen for a package: the first guess for its extras.
    chosen: RefCell<HashMap<PackageName, Version>>,
    /// Undecided packages whose likely metadata was not announced yet.
    pending: RefCell<BTreeMap<PackageName, Ranges<Version>>>,
    announced: RefCell<BTreeSet<PackageName>>,
    tries: RefCell<HashMap<PackageName, u32>>,
    decisions: Cell<u64>,
}

impl<'a> Provider<'a> {
    pub(crate) fn new(graph: Graph<'a>) -> Self {
        Self {
            preferences: &graph.input.preferences,
            recommended: departures::recommended(&graph),
            graph,
            edges: RefCell::default(),
            first_seen: RefCell::default(),
            chosen: RefCell::default(),
            pending: RefCell::default(),
            announced: RefCell::default(),
            tries: RefCell::default(),
            decisions: Cell::new(0),
        }
    }

    /// The edges of a package version, made once.
    pub(crate) fn edges(&self, package: &Package, version: &Version) -> Result<Rc<Edges>, ProviderError> {
        let key = (package.clone(), version.clone());
        if let Some(known) = self.edges.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        if let Some(name) = package.name()
            && !self.graph.is_base(name, version)
            && let Some(listing) = self.graph.catalogue.known(name)
            && let Some(candidate) = listing.candidate(version)
        {
            self.wait(Prefetch::Metadata(&candidate.files[0]));
        }
        let made = self.graph.of(package, version).map_err(|source| facts(package, source))?;
        let made = Rc::new(made);
        self.edges.borrow_mut().insert(key, Rc::clone(&made));
        Ok(made)
    }

    /// All edges made so far.
    pub(crate) fn known_edges(&self) -> Vec<(Package, Version, Rc<Edges>)> {
        let edges = self.edges.borrow();
        let mut known: Vec<_> =
            edges.iter().map(|((p, v), made)| (p.clone(), v.clone(), Rc::clone(made))).collect();
        known.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        known
    }

    fn choose(&self, name: &PackageName, range: &Ranges<Version>) -> Result<Option<Version>, FactsError> {
        let is_placed = self.graph.catalogue.pins.get(name).is_some();
        if let Some(installed) = self.graph.base.get(name).filter(|_| !is_placed) {
            if range.contains(&installed.version) {
                return Ok(Some(installed.version.clone()));
            }
            if installed.protection.is_some() {
                return Ok(None);
            }
        }
        if self.announced.borrow().contains(name) && self.graph.catalogue.known(name).is_none() {
            self.wait(Prefetch::Files(name));
        }
        let listing = self.graph.catalogue.listing(name)?;
        if let Some(preferred) = self.preferences.get(name)
            && range.contains(preferred)
            && listing.candidate(preferred).is_some()
        {
            return Ok(Some(preferred.clone()));
        }
        let policy = self.graph.catalogue.policy;
        if let Some(recommended) = self.recommended.get(name) {
            let both = range.intersection(recommended);
            if let Some(version) = listing.preferred(policy, &both).next() {
                return Ok(Some(version.clone()));
            }
        }
        let everything = Ranges::full();
        let mut fitting = listing.preferred(policy, range);
        let chosen = fitting.next().cloned();
        if let (Some(version), true) = (&chosen, self.is_batch_due(name)) {
            let facts = self.graph.catalogue.facts;
            let file = |version: &Version| listing.candidate(version)?.files.first();
            // With a filled cache, looking at fifty versions for nothing would take longer than the rest of the search, and
            // what the search never asks for would be fetched anew each time.
            if file(version).is_some_and(|file| facts.is_metadata_at_hand(file)) {
                return Ok(chosen);
            }
            // What each version of another package pins anew (botocore by boto3) has nothing else in range; its next
            // versions are asked for soon all the same.
            let later = listing.preferred(policy, &everything).skip_while(|other| *other != version).skip(1);
            // Pre-releases come after all stable versions, for whoever finds nothing else.
            let is_likely = |other: &&Version| other.is_stable() || !version.is_stable();
            let next = fitting.chain(later).take_while(is_likely).take(PREFETCH_BATCH);
            let next: Vec<_> = next.filter_map(file).map(Prefetch::Metadata).collect();
            facts.prefetch(&next);
        }
        Ok(chosen)
    }

    /// Counts a try; true at every fifth: the batch reaches far beyond the next five, so that answers are there in time.
    fn is_batch_due(&self, name: &PackageName) -> bool {
        let mut tries = self.tries.borrow_mut();
        let count = tries.entry(name.clone()).or_default();
        *count += 1;
        count.is_multiple_of(TRIES_PER_BATCH)
    }

    /// Waits for the answer. Of packages whose files come meanwhile, the metadata is announced: a chain of answers takes
    /// as long as its slowest branch, not as all of them.
    fn wait(&self, question: Prefetch<'_>) {
        while !self.graph.catalogue.facts.wait(question) {
            self.announce();
        }
    }

    /// Announces metadata of the likely versions of undecided packages whose files are known by now.
    fn announce(&self) {
        let catalogue = self.graph.catalogue;
        let ready: Vec<_> = self
            .pending
            .borrow()
            .iter()
            .filter(|(name, _)| catalogue.facts.is_ready(name))
            .map(|(name, range)| (name.clone(), range.clone()))
            .collect();
        for (name, range) in ready {
            self.pending.borrow_mut().remove(&name);
            // An error shows again when the answer is needed.
            let Ok(listing) = catalogue.listing(&name) else { continue };
            let mut likely = listing.preferred(catalogue.policy, &range);
            let wheel = likely.next().and_then(|version| listing.candidate(version)?.files.first());
            if let Some(wheel) = wheel {
                catalogue.facts.prefetch(&[Prefetch::Metadata(wheel)]);
            }
        }
    }

    /// When `package` is decided, after this many conflicts that it took part in.
    pub(crate) fn priority(&self, package: &Package, range: &Ranges<Version>, conflicts: u32) -> Priority {
        let part = if matches!(package, Package::Extra(..)) { Part::Extra } else { Part::Package };
        let index = self.see(package, range);
        let installed = package.name().and_then(|name| self.graph.base.get(name));
        let class = match package {
            Package::Root => Class::Root,
            _ if installed.is_some_and(|one| one.protection.is_some()) => Class::Protected,
            _ if is_exact(range) => Class::Singleton,
            _ if installed.is_some() && *range == Ranges::full() => Class::Untouched,
            _ if installed.is_some() => Class::InBase,
            _ if conflicts >= CONFLICTS_BEFORE_EARLY => Class::Conflicting(conflicts),
            _ => Class::Normal,
        };
        Priority(class, Reverse(index), part)
    }

    /// A range around `version` that holds no other version which could be chosen.
    pub(crate) fn widened(&self, package: &Package, version: &Version) -> Ranges<Version> {
        let only = Ranges::singleton(version.clone());
        let Some(name) = package.name() else { return only };
        // The base's version is none of the index's.
        if self.graph.base.get(name).is_some() {
            return only;
        }
        match self.graph.catalogue.known(name) {
            Some(listing) if listing.numbers().binary_search(version).is_ok() => {
                only.widen_versions(listing.numbers())
            }
            _ => only,
        }
    }

    fn see(&self, package: &Package, range: &Ranges<Version>) -> usize {
        let Some(name) = package.name() else { return 0 };
        let mut first_seen = self.first_seen.borrow_mut();
        let next = first_seen.len();
        let index = *first_seen.entry(name.clone()).or_insert(next);
        let from_base = self
            .graph
            .base
            .get(name)
            .is_some_and(|one| one.protection.is_some() || range.contains(&one.version));
        let is_placed = self.graph.catalogue.pins.get(name).is_some();
        if !from_base && !is_placed && self.announced.borrow_mut().insert(name.clone()) {
            self.graph.catalogue.facts.prefetch(&[Prefetch::Files(name)]);
            self.pending.borrow_mut().insert(name.clone(), range.clone());
        }
        index
    }
}

fn facts(package: &Package, source: FactsError) -> ProviderError {
    match package.name() {
        Some(name) => ProviderError::Facts { package: name.clone(), source },
        // The root's edges ask nobody.
        None => ProviderError::TooLong { decisions: 0 },
    }
}

/// Which package is decided next; the greatest one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Priority(Class, Reverse<usize>, Part);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Only the base has it, nobody asks for it.
    Untouched,
    /// The base has it, but it may be replaced. After everything new: were the base's protobuf decided first, the
    /// search would dig out years-old releases of what the user asks for, only because they set no upper bound.
    InBase,
    Normal,
    /// In many conflicts, the more the earlier.
    Conflicting(u32),
    Singleton,
    Protected,
    Root,
}

/// A package goes before its extras: they follow its version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Extra,
    Package,
}

/// Whether only one release (with any local part) is left.
fn is_exact(range: &Ranges<Version>) -> bool {
    range.as_singleton().is_some()
        || match range.bounding_range() {
            Some((Bound::Included(low), Bound::Included(high))) => {
                high.clone().without_local() == low.clone().without_local()
            }
            _ => false,
        }
}

impl DependencyProvider for Provider<'_> {
    type P = Package;
    type V = Version;
    type VS = Ranges<Version>;
    type Priority = Priority;
    type M = String;
    type Err = ProviderError;

    fn prioritize(
        &self,
        package: &Package,
        range: &Ranges<Version>,
        statistics: &PackageResolutionStatistics,
    ) -> Priority {
        self.priority(package, range, statistics.conflict_count())
    }

    fn choose_version(
        &self,
        package: &Package,
        range: &Ranges<Version>,
    ) -> Result<Option<Version>, ProviderError> {
        self.announce();
        match package {
            Package::Root => Ok(range.contains(&root_version()).then(root_version)),
            Package::Named(name) => {
                let chosen = self.choose(name, range).map_err(|source| facts(package, source))?;
                if let Some(version) = &chosen {
                    self.chosen.borrow_mut().insert(name.clone(), version.clone());
                }
                Ok(chosen)
            }
            Package::Extra(name, _) => {
                let guess = self.chosen.borrow().get(name).cloned();
                match guess {
                    Some(version) if range.contains(&version) => Ok(Some(version)),
                    _ => self.choose(name, range).map_err(|source| facts(package, source)),
                }
            }
        }
    }

    fn get_dependencies(
        &self,
        package: &Package,
        version: &Version,
    ) -> Result<Dependencies<Package, Ranges<Version>, String>, ProviderError> {
        Ok(match &*self.edges(package, version)? {
            Ok(edges) => Dependencies::Available(
                edges.iter().map(|edge| (edge.to.clone(), edge.range.clone())).collect(),
            ),
            Err(reason) => Dependencies::Unavailable(reason.clone()),
        })
    }

    fn should_cancel(&self) -> Result<(), ProviderError> {
        let decisions = self.decisions.get() + 1;
        self.decisions.set(decisions);
        if decisions > MAX_DECISIONS { Err(ProviderError::TooLong { decisions }) } else { Ok(()) }
    }
}

/// The version of [`Package::Root`].
pub(crate) fn root_version() -> Version {
    Version::new([0])
}
