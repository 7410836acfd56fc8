//! Lines that start with `-`: what they mean.

use super::Names;
use super::error::RequirementsErrorKind as Kind;
use super::parse::words;
use std::collections::BTreeSet;
use uv_normalize::PackageName;

/// One option of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setting {
    Requirements(String),
    Constraints(String),
    IndexUrl(String),
    ExtraIndexUrl(String),
    FindLinks(String),
    NoIndex,
    RequireHashes,
    NoBinary(String),
    OnlyBinary(String),
    Pre,
    /// Only wheels are used at all: fulfilled.
    PreferBinary,
}

const UNSUPPORTED: [(&str, &str); 8] = [
    ("-e", "an editable requirement (-e)"),
    ("--editable", "an editable requirement (--editable)"),
    ("--trusted-host", "the option --trusted-host"),
    ("--use-feature", "the option --use-feature"),
    ("--no-require-hashes", "the option --no-require-hashes"),
    ("--config-settings", "the option --config-settings"),
    ("--global-option", "the option --global-option"),
    ("--process-dependency-links", "the option --process-dependency-links"),
];

/// All options of one line.
pub(super) fn settings(line: &str) -> Result<Vec<Setting>, Kind> {
    let mut found = Vec::new();
    let mut rest = words(line).into_iter();
    while let Some(word) = rest.next() {
        let (name, mut inline) = split(&word);
        if let Some((_, construct)) = UNSUPPORTED.iter().find(|(option, _)| *option == name) {
            return Err(Kind::Unsupported { construct });
        }
        let mut value = |expected: &'static str| {
            inline
                .take()
                .or_else(|| rest.next())
                .filter(|value| !value.is_empty())
                .ok_or(Kind::OptionValue { option: name.clone(), expected })
        };
        let setting = match name.as_str() {
            "-r" | "--requirement" => Setting::Requirements(local_file(value("a file name")?)?),
            "-c" | "--constraint" => Setting::Constraints(local_file(value("a file name")?)?),
            "-i" | "--index-url" | "--pypi-url" => Setting::IndexUrl(value("an address")?),
            "--extra-index-url" => Setting::ExtraIndexUrl(value("an address")?),
            "-f" | "--find-links" => Setting::FindLinks(value("a folder or an address")?),
            "--no-binary" => Setting::NoBinary(value("package names, :all: or :none:")?),
            "--only-binary" => Setting::OnlyBinary(value("package names, :all: or :none:")?),
            "--no-index" => Setting::NoIndex,
            "--require-hashes" => Setting::RequireHashes,
            "--pre" => Setting::Pre,
            "--prefer-binary" => Setting::PreferBinary,
            _ => return Err(Kind::UnknownOption { option: name }),
        };
        if inline.is_some() {
            return Err(Kind::OptionValue { option: name, expected: "no value" });
        }
        found.push(setting);
    }
    Ok(found)
}

/// `--name=value`, `-nvalue` and `--name value`.
fn split(word: &str) -> (String, Option<String>) {
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word.to_owned(), None),
        };
    }
    let short = word.char_indices().nth(2).map_or(word.len(), |(at, _)| at);
    let (name, value) = word.split_at(short);
    (name.to_owned(), (!value.is_empty()).then(|| value.trim_start_matches('=').to_owned()))
}

fn local_file(value: String) -> Result<String, Kind> {
    if value.contains("://") || value.starts_with("file:") {
        return Err(Kind::Unsupported { construct: "a requirements file at an address" });
    }
    Ok(value)
}

/// Adds the value of `--no-binary` or `--only-binary` to what earlier lines said.
pub(super) fn add_names(names: &mut Names, option: &'static str, value: &str) -> Result<(), Kind> {
    for item in value.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        match item {
            ":all:" => *names = Names::All,
            ":none:" => *names = Names::None,
            _ => {
                let name = item.parse::<PackageName>().map_err(|_| Kind::OptionValue {
                    option: option.to_owned(),
                    expected: "package names, :all: or :none:",
                })?;
                match names {
                    Names::All => {}
                    Names::Some(known) => {
                        known.insert(name);
                    }
                    Names::None => *names = Names::Some(BTreeSet::from([name])),
                }
            }
        }
    }
    Ok(())
}
