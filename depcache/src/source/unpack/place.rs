//! Where members go, and what is written there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use depcache_layer::{Capped, check_path};

use super::{Bounds, UnpackError};

/// Characters of a path or target that a message shows.
const SHOWN: usize = 200;
/// Bytes copied at a time.
const PIECE_BYTES: usize = 64 << 10;

/// A directory that is filled from an archive.
pub(super) struct Place {
    root: PathBuf,
    bounds: Bounds,
    entries: u64,
    bytes: u64,
    files: BTreeSet<String>,
    directories: BTreeSet<String>,
    /// Made last: nothing is written through them.
    links: BTreeMap<String, String>,
}

impl Place {
    pub(super) fn new(root: &Path, bounds: Bounds) -> Self {
        Self {
            root: root.to_owned(),
            bounds,
            entries: 0,
            bytes: 0,
            files: BTreeSet::new(),
            directories: BTreeSet::new(),
            links: BTreeMap::new(),
        }
    }

    /// A path for messages: hostile ones are long and full of control characters.
    pub(super) fn shown(raw: &[u8]) -> String {
        String::from_utf8_lossy(raw).chars().take(SHOWN).flat_map(char::escape_debug).collect()
    }

    pub(super) fn directory(&mut self, raw: &[u8]) -> Result<(), UnpackError> {
        self.count()?;
        let Some(path) = accepted(raw)? else { return Ok(()) };
        self.parents(&path)?;
        self.make_directory(&path)
    }

    pub(super) fn file(
        &mut self,
        raw: &[u8],
        size: u64,
        executable: bool,
        modified: Option<SystemTime>,
        content: &mut dyn Read,
    ) -> Result<(), UnpackError> {
        let path = self.new_member(raw)?;
        let left = self.bounds.bytes.saturating_sub(self.bytes);
        if size > left {
            return Err(UnpackError::TooLarge { limit_bytes: self.bounds.bytes });
        }
        let at = self.root.join(&path);
        let write = |source| UnpackError::Write { path: at.clone(), source };
        let mode = if executable { 0o755 } else { 0o644 };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&at).map_err(write)?;
        // A read that fails is the archive's fault, a write this machine's.
        let mut content = Capped::new(content, size);
        let mut piece = vec![0; PIECE_BYTES];
        let mut written = 0;
        loop {
            let count = content.read(&mut piece).map_err(UnpackError::Damaged)?;
            if count == 0 {
                break;
            }
            file.write_all(&piece[..count]).map_err(write)?;
            written += count as u64;
        }
        if written != size {
            return Err(UnpackError::Damaged(io::ErrorKind::UnexpectedEof.into()));
        }
        self.bytes += written;
        if let Some(modified) = modified {
            // Makefiles compare times; a moment that the file system cannot hold is no reason to fail.
            drop(file.set_modified(modified));
        }
        self.files.insert(path);
        Ok(())
    }

    pub(super) fn symlink(&mut self, raw: &[u8], target: &[u8]) -> Result<(), UnpackError> {
        let path = self.new_member(raw)?;
        let outside = || UnpackError::Link { path: path.clone(), target: Self::shown(target) };
        let text = std::str::from_utf8(target).map_err(|_| outside())?;
        if text.is_empty() || text.starts_with('/') || text.chars().any(|c| c == '\\' || c.is_control()) {
            return Err(outside());
        }
        let from = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if resolved(from, text).is_none() {
            return Err(outside());
        }
        self.links.insert(path, text.to_owned());
        Ok(())
    }

    /// A hard link is a second copy of a member that came before.
    pub(super) fn hard_link(&mut self, raw: &[u8], target: &[u8]) -> Result<(), UnpackError> {
        let path = Self::shown(raw);
        let of = accepted(target)?.filter(|of| self.files.contains(of));
        let of = of.ok_or_else(|| UnpackError::Link { path, target: Self::shown(target) })?;
        let at = self.root.join(of);
        let read = |source| UnpackError::Write { path: at.clone(), source };
        let mut source = File::open(&at).map_err(read)?;
        let meta = source.metadata().map_err(read)?;
        let executable = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o100 != 0;
        self.file(raw, meta.len(), executable, meta.modified().ok(), &mut source)
    }

    /// Makes the links, and finds the tree's root.
    pub(super) fn finish(self) -> Result<PathBuf, UnpackError> {
        for (path, target) in &self.links {
            let from = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            // Words alone do not tell where a path leads that goes through another link.
            let through_link = resolved_prefixes(from, target).any(|prefix| self.links.contains_key(&prefix));
            if through_link {
                return Err(UnpackError::Link { path: path.clone(), target: target.clone() });
            }
            let at = self.root.join(path);
            symlink(target, &at).map_err(|source| UnpackError::Write { path: at, source })?;
        }
        let members = self.files.iter().chain(&self.directories).chain(self.links.keys());
        let tops: BTreeSet<&str> = members.map(|path| path.split('/').next().unwrap_or_default()).collect();
        match tops.into_iter().collect::<Vec<_>>()[..] {
            [] => Err(UnpackError::Empty),
            [top] if self.directories.contains(top) => Ok(self.root.join(top)),
            _ => Ok(self.root),
        }
    }

    fn count(&mut self) -> Result<(), UnpackError> {
        self.entries += 1;
        if self.entries > self.bounds.entries {
            return Err(UnpackError::TooMany { limit: self.bounds.entries });
        }
        Ok(())
    }

    /// The path of a member that is no directory; its parents exist afterwards.
    fn new_member(&mut self, raw: &[u8]) -> Result<String, UnpackError> {
        self.count()?;
        let path = accepted(raw)?.ok_or_else(|| UnpackError::Collision { path: Self::shown(raw) })?;
        self.parents(&path)?;
        if self.files.contains(&path) || self.links.contains_key(&path) || self.directories.contains(&path) {
            return Err(UnpackError::Collision { path });
        }
        Ok(path)
    }

    fn parents(&mut self, path: &str) -> Result<(), UnpackError> {
        let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
        ends.into_iter().try_for_each(|end| self.make_directory(&path[..end]))
    }

    fn make_directory(&mut self, path: &str) -> Result<(), UnpackError> {
        if self.directories.contains(path) {
            return Ok(());
        }
        if self.files.contains(path) || self.links.contains_key(path) {
            return Err(UnpackError::Collision { path: path.to_owned() });
        }
        let at = self.root.join(path);
        fs::create_dir(&at).map_err(|source| UnpackError::Write { path: at, source })?;
        self.directories.insert(path.to_owned());
        Ok(())
    }
}

/// The path as text without `./` and trailing `/`; absent for the root itself.
fn accepted(raw: &[u8]) -> Result<Option<String>, UnpackError> {
    let text = std::str::from_utf8(raw).map_err(|_| UnpackError::Encoding { path: Place::shown(raw) })?;
    let mut path = text.trim_end_matches('/');
    if path.is_empty() && text.starts_with('/') {
        path = "/";
    }
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    if path.is_empty() || path == "." {
        return Ok(None);
    }
    check_path(path).map_err(|source| UnpackError::Path { path: Place::shown(raw), source })?;
    Ok(Some(path.to_owned()))
}

/// Where `relative` leads from the directory `from`, by words; absent when it leaves the root.
fn resolved(from: &str, relative: &str) -> Option<Vec<String>> {
    let mut parts: Vec<String> = from.split('/').filter(|part| !part.is_empty()).map(Into::into).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name.to_owned()),
        }
    }
    Some(parts)
}

/// All directories that the way from `from` along `relative` enters before its end.
fn resolved_prefixes(from: &str, relative: &str) -> impl Iterator<Item = String> {
    let mut words = relative.split('/').collect::<Vec<_>>();
    let mut found = Vec::new();
    while words.pop().is_some() && !words.is_empty() {
        if let Some(parts) = resolved(from, &words.join("/")) {
            found.push(parts.join("/"));
        }
    }
    found.into_iter()
}
