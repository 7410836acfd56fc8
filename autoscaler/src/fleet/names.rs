//! Names of workers, and the output files that carry them.

use std::fs;
use std::path::{Path, PathBuf};

/// Output files of ended workers that are kept, the newest ones.
const LOGS_KEPT: usize = 50;

/// Short, and in the order of the numbers for as long as they have the same length.
pub(super) fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(u32::try_from(number % 36).unwrap_or(0), 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// Removes the oldest output files of a pool, except those in use.
pub(super) fn prune_logs(directory: &Path, in_use: impl Fn(&Path) -> bool) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut logs: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log") && !in_use(path))
        .collect();
    // Names grow with time.
    logs.sort();
    for log in logs.iter().rev().skip(LOGS_KEPT) {
        if let Err(error) = fs::remove_file(log) {
            tracing::debug!(log = %log.display(), %error, "an old log stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_and_grow() {
        assert_eq!((base36(0), base36(35), base36(36)), ("0".into(), "z".into(), "10".into()));
        assert!(base36(1_795_400_000_000) < base36(1_795_400_000_001));
    }

    #[test]
    fn the_newest_logs_and_those_in_use_stay() {
        let folder = tempfile::tempdir().unwrap();
        for n in 100..100 + LOGS_KEPT + 5 {
            fs::write(folder.path().join(format!("{n}.log")), "").unwrap();
        }
        prune_logs(folder.path(), |path| path.ends_with("100.log"));
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(
            (left.len(), left[0].to_str(), left[1].to_str()),
            (LOGS_KEPT + 1, Some("100.log"), Some("105.log"))
        );
    }
}
