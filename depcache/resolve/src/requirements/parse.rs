//! Lines that name a package.

use std::collections::BTreeMap;
use std::str::FromStr;

use pep508_rs::VersionOrUrl;

use super::error::RequirementsErrorKind as Kind;
use crate::facts::{FileHash, Requirement};

/// A requirement and the options behind it.
#[derive(Debug, Clone)]
pub(super) struct Parsed {
    pub(super) requirement: Requirement,
    pub(super) hashes: Vec<FileHash>,
}

/// Splits a line at its first word that starts with `-`: requirement before, options behind.
pub(crate) fn split_options(text: &str) -> (&str, &str) {
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        if character == '-' && before.is_whitespace() {
            return (text[..at].trim_end(), &text[at..]);
        }
        before = character;
    }
    (text.trim_end(), "")
}

/// Words as a shell splits them: quotes group, a backslash takes the next character as it is.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            (_, Some(open)) if character == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            ('\\', None) => {
                if let Some(next) = characters.next() {
                    word.get_or_insert_default().push(next);
                }
            }
            (_, None) if character.is_whitespace() => found.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    found.extend(word);
    found
}

/// Replaces `${NAME}` (capital letters, digits, `_`; as pip does).
pub(super) fn substitute(text: &str, variables: &BTreeMap<String, String>) -> Result<String, Kind> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        out.push_str(before);
        let name = after.split('}').next().unwrap_or_default();
        let is_name = !name.is_empty()
            && name.len() < after.len()
            && name.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_');
        if is_name {
            let value = variables.get(name).ok_or_else(|| Kind::Variable { name: name.to_owned() })?;
            out.push_str(value);
            rest = &after[name.len() + 1..];
        } else {
            out.push_str("${");
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Parses a line that does not start with `-`.
pub(super) fn requirement(line: &str) -> Result<Parsed, Kind> {
    let (text, options) = split_options(line);
    if let Some(construct) = not_by_name(text) {
        return Err(Kind::Unsupported { construct });
    }
    let requirement = Requirement::from_str(text).map_err(|error| Kind::Malformed {
        reason: first_line(&error.message.to_string()),
        column: error.start,
    })?;
    if let Some(VersionOrUrl::Url(_)) = requirement.version_or_url {
        let is_vcs = ["git+", "hg+", "svn+", "bzr+"].iter().any(|scheme| text.contains(scheme));
        let construct =
            if is_vcs { "a requirement from version control" } else { "a direct address (name @ …)" };
        return Err(Kind::Unsupported { construct });
    }
    let mut hashes = Vec::new();
    let mut rest = words(options).into_iter();
    while let Some(word) = rest.next() {
        let value = match (word.strip_prefix("--hash="), word.as_str()) {
            (Some(value), _) => value.to_owned(),
            (None, "--hash") => {
                rest.next().ok_or(Kind::OptionValue { option: word, expected: "algorithm:digits" })?
            }
            (None, option)
                if option.starts_with("--config-settings") || option.starts_with("--global-option") =>
            {
                return Err(Kind::Unsupported { construct: "a build option behind a requirement" });
            }
            (None, _) => return Err(Kind::UnknownOption { option: word }),
        };
        hashes.push(FileHash::from_str(&value).map_err(|error| Kind::Hash { text: error.text })?);
    }
    Ok(Parsed { requirement, hashes })
}

/// Lines that pip installs from a place, not by name.
fn not_by_name(text: &str) -> Option<&'static str> {
    let first = text.split([';', ' ']).next().unwrap_or_default();
    let lower = first.to_ascii_lowercase();
    let vcs = ["git+", "hg+", "svn+", "bzr+"];
    if vcs.iter().any(|scheme| lower.starts_with(scheme)) {
        return Some("a requirement from version control");
    }
    // `name@…` and `name @ …` are for the parser: it names what is wrong with them.
    if text.contains('@') {
        return None;
    }
    if lower.contains("://") || lower.starts_with("file:") {
        return Some("a direct address");
    }
    let archives = [".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz"];
    let is_path = lower.starts_with('.')
        || lower.starts_with('~')
        || lower.contains('/')
        || archives.iter().any(|end| lower.ends_with(end));
    is_path.then_some("a requirement from a local path")
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
