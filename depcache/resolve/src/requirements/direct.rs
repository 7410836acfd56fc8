//! Requirements that name a place: `name @ address`, an address, a path; as pip and uv read them.

use std::str::FromStr;

use pep508_rs::MarkerTree;
use uv_normalize::{ExtraName, PackageName};

use super::error::RequirementsErrorKind as Kind;
use super::place::{file_name, has_end, is_archive, is_wheel, name_of, percent_decoded, place, refused};
use crate::hash::FileHash;
use crate::reference::{DirectReference, Place};

/// A requirement that names a place.
#[derive(Debug, Clone)]
pub(super) struct Direct {
    /// Written before the place, in `#egg=`, or told by the file's name.
    pub(super) name: Option<PackageName>,
    pub(super) extras: Vec<ExtraName>,
    pub(super) reference: DirectReference,
    pub(super) marker: MarkerTree,
}

/// Parses the text of a line without its options; `None`: it names no place.
pub(super) fn direct(text: &str, is_editable: bool) -> Result<Option<Direct>, Kind> {
    let (name, extras, rest) = match named(text) {
        Some(found) => found,
        None if is_editable || is_place(text) => (None, "", text),
        None => return Ok(None),
    };
    let (place, marker_text) = split_marker(rest);
    let (place, more_extras) = if name.is_some() { (place, "") } else { split_extras(place) };
    let marker = match marker_text {
        Some(text_of_marker) => marker(text, text_of_marker)?,
        None => MarkerTree::default(),
    };
    let (place, fragment) = split_fragment(place);
    let fragment = Fragment::parse(fragment)?;
    let place = self::place(place, is_editable)?;
    let told = file_name(&place).map(|file| name_of(&file)).transpose()?.flatten();
    let name = name.or(fragment.name);
    if let (Some(name), Some(told), true) = (&name, &told, is_wheel(&place))
        && name != told
    {
        let problem = format!("it is a wheel of {told}, not of {name}");
        return Err(refused(&shown(&place), problem, "write the name of the package that the wheel holds"));
    }
    let mut all_extras = parse_extras(extras)?;
    all_extras.extend(parse_extras(more_extras)?);
    all_extras.extend(fragment.extras);
    let reference = DirectReference {
        place,
        subdirectory: fragment.subdirectory,
        hashes: fragment.hashes,
        content: None,
    };
    Ok(Some(Direct { name: name.or(told), extras: all_extras, reference, marker }))
}

type Named<'t> = (Option<PackageName>, &'t str, &'t str);

/// `name [extras] @ rest`.
fn named(text: &str) -> Option<Named<'_>> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
    let end = text.find(|c: char| !is_of_name(c))?;
    let name = text[..end].parse().ok()?;
    let after = text[end..].trim_start();
    let (extras, after) = match after.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => ("", after),
    };
    Some((Some(name), extras, after.trim_start().strip_prefix('@')?.trim_start()))
}

/// Whether a line without name is a place, not a requirement by name; pip's rules, and uv's for archives.
fn is_place(text: &str) -> bool {
    let (place, _) = split_marker(text);
    let (place, _) = split_extras(place);
    let lower = place.to_ascii_lowercase();
    let scheme = lower.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme.bytes().all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c))
            && (lower.contains("://") || scheme == "file" || scheme.contains('+'))
    });
    // A comparison is a requirement, whatever its version looks like: `a>=1.0.zip`.
    let compares =
        lower.contains(['<', '>', '=', '~', '!']) && !lower.contains('/') && !lower.starts_with('.');
    scheme
        || lower.starts_with('.')
        || lower.starts_with('~')
        || (lower.contains('/') && !lower.contains(['<', '>']))
        || (!compares && (has_end(&lower, "whl") || is_archive(&lower)))
}

/// Splits at the semicolon before a marker. Addresses may hold semicolons: white space must stand beside it.
fn split_marker(text: &str) -> (&str, Option<&str>) {
    let is_address = text.contains("://");
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        let after = &text[at + character.len_utf8()..];
        if character == ';'
            && (!is_address || before.is_whitespace() || after.starts_with(char::is_whitespace))
        {
            return (text[..at].trim(), Some(after));
        }
        before = character;
    }
    (text.trim(), None)
}

/// `./path[extra]`.
fn split_extras(place: &str) -> (&str, &str) {
    let split = place.strip_suffix(']').and_then(|open| open.rsplit_once('['));
    split.filter(|(path, _)| !path.is_empty()).unwrap_or((place, ""))
}

fn parse_extras(text: &str) -> Result<Vec<ExtraName>, Kind> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let reason = format!("`{name}` is not the name of an extra");
            name.parse().map_err(|_| Kind::Malformed { reason, column: 0 })
        })
        .collect()
}

fn marker(line: &str, text: &str) -> Result<MarkerTree, Kind> {
    MarkerTree::from_str(text).map_err(|error| {
        let before = line.find(text).map_or(0, |at| line[..at].chars().count());
        let reason = error.message.to_string().lines().next().unwrap_or_default().to_owned();
        Kind::Malformed { reason, column: before + error.start }
    })
}

/// Paths may hold `#`: only what looks like a fragment of pip's is one.
fn split_fragment(place: &str) -> (&str, &str) {
    let split = if place.contains("://") { place.split_once('#') } else { place.rsplit_once('#') };
    match split {
        Some((before, fragment)) if place.contains("://") || fragment.contains('=') => (before, fragment),
        _ => (place, ""),
    }
}

#[derive(Default)]
struct Fragment {
    name: Option<PackageName>,
    extras: Vec<ExtraName>,
    subdirectory: Option<String>,
    hashes: Vec<FileHash>,
}

impl Fragment {
    fn parse(text: &str) -> Result<Self, Kind> {
        let mut found = Self::default();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = percent_decoded(value);
            match key {
                "egg" => {
                    let (name, extras) = split_extras(&value);
                    let refuse = || refused(part, "it names no package".into(), "write `#egg=NAME`");
                    found.name = Some(name.parse().map_err(|_| refuse())?);
                    found.extras = parse_extras(extras)?;
                }
                "subdirectory" => {
                    let inside = !value.starts_with('/') && !value.split('/').any(|one| one == "..");
                    if !inside || value.is_empty() {
                        let problem = "the subdirectory does not lie within it".to_owned();
                        return Err(refused(
                            part,
                            problem,
                            "write a relative path, as in `#subdirectory=python/api`",
                        ));
                    }
                    found.subdirectory = Some(value.trim_end_matches('/').to_owned());
                }
                "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512" => {
                    let text = format!("{key}:{value}");
                    found.hashes.push(text.parse().map_err(|_| Kind::Hash { text })?);
                }
                _ => {
                    let problem = format!("its fragment has the unknown key `{key}`");
                    return Err(refused(part, problem, "known are egg, subdirectory and sha256"));
                }
            }
        }
        Ok(found)
    }
}

fn shown(place: &Place) -> String {
    DirectReference { place: place.clone(), subdirectory: None, hashes: Vec::new(), content: None }
        .to_string()
}
