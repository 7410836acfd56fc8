//! What an index said, as far as a resolution needs it: names of files with their dates and rules, metadata.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Mutex;

use depcache::index::{Cache, Flags, Index, Settings, Sources, Strategy};
use serde::{Deserialize, Serialize};
use uv_normalize::PackageName;

/// A file: name, upload time, Requires-Python, reason of its withdrawal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct File(
    pub(crate) String,
    pub(crate) Option<String>,
    pub(crate) Option<String>,
    pub(crate) Option<String>,
);

/// One recording.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Recording {
    pub(crate) packages: BTreeMap<String, Option<Vec<File>>>,
    /// By file name.
    pub(crate) metadata: BTreeMap<String, String>,
    /// What uv resolved over the index itself.
    pub(crate) pins: BTreeMap<String, String>,
}

/// Who answers.
pub(crate) trait Source: Send + Sync {
    /// The files of a package; `None`: there is no such package.
    fn files(&self, name: &str) -> Option<Vec<File>>;
    /// METADATA of a wheel.
    fn metadata(&self, name: &str, filename: &str) -> Option<String>;
}

/// No recording is larger than this.
const TEXT_LIMIT_BYTES: u64 = 256 << 20;

impl Recording {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = zstd::Decoder::new(bytes.as_slice()).unwrap().take(TEXT_LIMIT_BYTES);
        serde_json::from_reader(text).unwrap()
    }

    /// Writes it; answers its size.
    pub(crate) fn write(&self, path: &Path) -> usize {
        let bytes = zstd::encode_all(serde_json::to_vec(self).unwrap().as_slice(), 19).unwrap();
        std::fs::write(path, &bytes).unwrap();
        bytes.len()
    }
}

/// Answers from a recording.
pub(crate) struct Recorded(pub(crate) Recording);

impl Source for Recorded {
    fn files(&self, name: &str) -> Option<Vec<File>> {
        self.0.packages.get(name).cloned().flatten()
    }

    fn metadata(&self, _: &str, filename: &str) -> Option<String> {
        self.0.metadata.get(filename).cloned()
    }
}

/// Answers from the index that pip is configured for, and remembers.
pub(crate) struct Live {
    runtime: tokio::runtime::Runtime,
    index: Index,
    cut_off: String,
    seen: Mutex<Recording>,
    _cache: tempfile::TempDir,
}

impl Live {
    pub(crate) fn new(cut_off: &str) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let cache = tempfile::tempdir().unwrap();
        let none = Flags::default();
        let environment = |name: &str| (name != "PIP_FIND_LINKS").then(|| std::env::var(name).ok()).flatten();
        let sources = Sources {
            flags: &none,
            files: &none,
            environment: &environment,
            python: Some(Path::new("/usr/bin/python3")),
            cache: Some(&Cache::at(cache.path())),
        };
        let settings = Settings::resolve(&sources, Strategy::FirstIndex, false).unwrap();
        let index = Index::new(settings, Cache::at(cache.path())).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (cut_off, seen) = (cut_off.to_owned(), Mutex::default());
        Self { runtime, index, cut_off, seen, _cache: cache }
    }

    pub(crate) fn recording(&self, pins: BTreeMap<String, String>) -> Recording {
        Recording { pins, ..std::mem::take(&mut self.seen.lock().unwrap()) }
    }
}

impl Source for Live {
    fn files(&self, name: &str) -> Option<Vec<File>> {
        let package: PackageName = name.parse().ok()?;
        let found = self.runtime.block_on(self.index.files(&package)).unwrap();
        let mut files: Vec<File> = (0..found.versions().len())
            .flat_map(|position| found.at(position))
            // Times are texts of one form: they sort as they are.
            .filter(|file| file.upload_time.as_deref().is_some_and(|time| time < self.cut_off.as_str()))
            .map(|file| {
                let day = file.upload_time.map(|time| format!("{}Z", time.get(..19).unwrap_or(&time)));
                File(file.filename, day, file.requires_python, file.yanked)
            })
            .collect();
        files.sort_by(|a, b| a.0.cmp(&b.0));
        let answer = found.is_known().then_some(files);
        self.seen.lock().unwrap().packages.insert(name.to_owned(), answer.clone());
        answer
    }

    fn metadata(&self, name: &str, filename: &str) -> Option<String> {
        let package: PackageName = name.parse().ok()?;
        let files = self.runtime.block_on(self.index.files(&package)).unwrap();
        let file = files.named(&package, filename).into_iter().next()?;
        let known = self.runtime.block_on(self.index.metadata(&file)).ok()?;
        let text = String::from_utf8_lossy(&known.headers);
        // A header goes on in lines that begin with white space.
        let wanted = [
            "metadata-version:",
            "name:",
            "version:",
            "requires-dist:",
            "requires-python:",
            "provides-extra:",
        ];
        let mut keeps = false;
        let mut kept = String::new();
        for line in text.lines().take_while(|line| !line.is_empty()) {
            let goes_on = line.starts_with([' ', '\t']);
            keeps = if goes_on {
                keeps
            } else {
                wanted.iter().any(|key| line.to_ascii_lowercase().starts_with(key))
            };
            if keeps {
                kept.push_str(line);
                kept.push('\n');
            }
        }
        self.seen.lock().unwrap().metadata.insert(filename.to_owned(), kept.clone());
        Some(kept)
    }
}
