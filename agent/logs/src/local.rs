//! Local logs of finished attempts: removed once all of them is in the store.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::position::{FileId, Position};

/// A log that was written to so lately stays: a deferred task may be about to go on with it.
pub(crate) const QUIET: Duration = Duration::from_mins(2);
/// An empty folder this old is removed. Airflow makes the folder of a log right before the log: a younger one may be
/// about to get its file.
const EMPTY_FOLDER: Duration = Duration::from_hours(1);

/// Removes the local log of a finished attempt, unless it holds more than the store, is another file by now, or was
/// written to lately. Says whether there is none any more. Blocking.
pub(crate) fn remove(position: &Position, log_folder: &Path, now: SystemTime) -> io::Result<bool> {
    let path = log_folder.join(&position.log_path);
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    let file = FileId { device: metadata.dev(), inode: metadata.ino() };
    let quiet = now.duration_since(metadata.modified()?).is_ok_and(|age| age >= QUIET);
    if !position.finished || position.file != Some(file) || metadata.len() != position.end() || !quiet {
        return Ok(false);
    }
    fs::remove_file(&path)?;
    Ok(true)
}

/// Removes folders below `folder` that are empty and old. Blocking; what cannot be looked at stays.
pub(crate) fn remove_empty_folders(folder: &Path, now: SystemTime) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        remove_empty_folders(&path, now);
        let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|at| now.duration_since(at));
        if matches!(age, Ok(Ok(age)) if age >= EMPTY_FOLDER)
            && let Err(error) = fs::remove_dir(&path)
            && error.kind() != io::ErrorKind::DirectoryNotEmpty
        {
            tracing::debug!(path = %path.display(), %error, "an empty folder stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use objectstore::ETag;

    const LOG: &str = "dag_id=d/task_id=t/attempt=1.log";

    #[test]
    fn only_what_is_shipped_unchanged_and_quiet_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOG);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "one\n").unwrap();
        let metadata = fs::metadata(&path).unwrap();
        let mut position = Position::new(LOG.to_owned(), "h".to_owned(), 1);
        position.file = Some(FileId { device: metadata.dev(), inode: metadata.ino() });
        position.sent(b"one\n", &ETag::new("e"), b"");
        let (now, later) = (SystemTime::now(), SystemTime::now() + QUIET + EMPTY_FOLDER);
        assert!(!remove(&position, dir.path(), later).unwrap(), "it runs");
        position.finished = true;
        assert!(!remove(&position, dir.path(), now).unwrap(), "it was written to just now");
        fs::write(&path, "one\ntwo\n").unwrap();
        assert!(!remove(&position, dir.path(), later).unwrap(), "it has grown");
        position.sent(b"one\ntwo\n", &ETag::new("f"), b"");
        let other = Position { file: None, ..position.clone() };
        assert!(!remove(&other, dir.path(), later).unwrap(), "another file has its name");
        assert!(remove(&position, dir.path(), later).unwrap());
        assert!(remove(&position, dir.path(), later).unwrap(), "gone is gone");
        remove_empty_folders(dir.path(), now);
        assert!(path.parent().unwrap().exists(), "somebody may be about to write there");
        remove_empty_folders(dir.path(), later);
        remove_empty_folders(dir.path(), later + EMPTY_FOLDER);
        assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
    }
}
