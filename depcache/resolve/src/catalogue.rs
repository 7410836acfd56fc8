//! Versions of packages with their usable files, or the reason why there is none.

use std::cell::{OnceCell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use pep440_rs::Version;
use pubgrub::Ranges;
use uv_distribution_filename::{BuildTag, DistFilename, LegacySourceDistExtension, SourceDistExtension};
use uv_normalize::PackageName;

use crate::direct::Pins;
use crate::facts::{Facts, FactsError, FilesByVersion, PackageFile, PackageFiles, Yanked};
use crate::policy::{Policy, Prereleases};
use crate::reference::FileSource;
use crate::target::Target;

/// Why a version cannot be used. Ordered by how close the version came to being used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unavailable {
    /// Its source distribution is in a format that is not used.
    SdistFormat(String),
    /// `--no-binary` forbids its wheels.
    NoBinary,
    /// No wheel for this platform or Python.
    Tags,
    /// It would have to be built, and that is refused.
    NoBuild,
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
            Self::SdistFormat(filename) => {
                write!(
                    f,
                    "the format of its source distribution {filename} is not used (only .tar.gz and .zip)"
                )
            }
            Self::NoBinary => {
                f.write_str("--no-binary forbids its wheels, and there is no source distribution")
            }
            Self::Tags => {
                f.write_str("no wheel fits this Python and platform, and there is no source distribution")
            }
            Self::NoBuild => f.write_str(
                "it would have to be built from source, and --only-binary or --no-build forbids that",
            ),
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

/// How well a file fits; the smallest is best.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fitness<'f> {
    /// Best tags first, then the highest build number.
    Wheel(usize, Reverse<Option<&'f BuildTag>>),
    /// A source distribution; must be built.
    TarGz,
    /// Likewise, in the older format.
    Zip,
}

/// A version that can be used.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// Usable files, best first: wheels, then source distributions; never empty.
    pub(crate) files: Vec<PackageFile>,
    /// Set when the version was withdrawn and is used all the same.
    pub(crate) yanked: Option<String>,
}

/// All versions of one package. A version's files are made and judged when it is first looked at.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    /// No index knows the name.
    pub(crate) is_unknown: bool,
    name: PackageName,
    judge: Judge<'a>,
    files: Option<Arc<dyn FilesByVersion>>,
    states: Vec<OnceCell<Result<Candidate, Unavailable>>>,
}

impl Listing<'_> {
    /// All versions, ascending.
    pub(crate) fn numbers(&self) -> &[Version] {
        self.files.as_ref().map_or(&[], |files| files.versions())
    }

    /// All versions with what became of them, ascending. Looks at every file: for conflicts, not for the search.
    pub(crate) fn states(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&Version, &Result<Candidate, Unavailable>)> {
        self.numbers().iter().enumerate().filter_map(|(at, version)| Some((version, self.state(at)?)))
    }

    fn state(&self, at: usize) -> Option<&Result<Candidate, Unavailable>> {
        let (files, version) = (self.files.as_ref()?, self.numbers().get(at)?);
        Some(self.states.get(at)?.get_or_init(|| {
            let files = files.files(at);
            let named = files
                .iter()
                .filter_map(|file| Some((crate::facts::parse_filename(&file.filename, &self.name)?, file)));
            self.judge.judge(&self.name, version, &named.collect::<Vec<_>>())
        }))
    }

    /// Tags of the wheels of a version, usable or not: `cp312-cp312-manylinux_2_17_x86_64`, sorted.
    pub(crate) fn wheel_tags(&self, version: &Version) -> Vec<String> {
        let Some((files, at)) = self.files.as_ref().zip(self.numbers().binary_search(version).ok()) else {
            return Vec::new();
        };
        let tags = files.files(at).into_iter().filter_map(|file| {
            let parts: Vec<&str> = file.filename.strip_suffix(".whl")?.rsplitn(4, '-').collect();
            let [platforms, abi, python, _] = parts.as_slice() else { return None };
            Some(format!("{python}-{abi}-{}", platforms.split('.').next().unwrap_or(platforms)))
        });
        tags.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// The usable version of this number.
    pub(crate) fn candidate(&self, version: &Version) -> Option<&Candidate> {
        self.state(self.numbers().binary_search(version).ok()?)?.as_ref().ok()
    }

    /// Usable versions in `range`, in the order in which they are tried.
    pub(crate) fn preferred<'s>(
        &'s self,
        policy: &Policy,
        range: &'s Ranges<Version>,
    ) -> impl Iterator<Item = &'s Version> {
        let (prereleases, is_lowest_first) =
            (policy.prereleases(&self.name), policy.is_lowest_first(&self.name));
        let fitting = move || {
            let mut numbers = self.numbers().iter().enumerate();
            let next = move || if is_lowest_first { numbers.next() } else { numbers.next_back() };
            std::iter::from_fn(next).filter(move |(_, version)| range.contains(*version))
        };
        let stable_first = prereleases != Prereleases::Equal;
        let first = fitting().filter(move |(_, version)| !stable_first || version.is_stable());
        let second = fitting().filter(move |(_, version)| stable_first && !version.is_stable());
        let is_usable = |at: usize| self.state(at).is_some_and(Result::is_ok);
        first.chain(second).filter(move |(at, _)| is_usable(*at)).map(|(_, version)| version)
    }
}

/// Files that were given at once, sorted by version.
#[derive(Debug)]
struct Sorted {
    versions: Vec<Version>,
    files: Vec<Vec<PackageFile>>,
}

impl Sorted {
    fn new(name: &PackageName, files: &[PackageFile]) -> Self {
        let mut by_version: BTreeMap<Version, Vec<PackageFile>> = BTreeMap::new();
        for file in files {
            if let Some(parsed) = crate::facts::parse_filename(&file.filename, name) {
                by_version.entry(parsed.version().clone()).or_default().push(file.clone());
            }
        }
        let (versions, files) = by_version.into_iter().unzip();
        Self { versions, files }
    }
}

impl FilesByVersion for Sorted {
    fn versions(&self) -> &[Version] {
        &self.versions
    }

    fn files(&self, position: usize) -> Vec<PackageFile> {
        self.files.get(position).cloned().unwrap_or_default()
    }
}

/// Listings, made once per package.
pub(crate) struct Catalogue<'a> {
    pub(crate) facts: &'a dyn Facts,
    pub(crate) target: &'a Target,
    pub(crate) policy: &'a Policy,
    pub(crate) pins: &'a Pins,
    listings: RefCell<HashMap<PackageName, Rc<Listing<'a>>>>,
}

impl<'a> Catalogue<'a> {
    pub(crate) fn new(facts: &'a dyn Facts, target: &'a Target, policy: &'a Policy, pins: &'a Pins) -> Self {
        Self { facts, target, policy, pins, listings: RefCell::default() }
    }

    /// The listing of a package.
    pub(crate) fn listing(&self, name: &PackageName) -> Result<Rc<Listing<'a>>, FactsError> {
        if let Some(known) = self.listings.borrow().get(name) {
            return Ok(Rc::clone(known));
        }
        let files: Option<Arc<dyn FilesByVersion>> = if let Some(pin) = self.pins.get(name) {
            Some(Arc::new(Sorted::new(name, std::slice::from_ref(&pin.file))))
        } else if let Some(reference) = self.pins.constraint(name) {
            let file = self.facts.direct(name, reference)?;
            Some(Arc::new(Sorted::new(name, std::slice::from_ref(&file))))
        } else {
            match self.facts.files(name)? {
                PackageFiles::Unknown => None,
                PackageFiles::Found(files) => Some(Arc::new(Sorted::new(name, &files))),
                PackageFiles::ByVersion(files) => Some(files),
            }
        };
        let count = files.as_ref().map_or(0, |files| files.versions().len());
        let listing = Rc::new(Listing {
            is_unknown: files.is_none(),
            name: name.clone(),
            judge: Judge { target: self.target, policy: self.policy },
            files,
            states: std::iter::repeat_with(OnceCell::new).take(count).collect(),
        });
        self.listings.borrow_mut().insert(name.clone(), Rc::clone(&listing));
        Ok(listing)
    }

    /// The listing, when it was asked for before.
    pub(crate) fn known(&self, name: &PackageName) -> Option<Rc<Listing<'a>>> {
        self.listings.borrow().get(name).cloned()
    }
}

/// What files are judged by.
#[derive(Debug, Clone, Copy)]
struct Judge<'a> {
    target: &'a Target,
    policy: &'a Policy,
}

impl Judge<'_> {
    fn judge(
        &self,
        name: &PackageName,
        version: &Version,
        files: &[(DistFilename, &PackageFile)],
    ) -> Result<Candidate, Unavailable> {
        if !version.is_stable() && self.policy.prereleases(name) == Prereleases::Never {
            return Err(Unavailable::Prerelease);
        }
        let mut usable: Vec<(Fitness<'_>, &PackageFile)> = Vec::new();
        let mut reason = None;
        for (parsed, file) in files {
            match self.judge_file(name, version, parsed, file) {
                Ok(fitness) => usable.push((fitness, file)),
                Err(other) => reason = reason.max(Some(other)),
            }
        }
        if usable.is_empty() {
            return Err(reason.unwrap_or(Unavailable::Tags));
        }
        // The name makes the order total.
        usable.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.filename.cmp(&b.1.filename)));
        let yanked = usable.iter().find_map(|(_, file)| match &file.yanked {
            Yanked::Yes(reason) => Some(reason.clone()),
            Yanked::No => None,
        });
        Ok(Candidate { files: usable.into_iter().map(|(_, file)| file.clone()).collect(), yanked })
    }

    fn judge_file<'f>(
        &self,
        name: &PackageName,
        version: &Version,
        parsed: &'f DistFilename,
        file: &PackageFile,
    ) -> Result<Fitness<'f>, Unavailable> {
        let python = || {
            let text = file.requires_python.as_ref().map(ToString::to_string).unwrap_or_default();
            Unavailable::Python(text)
        };
        // Rules about choosing do not concern what a requirement names by its place.
        let is_indexed = file.source == FileSource::Index;
        let fitness = match parsed {
            DistFilename::WheelFilename(_) if self.policy.no_binary.contains(name) && is_indexed => {
                return Err(Unavailable::NoBinary);
            }
            DistFilename::WheelFilename(wheel) => {
                let rank = self.target.rank(&file.filename).ok_or(Unavailable::Tags)?;
                Fitness::Wheel(rank, Reverse(wheel.build_tag()))
            }
            DistFilename::SourceDistFilename(sdist) => match sdist.extension {
                _ if self.policy.no_build.contains(name) => return Err(Unavailable::NoBuild),
                SourceDistExtension::TarGz => Fitness::TarGz,
                SourceDistExtension::Legacy(LegacySourceDistExtension::Zip) => Fitness::Zip,
                SourceDistExtension::Legacy(_) => {
                    return Err(Unavailable::SdistFormat(file.filename.clone()));
                }
            },
        };
        if !self.target.admits(file.requires_python.as_ref()) {
            return Err(python());
        }
        if let Some(limit) = self.policy.exclude_newer_ms(name).filter(|_| is_indexed) {
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
        Ok(fitness)
    }
}
