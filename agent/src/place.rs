//! Variables of a process that runs inside an environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// The environment's interpreter and scripts come first on `path`.
pub(crate) fn inside(environment: &Path, path: Option<OsString>) -> BTreeMap<String, Option<OsString>> {
    let mut folders = vec![environment.join("bin")];
    folders.extend(std::env::split_paths(&path.unwrap_or_default()));
    // A folder with a colon in its name cannot stand on PATH at all.
    let path = std::env::join_paths(folders).ok();
    BTreeMap::from([
        ("PATH".to_owned(), path),
        ("VIRTUAL_ENV".to_owned(), Some(environment.as_os_str().to_owned())),
        ("PYTHONHOME".to_owned(), None),
    ])
}
