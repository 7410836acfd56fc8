//! Lines that name a package.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::direct::{self, Direct};
use super::error::RequirementsErrorKind as Kind;
use crate::facts::Requirement;
use crate::hash::FileHash;

/// A requirement and the options behind it.
#[derive(Debug, Clone)]
pub(super) struct Parsed {
    pub(super) what: What,
    pub(super) hashes: Vec<FileHash>,
}

/// A package by its name, or a place.
#[derive(Debug, Clone)]
pub(super) enum What {
    Named(Box<Requirement>),
    Direct(Box<Direct>),
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

/// Words as a shell splits them: quotes group, a backslash takes the next character as it is. `None`: a quote is not
/// closed.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
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
            ('\\', None) => word.get_or_insert_default().push(characters.next()?),
            // Within double quotes only these lose their meaning.
            ('\\', Some('"')) => {
                let next = characters.next()?;
                if !['"', '\\', '$', '`'].contains(&next) {
                    word.get_or_insert_default().push('\\');
                }
                word.get_or_insert_default().push(next);
            }
            (_, None) if character.is_whitespace() => found.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    found.extend(word);
    quote.is_none().then_some(found)
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

/// Parses a line that does not start with an option.
pub(super) fn requirement(line: &str) -> Result<Parsed, Kind> {
    let (text, options) = split_options(line);
    let mut parsed = match direct::direct(text, false)? {
        Some(direct) => Parsed::direct(direct),
        None => Parsed::named(text)?,
    };
    parsed.add_options(options)?;
    Ok(parsed)
}

/// Parses what stands behind `-e`.
pub(super) fn editable(value: &str) -> Result<Parsed, Kind> {
    let (text, options) = split_options(value);
    let unquoted = match text.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            let (inside, behind) = text[1..].split_once(quote).ok_or(Kind::Quote)?;
            format!("{inside}{behind}")
        }
        _ => text.to_owned(),
    };
    if unquoted.is_empty() {
        return Err(Kind::OptionValue { option: "-e".into(), expected: "a directory" });
    }
    let direct = direct::direct(&unquoted, true)?;
    let mut parsed =
        Parsed::direct(direct.ok_or(Kind::OptionValue { option: "-e".into(), expected: "a directory" })?);
    parsed.add_options(options)?;
    Ok(parsed)
}

impl Parsed {
    fn named(text: &str) -> Result<Self, Kind> {
        let requirement = Requirement::from_str(text).map_err(|error| Kind::Malformed {
            reason: first_line(&error.message.to_string()),
            column: error.start,
        })?;
        Ok(Self { what: What::Named(Box::new(requirement)), hashes: Vec::new() })
    }

    fn direct(direct: Direct) -> Self {
        Self { what: What::Direct(Box::new(direct)), hashes: Vec::new() }
    }

    /// `--hash` behind a requirement.
    fn add_options(&mut self, options: &str) -> Result<(), Kind> {
        let mut rest = words(options).ok_or(Kind::Quote)?.into_iter();
        while let Some(word) = rest.next() {
            let value = match (word.strip_prefix("--hash="), word.as_str()) {
                (Some(value), _) => value.to_owned(),
                (None, "--hash") => {
                    rest.next().ok_or(Kind::OptionValue { option: word, expected: "algorithm:digits" })?
                }
                (None, option) if BUILD_OPTIONS.iter().any(|known| option.starts_with(known)) => {
                    let (construct, hint) = (
                        "a build option behind a requirement",
                        "build the wheel where it is made, and name the wheel",
                    );
                    return Err(Kind::Unsupported { construct, hint });
                }
                (None, _) => return Err(Kind::UnknownOption { option: word }),
            };
            self.hashes.push(FileHash::from_str(&value).map_err(|error| Kind::Hash { text: error.text })?);
        }
        Ok(())
    }
}

/// What pip gives to a package's build.
const BUILD_OPTIONS: [&str; 6] =
    ["--config-settings", "--config-setting", "-C", "--global-option", "--install-option", "--build-option"];

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        let split = |text: &str| words(text).map(|words| words.join("|"));
        assert_eq!(split(r#"a 'b c' "d \"e\" \x" f\ g"#).as_deref(), Some(r#"a|b c|d "e" \x|f g"#));
        assert_eq!(split("'' a").as_deref(), Some("|a"));
        assert_eq!(split("a 'b"), None);
        assert_eq!(split("a\\"), None);
    }
}
