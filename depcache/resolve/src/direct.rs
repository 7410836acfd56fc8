//! Packages that are taken from a place: found before the search begins, because nothing else may stand for them.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use pep508_rs::VersionOrUrl;
use uv_distribution_filename::DistFilename;
use uv_normalize::{ExtraName, PackageName};

use crate::base::BaseView;
use crate::facts::{Facts, FileMetadata, PackageFile, Requirement};
use crate::input::Input;
use crate::reference::DirectReference;
use crate::requirements::{self, Entry, Origin};
use crate::resolution::{Conflict, ResolveError};
use crate::target::Target;

/// References that one resolution follows. A requirements file names a handful.
const MAX_REFERENCES: usize = 1000;

/// A package and the place that it is taken from.
#[derive(Debug, Clone)]
pub(crate) struct Pin {
    pub(crate) reference: DirectReference,
    pub(crate) file: PackageFile,
    pub(crate) version: Version,
    /// Who names the place: `requirements.txt:3`, `alpha 1.0`.
    pub(crate) by: String,
    /// An override: other places do not count.
    is_override: bool,
    /// The line, when it is one of the user's.
    origin: Option<Origin>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    pins: BTreeMap<PackageName, Pin>,
    constraints: BTreeMap<PackageName, DirectReference>,
}

impl Pins {
    /// Follows the references of lines, and those of the packages found there. An override replaces the places that
    /// others name.
    pub(crate) fn gather(
        input: &Input,
        target: &Target,
        base: &BaseView,
        facts: &dyn Facts,
    ) -> Result<Self, ResolveError> {
        let expanded = &input.expanded;
        let lines = || expanded.overrides.iter().chain(&expanded.requirements).chain(&expanded.constraints);
        if lines().all(|entry| entry.direct.is_none()) {
            return Ok(Self::default());
        }
        let mut search = Search { target, facts, base, pins: Self::default(), open: Vec::new() };
        let applies = |entry: &&Entry| target.applies(&entry.requirement, &[]);
        for entry in expanded.overrides.iter().filter(applies) {
            search.line(entry, true)?;
        }
        for entry in expanded.requirements.iter().filter(applies) {
            search.line(entry, false)?;
            search.want(&entry.requirement);
        }
        search.follow()?;
        for entry in expanded.constraints.iter().filter(applies) {
            search.constraint(entry)?;
        }
        Ok(search.pins)
    }

    /// The place that a constraint names for a package that nothing else takes from a place. It is looked at when the
    /// package turns out to be needed, and not before: constraints name many packages that are not.
    pub(crate) fn constraint(&self, name: &PackageName) -> Option<&DirectReference> {
        self.constraints.get(name)
    }

    /// The place of a package.
    pub(crate) fn get(&self, name: &PackageName) -> Option<&Pin> {
        self.pins.get(name)
    }
}

struct Search<'a> {
    target: &'a Target,
    facts: &'a dyn Facts,
    base: &'a BaseView,
    pins: Pins,
    open: Vec<(PackageName, Option<ExtraName>)>,
}

impl Search<'_> {
    fn line(&mut self, entry: &Entry, is_override: bool) -> Result<(), ResolveError> {
        let Some(reference) = &entry.direct else { return Ok(()) };
        let name = &entry.requirement.name;
        self.pin(name, reference, place(&entry.origin), Some(&entry.origin))?;
        if let Some(pin) = self.pins.pins.get_mut(name) {
            pin.is_override |= is_override;
        }
        Ok(())
    }

    fn constraint(&mut self, entry: &Entry) -> Result<(), ResolveError> {
        let Some(reference) = &entry.direct else { return Ok(()) };
        let name = &entry.requirement.name;
        match self.pins.pins.get(name) {
            Some(pin) if pin.is_override || pin.reference.is_same_place(reference) => {}
            Some(pin) => {
                return Err(contradiction(name, pin, reference, &place(&entry.origin), Some(&entry.origin)));
            }
            None => {
                self.pins.constraints.insert(name.clone(), reference.clone());
            }
        }
        Ok(())
    }

    fn want(&mut self, requirement: &Requirement) {
        let extras = requirement.extras.iter().cloned().map(Some);
        self.open.extend(extras.chain([None]).map(|extra| (requirement.name.clone(), extra)));
    }

    /// Looks at the metadata of pinned packages for further places.
    fn follow(&mut self) -> Result<(), ResolveError> {
        let mut seen = BTreeSet::new();
        while let Some((name, extra)) = self.open.pop() {
            let Some(pin) = self.pins.get(&name).cloned() else { continue };
            if !seen.insert((name.clone(), extra.clone())) {
                continue;
            }
            let failed = |source| ResolveError::Facts { package: name.clone(), source };
            let FileMetadata::Known(metadata) = self.facts.metadata(&name, &pin.file).map_err(failed)? else {
                continue;
            };
            let extras: Vec<ExtraName> = extra.into_iter().collect();
            for requirement in metadata.requires.iter().filter(|one| self.target.applies(one, &extras)) {
                if let Some(VersionOrUrl::Url(url)) = &requirement.version_or_url
                    && let Some(reference) = requirements::reference(&url.verbatim.to_string())
                {
                    self.pin(&requirement.name, &reference, format!("{name} {}", pin.version), None)?;
                }
                self.want(requirement);
            }
        }
        Ok(())
    }

    fn pin(
        &mut self,
        name: &PackageName,
        reference: &DirectReference,
        by: String,
        origin: Option<&Origin>,
    ) -> Result<(), ResolveError> {
        if let Some(known) = self.pins.get(name) {
            let same = known.is_override || known.reference.is_same_place(reference);
            return if same { Ok(()) } else { Err(contradiction(name, known, reference, &by, origin)) };
        }
        if self.pins.pins.len() >= MAX_REFERENCES {
            return Err(ResolveError::TooLong { decisions: MAX_REFERENCES as u64 });
        }
        let failed = |source| ResolveError::Facts { package: name.clone(), source };
        let file = self.facts.direct(name, reference).map_err(failed)?;
        let parsed = crate::facts::parse_filename(&file.filename, name);
        let Some(version) = parsed.map(DistFilename::into_version) else {
            return Err(misnamed(name, &file, reference, &by, origin));
        };
        if let Some(installed) = self.base.get(name)
            && let Some(protection) = installed.protection
        {
            return Err(refusal(Conflict {
                summary: format!("{by} cannot be installed beside what the base has"),
                steps: vec![
                    format!("{by} takes {name} {version} from {reference}"),
                    format!("the base has {name} {}, {protection}", installed.version),
                ],
                hints: vec![format!(
                    "{name} comes with the base image: leave the line away, or change the image"
                )],
                involved: origin.cloned().into_iter().collect(),
                packages: vec![name.clone()],
            }));
        }
        let (reference, origin) = (reference.clone(), origin.cloned());
        let pin = Pin { reference, file, version, by, origin, is_override: false };
        self.pins.pins.insert(name.clone(), pin);
        Ok(())
    }
}

/// `requirements.txt:3`.
fn place(origin: &Origin) -> String {
    format!("{}:{}", origin.file, origin.line)
}

/// Two places for one package.
fn contradiction(
    name: &PackageName,
    first: &Pin,
    second: &DirectReference,
    by: &str,
    origin: Option<&Origin>,
) -> ResolveError {
    refusal(Conflict {
        summary: format!("{} and {by} contradict each other", first.by),
        steps: vec![
            format!("{} takes {name} from {}", first.by, first.reference),
            format!("{by} takes {name} from {second}"),
        ],
        hints: vec![format!("keep one place for {name}")],
        involved: first.origin.iter().chain(origin).cloned().collect(),
        packages: vec![name.clone()],
    })
}

fn misnamed(
    name: &PackageName,
    file: &PackageFile,
    reference: &DirectReference,
    by: &str,
    origin: Option<&Origin>,
) -> ResolveError {
    refusal(Conflict {
        summary: format!("{by} cannot be satisfied"),
        steps: vec![
            format!("{by} takes {name} from {reference}"),
            format!("what is there is no {name}: {}", file.filename),
        ],
        hints: vec!["write the name of the package that is there".into()],
        involved: origin.cloned().into_iter().collect(),
        packages: vec![name.clone()],
    })
}

fn refusal(conflict: Conflict) -> ResolveError {
    ResolveError::Conflict(Box::new(conflict))
}
