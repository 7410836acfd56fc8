//! Fields that name places: nothing in a lock may lead out of where it says it is.

use pep440_rs::Version;
use uv_normalize::PackageName;

use super::PylockError;

/// Longest path or address that is read; longer ones are nobody's.
const LONGEST_PLACE_BYTES: usize = 4096;

/// A package whose fields are checked.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) package: &'a str,
}

impl Of<'_> {
    /// A relative path inside an archive, repository or folder.
    pub(super) fn subdirectory(self, value: Option<String>) -> Result<Option<String>, PylockError> {
        let Some(value) = value else { return Ok(None) };
        if value.starts_with('/') {
            return Err(self.refuse("subdirectory", &value, "is no relative path"));
        }
        self.path("subdirectory", value).map(Some)
    }

    /// A path that does not climb.
    pub(super) fn path(self, field: &'static str, value: String) -> Result<String, PylockError> {
        if value.split('/').any(|part| part == "..") {
            return Err(self.refuse(field, &value, "leads out of its folder"));
        }
        if value.contains('\\') {
            return Err(self.refuse(field, &value, "has a backslash; names are separated by `/`"));
        }
        self.plain(field, value)
    }

    /// An address that a file can be fetched from, or a repository cloned.
    pub(super) fn url(
        self,
        field: &'static str,
        value: String,
        schemes: &[&str],
    ) -> Result<String, PylockError> {
        let value = self.plain(field, value)?;
        match reqwest::Url::parse(&value) {
            Ok(url) if schemes.contains(&url.scheme()) => Ok(value),
            _ => Err(self.refuse(field, &value, "is no address that can be fetched")),
        }
    }

    /// A full object name of git.
    pub(super) fn commit(self, value: String) -> Result<String, PylockError> {
        let hex = value.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        if hex && matches!(value.len(), 40 | 64) {
            return Ok(value);
        }
        Err(self.refuse("commit-id", &value, "is no full commit: expected 40 or 64 hexadecimal digits"))
    }

    /// A branch, tag or commit: git must not take it for an option.
    pub(super) fn revision(self, value: Option<String>) -> Result<Option<String>, PylockError> {
        let Some(value) = value else { return Ok(None) };
        if value.starts_with('-') || value.contains(char::is_whitespace) {
            return Err(self.refuse("requested-revision", &value, "is no name of a revision"));
        }
        self.plain("requested-revision", value).map(Some)
    }

    fn plain(self, field: &'static str, value: String) -> Result<String, PylockError> {
        if value.is_empty() || value.len() > LONGEST_PLACE_BYTES || value.contains(char::is_control) {
            return Err(self.refuse(field, &value, "is empty, too long, or has control characters"));
        }
        Ok(value)
    }

    pub(super) fn refuse(self, field: &'static str, value: &str, problem: &'static str) -> PylockError {
        let mut value = value.escape_debug().to_string();
        // Messages are for people.
        if let Some((cut, _)) = value.char_indices().nth(80) {
            value.truncate(cut);
            value.push('…');
        }
        PylockError::Field { package: self.package.to_owned(), field, value, problem }
    }
}

/// A name in normal form.
pub(super) fn name(name: &str) -> Result<PackageName, PylockError> {
    match name.parse::<PackageName>() {
        Ok(parsed) if parsed.as_ref() == name => Ok(parsed),
        _ => Err(PylockError::PackageName { name: name.to_owned() }),
    }
}

/// A version in normal form.
pub(super) fn version(package: &str, version: Option<&str>) -> Result<Version, PylockError> {
    let parsed = version.and_then(|text| text.parse::<Version>().ok().filter(|v| v.to_string() == text));
    parsed.ok_or_else(|| PylockError::PackageVersion {
        package: package.to_owned(),
        version: version.unwrap_or_default().to_owned(),
    })
}
