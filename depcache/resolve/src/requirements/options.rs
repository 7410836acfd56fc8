//! Lines that start with `-`: what they mean.

use super::error::RequirementsErrorKind as Kind;
use super::parse::words;

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
    NoRequireHashes,
    NoBinary(String),
    OnlyBinary(String),
    Pre,
    AllReleases(String),
    OnlyFinal(String),
    /// An option of pip's that changes nothing here; why.
    WithoutEffect(String, &'static str),
}

/// Options that pip knows and that are refused: what they ask for is not done.
const UNSUPPORTED: [(&str, &str, &str); 6] = [
    (
        "--config-settings",
        "the option --config-settings",
        "build the wheel where it is made, and name the wheel",
    ),
    (
        "--config-setting",
        "the option --config-setting",
        "build the wheel where it is made, and name the wheel",
    ),
    ("-C", "the option -C", "build the wheel where it is made, and name the wheel"),
    ("--global-option", "the option --global-option", "pip no longer knows it; name a wheel"),
    ("--install-option", "the option --install-option", "pip no longer knows it; name a wheel"),
    (
        "--process-dependency-links",
        "the option --process-dependency-links",
        "pip no longer knows it; write the addresses as requirements",
    ),
];

/// Options without effect, and why that is no loss.
const WITHOUT_EFFECT: [(&str, bool, &str); 3] = [
    ("--prefer-binary", false, "a version's wheel always goes before its source distribution"),
    ("--trusted-host", true, "certificates are always checked; SSL_CERT_FILE names a CA of your own"),
    ("--use-feature", true, "it switches features of pip"),
];

const NAMES: &str = "package names, :all: or :none:";

/// The value of `-e` when the line is an editable requirement: everything behind it.
pub(super) fn editable(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("--editable").or_else(|| line.strip_prefix("-e"))?;
    let value = rest.strip_prefix('=').or_else(|| rest.starts_with(char::is_whitespace).then_some(rest));
    // `-e.` and `-e./x` as getopt reads them; `--editables` and `-extra` are other words.
    value.or_else(|| (rest.is_empty() || rest.starts_with(['.', '/'])).then_some(rest)).map(str::trim)
}

/// All options of one line.
pub(super) fn settings(line: &str) -> Result<Vec<Setting>, Kind> {
    let mut found = Vec::new();
    let mut rest = words(line).ok_or(Kind::Quote)?.into_iter();
    while let Some(word) = rest.next() {
        let (name, mut inline) = split(&word);
        if let Some((_, construct, hint)) = UNSUPPORTED.iter().find(|(option, ..)| *option == name) {
            return Err(Kind::Unsupported { construct, hint });
        }
        let mut value = |expected: &'static str| {
            inline
                .take()
                .or_else(|| rest.next())
                .filter(|value| !value.is_empty())
                .ok_or(Kind::OptionValue { option: name.clone(), expected })
        };
        let setting = match name.as_str() {
            "-r" | "--requirement" => Setting::Requirements(value("a file name or an address")?),
            "-c" | "--constraint" => Setting::Constraints(value("a file name or an address")?),
            "-i" | "--index-url" | "--pypi-url" => Setting::IndexUrl(value("an address")?),
            "--extra-index-url" => Setting::ExtraIndexUrl(value("an address")?),
            "-f" | "--find-links" => Setting::FindLinks(value("a folder or an address")?),
            "--no-binary" => Setting::NoBinary(value(NAMES)?),
            "--only-binary" => Setting::OnlyBinary(value(NAMES)?),
            "--all-releases" => Setting::AllReleases(value(NAMES)?),
            "--only-final" => Setting::OnlyFinal(value(NAMES)?),
            "--no-index" => Setting::NoIndex,
            "--require-hashes" => Setting::RequireHashes,
            "--no-require-hashes" => Setting::NoRequireHashes,
            "--pre" => Setting::Pre,
            other => match WITHOUT_EFFECT.iter().find(|(option, ..)| *option == other) {
                Some((_, has_value, why)) => {
                    if *has_value {
                        value("a value")?;
                    }
                    Setting::WithoutEffect(name.clone(), why)
                }
                None if name == "--hash" => {
                    let hint = "write it behind the requirement that it belongs to, or join the lines with a backslash";
                    return Err(Kind::Unsupported { construct: "a --hash without a requirement", hint });
                }
                None => return Err(Kind::UnknownOption { option: name }),
            },
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
