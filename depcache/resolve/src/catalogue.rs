//! Versions of packages with their usable wheels, or the reason why there is none.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::rc::Rc;

use pep440_rs::Version;
use uv_distribution_filename::{DistFilename, WheelFilename};
use uv_normalize::PackageName;

use crate::direct::Pins;
use crate::facts::{Facts, FactsError, PackageFile, PackageFiles, Yanked};
use crate::policy::{Policy, Prereleases};
use crate::target::Target;

/// Why a version cannot be used. Ordered by how close the version came to being used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unavailable {
    /// There is only a source distribution.
    OnlySdist,
    /// `--no-binary` forbids its wheels.
    NoBinary,
    /// No wheel for this platform or Python.
    Tags,
    /// `Requires-Python`.
    Python(String),
    /// Uploaded after the cut-off.
    TooNew,
    /// There is a cut-off, but the index gives no upload time.
    NoUploadTime,
    /// Hashes are required and none is given.
    NoHash,
    /// No file has one of the given hashes.
    HashMismatch,
    /// Withdrawn.
    Yanked(String),
    /// A pre-release, and those are not wanted.
    Prerelease,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnlySdist => f.write_str("there is only a source distribution (wheels are needed)"),
            Self::NoBinary => f.write_str("--no-binary forbids its wheels"),
            Self::Tags => f.write_str("no wheel fits this Python and platform"),
            Self::Python(requires) => write!(f, "it requires Python {requires}"),
            Self::TooNew => f.write_str("it was uploaded after the cut-off date"),
            Self::NoUploadTime => f.write_str("its index gives no upload time, and there is a cut-off date"),
            Self::NoHash => f.write_str("hashes are required and no line gives one for it"),
            Self::HashMismatch => f.write_str("no file has one of the given hashes"),
            Self::Yanked(reason) if reason.is_empty() => f.write_str("it was withdrawn (yanked)"),
            Self::Yanked(reason) => write!(f, "it was withdrawn (yanked: {reason})"),
            Self::Prerelease => f.write_str("it is a pre-release"),
        }
    }
}

/// A version that can be used.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// Usable wheels, best first; never empty.
    pub(crate) wheels: Vec<PackageFile>,
    /// Set when the version was withdrawn and is used all the same.
    pub(crate) yanked: Option<String>,
}

/// All versions of one package.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// No index knows the name.
    pub(crate) is_unknown: bool,
    pub(crate) versions: BTreeMap<Version, Result<Candidate, Unavailable>>,
}

impl Listing {
    /// The usable version of this number.
    pub(crate) fn candidate(&self, version: &Version) -> Option<&Candidate> {
        self.versions.get(version)?.as_ref().ok()
    }

    /// Usable versions of the package of this name, in the order in which they are tried.
    pub(crate) fn preferred(&self, policy: &Policy, name: &PackageName) -> impl Iterator<Item = &Version> {
        let (prereleases, is_lowest_first) = (policy.prereleases(name), policy.is_lowest_first(name));
        let usable = move || {
            let mut versions = self.versions.iter();
            let next = move || if is_lowest_first { versions.next() } else { versions.next_back() };
            std::iter::from_fn(next).filter(|(_, state)| state.is_ok()).map(|(version, _)| version)
        };
        let stable_first = prereleases != Prereleases::Equal;
        let first = usable().filter(move |version| !stable_first || version.is_stable());
        let second = usable().filter(move |version| stable_first && !version.is_stable());
        first.chain(second)
    }
}

/// Listings, made once per package.
pub(crate) struct Catalogue<'a> {
    pub(crate) facts: &'a dyn Facts,
    pub(crate) target: &'a Target,
    pub(crate) policy: &'a Policy,
    pub(crate) pins: &'a Pins,
    listings: RefCell<HashMap<PackageName, Rc<Listing>>>,
}

impl<'a> Catalogue<'a> {
    pub(crate) fn new(facts: &'a dyn Facts, target: &'a Target, policy: &'a Policy, pins: &'a Pins) -> Self {
        Self { facts, target, policy, pins, listings: RefCell::default() }
    }

    /// The listing of a package.
    pub(crate) fn listing(&self, name: &PackageName) -> Result<Rc<Listing>, FactsError> {
        if let Some(known) = self.listings.borrow().get(name) {
            return Ok(Rc::clone(known));
        }
        if let Some(pin) = self.pins.get(name) {
            let listing = Rc::new(self.sift(name, std::slice::from_ref(&pin.file)));
            self.listings.borrow_mut().insert(name.clone(), Rc::clone(&listing));
            return Ok(listing);
        }
        if let Some(reference) = self.pins.constraint(name) {
            let file = self.facts.direct(name, reference)?;
            let listing = Rc::new(self.sift(name, std::slice::from_ref(&file)));
            self.listings.borrow_mut().insert(name.clone(), Rc::clone(&listing));
            return Ok(listing);
        }
        let listing = Rc::new(match self.facts.files(name)? {
            PackageFiles::Unknown => Listing { is_unknown: true, ..Listing::default() },
            PackageFiles::Found(files) => self.sift(name, &files),
        });
        self.listings.borrow_mut().insert(name.clone(), Rc::clone(&listing));
        Ok(listing)
    }

    /// The listing, when it was asked for before.
    pub(crate) fn known(&self, name: &PackageName) -> Option<Rc<Listing>> {
        self.listings.borrow().get(name).cloned()
    }

    fn sift(&self, name: &PackageName, files: &[PackageFile]) -> Listing {
        let mut by_version: BTreeMap<Version, Vec<(DistFilename, &PackageFile)>> = BTreeMap::new();
        for file in files {
            if let Some(parsed) = DistFilename::try_from_filename(&file.filename, name) {
                by_version.entry(parsed.version().clone()).or_default().push((parsed, file));
            }
        }
        let sifted = by_version.into_iter().map(|(version, files)| {
            let state = self.judge(name, &version, &files);
            (version, state)
        });
        Listing { is_unknown: false, versions: sifted.collect() }
    }

    fn judge(
        &self,
        name: &PackageName,
        version: &Version,
        files: &[(DistFilename, &PackageFile)],
    ) -> Result<Candidate, Unavailable> {
        if !version.is_stable() && self.policy.prereleases(name) == Prereleases::Never {
            return Err(Unavailable::Prerelease);
        }
        let mut wheels: Vec<(usize, &WheelFilename, &PackageFile)> = Vec::new();
        let mut reason = Unavailable::OnlySdist;
        for (parsed, file) in files {
            match self.judge_file(name, version, parsed, file) {
                Ok((rank, wheel)) => wheels.push((rank, wheel, file)),
                Err(other) => reason = reason.max(other),
            }
        }
        if wheels.is_empty() {
            return Err(reason);
        }
        // Best tags first, then the highest build number; the name makes the order total.
        wheels.sort_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| b.1.build_tag().cmp(&a.1.build_tag()))
                .then_with(|| a.2.filename.cmp(&b.2.filename))
        });
        let yanked = wheels.iter().find_map(|(_, _, file)| match &file.yanked {
            Yanked::Yes(reason) => Some(reason.clone()),
            Yanked::No => None,
        });
        Ok(Candidate { wheels: wheels.into_iter().map(|(_, _, file)| file.clone()).collect(), yanked })
    }

    fn judge_file<'f>(
        &self,
        name: &PackageName,
        version: &Version,
        parsed: &'f DistFilename,
        file: &PackageFile,
    ) -> Result<(usize, &'f WheelFilename), Unavailable> {
        let python = || {
            let text = file.requires_python.as_ref().map(ToString::to_string).unwrap_or_default();
            Unavailable::Python(text)
        };
        let admits_python = self.target.admits(file.requires_python.as_ref());
        let DistFilename::WheelFilename(wheel) = parsed else {
            return Err(if admits_python { Unavailable::OnlySdist } else { python() });
        };
        if self.policy.no_binary.contains(name) {
            return Err(Unavailable::NoBinary);
        }
        let rank = self.target.rank(&file.filename).ok_or(Unavailable::Tags)?;
        if !admits_python {
            return Err(python());
        }
        if let Some(limit) = self.policy.exclude_newer_ms(name) {
            match file.upload_time_ms {
                None => return Err(Unavailable::NoUploadTime),
                Some(uploaded) if uploaded >= limit => return Err(Unavailable::TooNew),
                Some(_) => {}
            }
        }
        let allowed = self.policy.hashes(name);
        if allowed.is_empty() && self.policy.require_hashes {
            return Err(Unavailable::NoHash);
        }
        // An index that gives no hash of the named algorithm leaves the check to the download.
        let comparable =
            allowed.iter().any(|one| file.hashes.iter().any(|has| has.algorithm == one.algorithm));
        if comparable && !allowed.iter().any(|one| file.hashes.contains(one)) {
            return Err(Unavailable::HashMismatch);
        }
        if let Yanked::Yes(reason) = &file.yanked
            && !self.policy.admits_yanked(name, version)
        {
            return Err(Unavailable::Yanked(reason.clone()));
        }
        Ok((rank, wheel))
    }
}
