//! `pyproject.toml` as input: dependencies, extras and dependency groups of a project, not the project itself.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use pep440_rs::VersionSpecifiers;
use serde::Deserialize;
use toml::Spanned;
use uv_normalize::{ExtraName, GroupName, PackageName};

use super::error::{RequirementsError, RequirementsErrorKind as Kind};
use super::expansion::Expansion;
use super::{Origin, RequiresPython, parse};

/// What is read of the file; the rest of it concerns other tools.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    project: Option<Project>,
    #[serde(default)]
    dependency_groups: BTreeMap<String, Vec<Spanned<Item>>>,
    #[serde(default)]
    tool: Tool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Project {
    name: Option<String>,
    requires_python: Option<Spanned<String>>,
    #[serde(default)]
    dependencies: Vec<Spanned<String>>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<Spanned<String>>>,
    #[serde(default)]
    dynamic: Vec<Spanned<String>>,
}

/// A member of a dependency group (PEP 735).
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Requirement(String),
    Include {
        #[serde(rename = "include-group")]
        include_group: String,
    },
}

#[derive(Default, Deserialize)]
struct Tool {
    #[serde(default)]
    uv: Uv,
}

/// Settings of uv that change where packages come from.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Uv {
    #[serde(default)]
    sources: BTreeMap<String, Spanned<toml::Value>>,
    constraint_dependencies: Option<Spanned<toml::Value>>,
    override_dependencies: Option<Spanned<toml::Value>>,
    exclude_dependencies: Option<Spanned<toml::Value>>,
}

/// Reads a project's file and adds what the selection wants of it.
pub(super) fn read(expansion: &mut Expansion<'_>, path: &str) -> Result<(), RequirementsError> {
    let whole = |kind| RequirementsError {
        file: path.to_owned(),
        line: None,
        text: String::new(),
        kind: Box::new(kind),
    };
    let Some(text) = expansion.text(path, false).map_err(whole)? else { return Ok(()) };
    let document: Document = toml::from_str(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let reason = error.message().to_owned();
        Place { path, text: &text }.error(at, Kind::Project { reason })
    })?;
    let place = Place { path, text: &text };
    let mut reader = Reader { expansion, place, document: &document, seen: BTreeSet::new() };
    reader.selected()
}

/// Positions in the file as lines.
#[derive(Clone, Copy)]
struct Place<'t> {
    path: &'t str,
    text: &'t str,
}

impl Place<'_> {
    fn line(self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1
    }

    fn origin(self, at: std::ops::Range<usize>, text: &str) -> Origin {
        let (line, last_line) = (self.line(at.start), self.line(at.end));
        Origin { file: self.path.to_owned(), line, last_line, text: text.to_owned() }
    }

    fn error(self, at: usize, kind: Kind) -> RequirementsError {
        let line = self.line(at);
        let text = self.text.lines().nth(line - 1).unwrap_or_default().trim_end().to_owned();
        // The column is that of the requirement; the line is shown as it stands.
        let kind = match kind {
            Kind::Malformed { reason, column } => {
                let start = self
                    .text
                    .get(..at)
                    .map_or(0, |before| before.chars().rev().take_while(|c| *c != '\n').count());
                // Behind the quote.
                Kind::Malformed { reason, column: start + column + 1 }
            }
            other => other,
        };
        RequirementsError { file: self.path.to_owned(), line: Some(line), text, kind: Box::new(kind) }
    }
}

struct Reader<'r, 'o> {
    expansion: &'r mut Expansion<'o>,
    place: Place<'r>,
    document: &'r Document,
    /// Extras of the project itself that were added.
    seen: BTreeSet<ExtraName>,
}

impl Reader<'_, '_> {
    fn selected(&mut self) -> Result<(), RequirementsError> {
        let document = self.document;
        let selection = self.expansion.outside.selection;
        self.settings_of_uv();
        if let Some(project) = &document.project {
            self.project(project)?;
        } else if selection.groups.is_empty() {
            let construct = "a pyproject.toml without [project]";
            let hint = "name its dependencies in [project] (PEP 621), or write a requirements file";
            return Err(self.place.error(0, Kind::Unsupported { construct, hint }));
        }
        for group in &selection.groups {
            self.group(group, &mut Vec::new())?;
        }
        Ok(())
    }

    /// Settings that other tools obey and that are not read: said, as they would change the answer.
    fn settings_of_uv(&mut self) {
        let uv = &self.document.tool.uv;
        let keys = [
            ("constraint-dependencies", &uv.constraint_dependencies),
            ("override-dependencies", &uv.override_dependencies),
            ("exclude-dependencies", &uv.exclude_dependencies),
        ];
        for (key, value) in keys {
            if let Some(value) = value {
                let line = self.place.line(value.span().start);
                let text = format!("[tool.uv] {key} is not read: give it with -c or the options of depcache");
                self.expansion.note(self.place.path, line, &text);
            }
        }
    }

    fn project(&mut self, project: &Project) -> Result<(), RequirementsError> {
        let selection = self.expansion.outside.selection;
        let is_dynamic = |what: &str| project.dynamic.iter().find(|one| one.get_ref() == what);
        if let Some(at) = is_dynamic("dependencies") {
            let construct = "a project whose dependencies are dynamic";
            let hint = "its build decides them: write a requirements file that names the project's directory, as in `./project`";
            return Err(self.place.error(at.span().start, Kind::Unsupported { construct, hint }));
        }
        if let Some(requires) = &project.requires_python {
            let specifiers = VersionSpecifiers::from_str(requires.get_ref()).map_err(|error| {
                let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
                self.place.error(requires.span().start, Kind::Project { reason })
            })?;
            let origin = self.place.origin(requires.span(), requires.get_ref());
            self.expansion.out.requires_python.push(RequiresPython { origin, specifiers });
        }
        for text in &project.dependencies {
            self.requirement(text.span(), text.get_ref())?;
        }
        let wanted: Vec<ExtraName> = if selection.all_extras {
            project.optional_dependencies.keys().filter_map(|name| name.parse().ok()).collect()
        } else {
            selection.extras.iter().cloned().collect()
        };
        for extra in &wanted {
            self.extra(project, extra)?;
        }
        Ok(())
    }

    fn extra(&mut self, project: &Project, extra: &ExtraName) -> Result<(), RequirementsError> {
        if !self.seen.insert(extra.clone()) {
            return Ok(());
        }
        let found = project
            .optional_dependencies
            .iter()
            .find(|(name, _)| name.parse::<ExtraName>().is_ok_and(|name| name == *extra));
        let Some((_, texts)) = found else {
            let name = extra.to_string();
            let error = Kind::Missing { what: "extra", name, known: keys(&project.optional_dependencies) };
            return Err(self.place.error(0, error));
        };
        for text in texts {
            self.requirement(text.span(), text.get_ref())?;
        }
        Ok(())
    }

    fn group(&mut self, group: &GroupName, path: &mut Vec<GroupName>) -> Result<(), RequirementsError> {
        let document = self.document;
        let found = document
            .dependency_groups
            .iter()
            .find(|(name, _)| name.parse::<GroupName>().is_ok_and(|name| name == *group));
        let Some((_, items)) = found else {
            let name = group.to_string();
            let error =
                Kind::Missing { what: "dependency group", name, known: keys(&document.dependency_groups) };
            return Err(self.place.error(0, error));
        };
        path.push(group.clone());
        for item in items {
            let at = item.span();
            match item.get_ref() {
                Item::Requirement(text) => self.requirement(at, text)?,
                Item::Include { include_group } => {
                    let refuse = |reason: String| self.place.error(at.start, Kind::Project { reason });
                    let next: GroupName = include_group
                        .parse()
                        .map_err(|_| refuse(format!("`{include_group}` is not the name of a group")))?;
                    if path.contains(&next) {
                        return Err(refuse(format!("the group {next} includes itself")));
                    }
                    self.group(&next, path)?;
                }
            }
        }
        path.pop();
        Ok(())
    }

    fn requirement(&mut self, at: std::ops::Range<usize>, text: &str) -> Result<(), RequirementsError> {
        let failed = |place: Place<'_>, kind| place.error(at.start, kind);
        let parsed = parse::requirement(text).map_err(|kind| failed(self.place, kind))?;
        let origin = self.place.origin(at.clone(), text);
        let entry = self.expansion.entry(parsed, origin, false).map_err(|kind| failed(self.place, kind))?;
        let name = &entry.requirement.name;
        if let Some(project) = self.document.project.as_ref().filter(|project| is_named(project, name)) {
            // `project[all]` stands for the project's own extras.
            for extra in entry.requirement.extras.clone() {
                self.extra(project, &extra)?;
            }
            return Ok(());
        }
        let is_redirected = |key: &&String| key.parse::<PackageName>().is_ok_and(|key| key == *name);
        if entry.direct.is_none() && self.document.tool.uv.sources.keys().any(|key| is_redirected(&key)) {
            let construct = "a dependency whose place is in [tool.uv.sources]";
            let hint = "write the place into the dependency, as in `name @ git+https://…`";
            return Err(failed(self.place, Kind::Unsupported { construct, hint }));
        }
        self.expansion.out.requirements.push(entry);
        Ok(())
    }
}

fn is_named(project: &Project, name: &PackageName) -> bool {
    project.name.as_deref().is_some_and(|own| own.parse::<PackageName>().is_ok_and(|own| own == *name))
}

fn keys<T>(map: &BTreeMap<String, T>) -> String {
    if map.is_empty() { "none".into() } else { map.keys().cloned().collect::<Vec<_>>().join(", ") }
}
