//! Where a direct reference points: addresses, paths, git repositories.

use std::str::FromStr;

use uv_distribution_filename::{SourceDistFilename, WheelFilename};
use uv_normalize::PackageName;

use super::error::RequirementsErrorKind as Kind;
use crate::reference::{Place, without_credentials};

/// Ends of source archives that pip knows.
const ARCHIVES: [&str; 9] =
    [".tar.gz", ".tgz", ".zip", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.lzma"];

/// Parses a place without fragment.
pub(super) fn place(text: &str, is_editable: bool) -> Result<Place, Kind> {
    let lower = text.to_ascii_lowercase();
    if let Some(address) = lower.starts_with("git+").then(|| &text[4..]) {
        return git(address);
    }
    for (prefix, name) in [("hg+", "Mercurial"), ("svn+", "Subversion"), ("bzr+", "Bazaar")] {
        if lower.starts_with(prefix) {
            let construct = match name {
                "Mercurial" => "a requirement from Mercurial",
                "Subversion" => "a requirement from Subversion",
                _ => "a requirement from Bazaar",
            };
            return Err(Kind::Unsupported {
                construct,
                hint: "git is the only version control that is read",
            });
        }
    }
    if lower.starts_with("file:") {
        let rest = &text[5..];
        let rest =
            rest.strip_prefix("//").map_or(rest, |rest| rest.strip_prefix("localhost").unwrap_or(rest));
        let problem = "a file: address names a path on this machine".to_owned();
        if text[5..].starts_with("//") && !rest.starts_with('/') {
            return Err(refused(text, problem, "write file:///absolute/path, or the path alone"));
        }
        return path(&percent_decoded(rest), is_editable);
    }
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return address(text, is_editable);
    }
    if lower.contains("://") {
        let construct = "an address with this scheme";
        return Err(Kind::Unsupported { construct, hint: "known are https, http, file and git+…" });
    }
    // What `git clone` takes is no address: pip refuses it too.
    if text.split_once(':').is_some_and(|(host, path)| !host.contains('/') && path.contains('/')) {
        let problem = "it has no scheme".to_owned();
        return Err(refused(text, problem, "write a git repository as `git+ssh://git@host/path`"));
    }
    path(text, is_editable)
}

fn path(text: &str, is_editable: bool) -> Result<Place, Kind> {
    if text.trim().is_empty() || text.contains(char::is_control) {
        let hint = "write an address or a path, as in `name @ https://host/name-1.0.zip`";
        return Err(refused(text, "there is no place".to_owned(), hint));
    }
    Ok(Place::Path { path: text.to_owned(), editable: is_editable })
}

fn address(text: &str, is_editable: bool) -> Result<Place, Kind> {
    if is_editable {
        let hint = "only a directory can be edited: leave -e away";
        return Err(Kind::Unsupported { construct: "an editable requirement at an address", hint });
    }
    let place = Place::Url(text.to_owned());
    let file = file_name(&place).unwrap_or_default();
    if is_archive(&file) || has_end(&file, "whl") {
        return Ok(place);
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let hint = if has_end(path, "git") {
        "write a git repository as `git+https://…`"
    } else {
        "an address must end with .whl, .tar.gz or .zip"
    };
    Err(refused(text, "it is neither a wheel nor a source archive".into(), hint))
}

/// `https://host/repository@reference`, behind `git+`.
fn git(text: &str) -> Result<Place, Kind> {
    let refuse = |problem: &str, hint| Err(refused(text, problem.to_owned(), hint));
    let Some((scheme, rest)) = text.split_once("://") else {
        return refuse(
            "it has no scheme",
            "write it as `git+https://host/path` or `git+ssh://git@host/path`",
        );
    };
    if !["https", "http", "ssh", "git", "file"].contains(&scheme) {
        return refuse(
            "git does not know this scheme",
            "known are git+https, git+ssh, git+file, git+http and git+git",
        );
    }
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let (path, requested) = match path.rsplit_once('@') {
        Some((path, requested)) => (path, Some(requested)),
        None => (path, None),
    };
    if path.len() < 2 || authority.starts_with('-') || (authority.is_empty() && scheme != "file") {
        return refuse("it names no repository", "write it as `git+https://host/path`");
    }
    // What begins with a dash would be an option of git.
    let is_odd = |text: &str| text.is_empty() || text.starts_with('-') || text.contains(char::is_control);
    if requested.is_some_and(|text| is_odd(text) || text.contains([' ', '~', '^', ':', '?', '*', '[', '\\']))
    {
        return refuse(
            "what stands behind @ is no branch, tag or commit",
            "write it as `git+https://host/path@v1.0`",
        );
    }
    Ok(Place::Git {
        url: format!("{scheme}://{authority}{path}"),
        requested: requested.map(ToOwned::to_owned),
    })
}

/// Whether a file's name ends like that of a source archive.
pub(super) fn is_archive(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ARCHIVES.iter().any(|end| lower.ends_with(end))
}

/// Whether a file's name ends with `.end`.
pub(super) fn has_end(name: &str, end: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|found| found.eq_ignore_ascii_case(end))
}

/// Whether the place is a wheel.
pub(super) fn is_wheel(place: &Place) -> bool {
    file_name(place).is_some_and(|file| has_end(&file, "whl"))
}

/// The file's name, where the place is a file.
pub(super) fn file_name(place: &Place) -> Option<String> {
    let last = match place {
        Place::Url(url) => {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            percent_decoded(path.rsplit('/').next().unwrap_or_default())
        }
        Place::Path { path, .. } => path.rsplit('/').next().unwrap_or_default().to_owned(),
        Place::Git { .. } => return None,
    };
    (has_end(&last, "whl") || is_archive(&last)).then_some(last)
}

/// The package that a file's name tells; a wheel's name must be one.
pub(super) fn name_of(file: &str) -> Result<Option<PackageName>, Kind> {
    if has_end(file, "whl") {
        let wheel = WheelFilename::from_str(file);
        let hint = "a wheel is named like `name-1.0-py3-none-any.whl`";
        let problem = "its name is not that of a wheel".to_owned();
        return wheel.map(|wheel| Some(wheel.name)).map_err(|_| refused(file, problem, hint));
    }
    Ok(SourceDistFilename::parsed_normalized_filename(file).ok().map(|sdist| sdist.name))
}

/// A place that cannot be used.
pub(super) fn refused(text: &str, problem: String, hint: &'static str) -> Kind {
    Kind::Place { text: without_credentials(text), problem, hint }
}

pub(super) fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()))
            .flatten();
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}
