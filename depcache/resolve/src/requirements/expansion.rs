//! Walks files and their `-r` / `-c`, collecting what they say.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Operator;
use pep508_rs::VersionOrUrl;

use super::error::{ReadError, RequirementsError, RequirementsErrorKind as Kind};
use super::lines::{self, Line};
use super::options::{self, Setting};
use super::{Entry, Expanded, MAX_FILE_BYTES, MAX_FILES, Origin, SourceFile, parse};

type Read<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, ReadError>;

pub(super) struct Expansion<'a> {
    read: Read<'a>,
    variables: &'a BTreeMap<String, String>,
    visited: BTreeSet<(String, bool)>,
    /// `file:line` of the first `--index-url`.
    index_at: Option<String>,
    out: Expanded,
}

impl<'a> Expansion<'a> {
    pub(super) fn new(read: Read<'a>, variables: &'a BTreeMap<String, String>) -> Self {
        Self { read, variables, visited: BTreeSet::new(), index_at: None, out: Expanded::default() }
    }

    /// Reads a file named by the caller.
    pub(super) fn file(&mut self, path: &str, constraints: bool) -> Result<(), RequirementsError> {
        self.visit(path, constraints).map_err(|kind| match kind {
            Failed::Here(kind) => {
                RequirementsError { file: path.to_owned(), line: None, text: String::new(), kind }
            }
            Failed::Placed(error) => *error,
        })
    }

    fn visit(&mut self, path: &str, constraints: bool) -> Result<(), Failed> {
        if !self.visited.insert((path.to_owned(), constraints)) {
            return Ok(());
        }
        if self.visited.len() > MAX_FILES {
            return Err(Kind::TooLarge { what: "the number of files".into(), limit: MAX_FILES }.into());
        }
        let bytes = (self.read)(path).map_err(|source| Kind::Read { path: path.to_owned(), source })?;
        if bytes.len() > MAX_FILE_BYTES {
            let what = format!("the size of {path} in bytes");
            return Err(Kind::TooLarge { what, limit: MAX_FILE_BYTES }.into());
        }
        let text = lines::decode(&bytes).ok_or_else(|| Kind::Encoding { path: path.to_owned() })?;
        let logical = lines::logical(&text);
        self.out.files.push(SourceFile { path: path.to_owned(), text, constraints });
        for line in logical {
            self.line(path, &line, constraints).map_err(|failed| match failed {
                Failed::Placed(error) => Failed::Placed(error),
                Failed::Here(kind) => Failed::Placed(Box::new(RequirementsError {
                    file: path.to_owned(),
                    line: Some(line.number),
                    text: line.text.clone(),
                    kind,
                })),
            })?;
        }
        Ok(())
    }

    fn line(&mut self, path: &str, line: &Line, constraints: bool) -> Result<(), Failed> {
        let text = parse::substitute(&line.text, self.variables)?;
        if text.starts_with('-') {
            for setting in options::settings(&text)? {
                self.setting(path, line, setting, constraints)?;
            }
            return Ok(());
        }
        let parsed = parse::requirement(&text)?;
        let origin = Origin {
            file: path.to_owned(),
            line: line.number,
            last_line: line.last,
            text: parse::split_options(&line.text).0.to_owned(),
        };
        let entry = Entry { requirement: parsed.requirement, hashes: parsed.hashes, origin };
        if constraints {
            if !entry.requirement.extras.is_empty() {
                let reason = "a constraint cannot have extras".to_owned();
                return Err(Kind::Malformed { reason, column: 0 }.into());
            }
            self.out.constraints.push(entry);
        } else {
            self.out.requirements.push(entry);
        }
        Ok(())
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
            Setting::Requirements(file) => self.visit(&beside(path, &file), constraints)?,
            Setting::Constraints(file) => self.visit(&beside(path, &file), true)?,
            Setting::IndexUrl(url) => {
                let here = format!("{path}:{}", line.number);
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
            Setting::FindLinks(place) => options.find_links.push(place),
            Setting::NoIndex => options.no_index = true,
            Setting::RequireHashes => options.require_hashes = true,
            Setting::NoBinary(value) => {
                options::add_names(&mut options.no_binary, "--no-binary", &value)?;
            }
            Setting::OnlyBinary(value) => {
                options::add_names(&mut options.only_binary, "--only-binary", &value)?;
            }
            Setting::Pre => options.pre = true,
            Setting::PreferBinary => {}
        }
        Ok(())
    }

    /// Checks what concerns all lines together.
    pub(super) fn finish(mut self) -> Result<Expanded, RequirementsError> {
        let out = &mut self.out;
        out.options.require_hashes |= out.requirements.iter().any(|entry| !entry.hashes.is_empty());
        if out.options.require_hashes {
            for entry in &out.requirements {
                let same = |other: &&Entry| other.requirement.name == entry.requirement.name;
                let mut all = out.constraints.iter().filter(same).chain([entry]);
                let lacks = if all.clone().all(|entry| entry.hashes.is_empty()) {
                    "hash"
                } else if !all.any(is_exact) {
                    "exact version (==)"
                } else {
                    continue;
                };
                return Err(RequirementsError {
                    file: entry.origin.file.clone(),
                    line: Some(entry.origin.line),
                    text: entry.origin.text.clone(),
                    kind: Kind::HashesRequired { lacks },
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

/// A path relative to the folder of `file`; `.` and `..` resolved in the text.
fn beside(file: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let rooted = file.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("{}{}", if rooted { "/" } else { "" }, parts.join("/"))
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
