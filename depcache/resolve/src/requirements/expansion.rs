//! Walks files and their `-r` / `-c`, collecting what they say.

use std::collections::BTreeSet;

use pep440_rs::Operator;
use pep508_rs::VersionOrUrl;

use super::direct::Direct;
use super::error::{RequirementsError, RequirementsErrorKind as Kind};
use super::lines::{self, Line};
use super::options::{self, Setting};
use super::parse::{self, Parsed, What};
use super::{Entry, Expanded, MAX_FILE_BYTES, MAX_FILES, Note, Origin, Outside, SourceFile, address, names};
use crate::facts::Requirement;

pub(super) struct Expansion<'a> {
    pub(super) outside: &'a Outside<'a>,
    visited: BTreeSet<(String, bool)>,
    /// `file:line` of the first `--index-url`.
    index_at: Option<String>,
    forbids_hash_mode: bool,
    pub(super) out: Expanded,
}

impl<'a> Expansion<'a> {
    pub(super) fn new(outside: &'a Outside<'a>) -> Self {
        Self {
            outside,
            visited: BTreeSet::new(),
            index_at: None,
            forbids_hash_mode: false,
            out: Expanded::default(),
        }
    }

    /// Reads a file named by the caller.
    pub(super) fn file(&mut self, path: &str, constraints: bool) -> Result<(), RequirementsError> {
        self.visit(path, constraints).map_err(|kind| match kind {
            Failed::Here(kind) => RequirementsError {
                file: path.to_owned(),
                line: None,
                text: String::new(),
                kind: Box::new(kind),
            },
            Failed::Placed(error) => *error,
        })
    }

    /// The text of a file that was not read yet in this role.
    pub(super) fn text(&mut self, path: &str, constraints: bool) -> Result<Option<String>, Kind> {
        if !self.visited.insert((path.to_owned(), constraints)) {
            return Ok(None);
        }
        if self.visited.len() > MAX_FILES {
            return Err(Kind::TooLarge { what: "the number of files".into(), limit: MAX_FILES });
        }
        let bytes =
            (self.outside.read)(path).map_err(|source| Kind::Read { path: address::shown(path), source })?;
        if bytes.len() > MAX_FILE_BYTES {
            let what = format!("the size of {} in bytes", address::shown(path));
            return Err(Kind::TooLarge { what, limit: MAX_FILE_BYTES });
        }
        let text = lines::decode(&bytes).ok_or_else(|| Kind::Encoding { path: address::shown(path) })?;
        self.out.files.push(SourceFile { path: address::shown(path), text: text.clone(), constraints });
        Ok(Some(text))
    }

    fn visit(&mut self, path: &str, constraints: bool) -> Result<(), Failed> {
        let Some(text) = self.text(path, constraints)? else { return Ok(()) };
        for line in lines::logical(&text) {
            self.line(path, &line, constraints).map_err(|failed| match failed {
                Failed::Placed(error) => Failed::Placed(error),
                Failed::Here(kind) => Failed::Placed(Box::new(RequirementsError {
                    file: address::shown(path),
                    line: Some(line.number),
                    text: line.text.clone(),
                    kind: Box::new(kind),
                })),
            })?;
        }
        Ok(())
    }

    fn line(&mut self, path: &str, line: &Line, constraints: bool) -> Result<(), Failed> {
        let text = parse::substitute(&line.text, self.outside.variables)?;
        if let Some(value) = options::editable(&text) {
            if constraints {
                return Err(Kind::Constraint { what: "be editable" }.into());
            }
            let parsed = parse::editable(value)?;
            self.note(path, line.number, "-e installs a copy, built now: later edits need a new build");
            return self.requirement(path, line, parsed, constraints);
        }
        if text.starts_with('-') {
            for setting in options::settings(&text)? {
                self.setting(path, line, setting, constraints)?;
            }
            return Ok(());
        }
        self.requirement(path, line, parse::requirement(&text)?, constraints)
    }

    fn requirement(
        &mut self,
        path: &str,
        line: &Line,
        parsed: Parsed,
        constraints: bool,
    ) -> Result<(), Failed> {
        let origin = Origin {
            file: address::shown(path),
            line: line.number,
            last_line: line.last,
            text: parse::split_options(&line.text).0.to_owned(),
        };
        let entry = self.entry(parsed, origin, constraints)?;
        if constraints {
            self.out.constraints.push(entry);
        } else {
            self.out.requirements.push(entry);
        }
        Ok(())
    }

    /// Completes a parsed requirement: a place that does not tell its package is asked.
    pub(super) fn entry(&self, parsed: Parsed, origin: Origin, constraints: bool) -> Result<Entry, Kind> {
        let (requirement, direct) = match parsed.what {
            What::Named(requirement) => (*requirement, None),
            What::Direct(direct) => {
                let Direct { name, extras, reference, marker } = *direct;
                if name.is_none() && constraints {
                    return Err(Kind::Constraint { what: "be a place without a name" });
                }
                let name = match name {
                    Some(name) => name,
                    None => (self.outside.name)(&reference)
                        .map_err(|source| Kind::Nameless { place: reference.to_string(), source })?,
                };
                let extras = extras.into_boxed_slice();
                (Requirement { name, extras, version_or_url: None, marker, origin: None }, Some(reference))
            }
        };
        if constraints && !requirement.extras.is_empty() {
            return Err(Kind::Constraint { what: "have extras" });
        }
        Ok(Entry { requirement, direct, hashes: parsed.hashes, origin })
    }

    pub(super) fn note(&mut self, file: &str, line: usize, text: &str) {
        self.out.notes.push(Note { file: address::shown(file), line, text: text.to_owned() });
    }

    fn setting(
        &mut self,
        path: &str,
        line: &Line,
        setting: Setting,
        constraints: bool,
    ) -> Result<(), Failed> {
        let options = &mut self.out.options;
        match setting {
            Setting::Requirements(file) => {
                if constraints {
                    let why = "what -r brings into a constraints file are constraints (pip would install it)";
                    self.note(path, line.number, why);
                }
                self.visit(&address::beside(path, &file), constraints)?;
            }
            Setting::Constraints(file) => self.visit(&address::beside(path, &file), true)?,
            Setting::IndexUrl(url) => {
                let here = format!("{}:{}", address::shown(path), line.number);
                match (&options.index_url, &self.index_at) {
                    (Some(known), Some(first)) if *known != url => {
                        return Err(Kind::SecondIndex { first: first.clone() }.into());
                    }
                    (Some(_), _) => {}
                    (None, _) => {
                        options.index_url = Some(url);
                        self.index_at = Some(here);
                    }
                }
            }
            Setting::ExtraIndexUrl(url) => options.extra_index_urls.push(url),
            Setting::FindLinks(place) => {
                let beside = address::beside(path, &place);
                options.find_links.push(if (self.outside.exists)(&beside) { beside } else { place });
            }
            Setting::NoIndex => options.no_index = true,
            Setting::RequireHashes => options.require_hashes = true,
            Setting::NoRequireHashes => self.forbids_hash_mode = true,
            Setting::NoBinary(value) => {
                names::add(&mut options.no_binary, &mut options.only_binary, "--no-binary", &value)?;
            }
            Setting::OnlyBinary(value) => {
                names::add(&mut options.only_binary, &mut options.no_binary, "--only-binary", &value)?;
            }
            Setting::AllReleases(value) => {
                names::add(&mut options.all_releases, &mut options.only_final, "--all-releases", &value)?;
            }
            Setting::OnlyFinal(value) => {
                names::add(&mut options.only_final, &mut options.all_releases, "--only-final", &value)?;
            }
            Setting::Pre => options.pre = true,
            Setting::WithoutEffect(option, why) => {
                self.note(path, line.number, &format!("{option} has no effect: {why}"));
            }
        }
        Ok(())
    }

    /// Checks what concerns all lines together.
    pub(super) fn finish(mut self) -> Result<Expanded, RequirementsError> {
        let out = &mut self.out;
        let has_hashes = out.requirements.iter().any(|entry| !entry.hashes.is_empty());
        out.options.require_hashes |= has_hashes && !self.forbids_hash_mode;
        if out.options.require_hashes {
            for entry in &out.requirements {
                let same = |other: &&Entry| other.requirement.name == entry.requirement.name;
                let mut all = out.constraints.iter().filter(same).chain([entry]);
                let lacks = if all.clone().all(|entry| entry.allowed_hashes().next().is_none()) {
                    "hash"
                } else if !all.any(|entry| entry.direct.is_some() || is_exact(entry)) {
                    "exact version (==)"
                } else {
                    continue;
                };
                return Err(RequirementsError {
                    file: entry.origin.file.clone(),
                    line: Some(entry.origin.line),
                    text: entry.origin.text.clone(),
                    kind: Box::new(Kind::HashesRequired { lacks }),
                });
            }
        }
        Ok(self.out)
    }
}

/// Whether the entry pins one version.
fn is_exact(entry: &Entry) -> bool {
    matches!(&entry.requirement.version_or_url, Some(VersionOrUrl::VersionSpecifier(specifiers))
        if specifiers.iter().any(|one| matches!(one.operator(), Operator::Equal | Operator::ExactEqual)))
}

/// An error whose place is not known yet, or already is.
enum Failed {
    Here(Kind),
    Placed(Box<RequirementsError>),
}

impl From<Kind> for Failed {
    fn from(kind: Kind) -> Self {
        Self::Here(kind)
    }
}
