//! A commit's files: listed within bounds, checked as a whole, written into a folder.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gix::bstr::ByteSlice;
use gix::objs::tree::EntryKind;

use crate::error::Problem;
use crate::{CommitId, Error, Limits, links};

/// Deepest folder: far beyond any repository of people, far below what exhausts a stack or a path.
const MAX_DEPTH: usize = 64;
/// Longest path in bytes: with the folder it is unpacked into it must stay below `PATH_MAX` (4096).
const MAX_PATH_BYTES: usize = 1024;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file, mode 0644.
    Plain,
    /// A file, mode 0755.
    Executable,
    /// A symbolic link that stays inside the tree.
    Link,
}

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path in the repository, `/` between folders.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes of its content (of the target for a link).
    pub size_bytes: u64,
    pub(crate) blob: gix::ObjectId,
}

impl File {
    /// git's own digest of the content, in hexadecimal digits: equal digests, equal content.
    pub fn blob_id(&self) -> String {
        self.blob.to_string()
    }
}

/// The files of one commit, sorted by path.
pub struct Tree {
    commit: CommitId,
    files: Vec<File>,
    repository: gix::Repository,
}

impl Tree {
    pub(crate) fn read(
        repository: &gix::Repository,
        commit: &CommitId,
        root: gix::ObjectId,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let unreadable =
            |source: gix::Error| Error::Commit { commit: commit.to_string(), source: Box::new(source) };
        let wrong = |path: &[u8], problem| Error::Tree {
            commit: commit.to_string(),
            path: String::from_utf8_lossy(path).escape_debug().to_string(),
            problem,
        };
        let bound = |what, limit| Error::Bounds { commit: commit.to_string(), what, limit };
        let (mut files, mut bytes, mut folders) = (Vec::new(), 0_u64, vec![(Vec::new(), root, 0_usize)]);
        let mut visited = 0;
        while let Some((prefix, id, depth)) = folders.pop() {
            let tree = repository.find_tree(id).map_err(unreadable)?;
            for entry in tree.iter() {
                let entry = entry.map_err(unreadable)?;
                visited += 1;
                if visited > limits.tree_files {
                    return Err(bound("files and folders", limits.tree_files));
                }
                let path = [&prefix[..], entry.filename()].concat();
                if !is_publishable(entry.filename()) || path.len() > MAX_PATH_BYTES || depth >= MAX_DEPTH {
                    return Err(wrong(&path, Problem::BadPath));
                }
                let kind = match entry.kind() {
                    EntryKind::Tree => {
                        folders.push(([&path[..], b"/"].concat(), entry.object_id(), depth + 1));
                        continue;
                    }
                    EntryKind::Blob => Kind::Plain,
                    EntryKind::BlobExecutable => Kind::Executable,
                    EntryKind::Link => Kind::Link,
                    EntryKind::Commit => return Err(wrong(&path, Problem::Submodule)),
                };
                let size_bytes = repository.find_header(entry.object_id()).map_err(unreadable)?.size();
                bytes += size_bytes;
                if bytes > limits.tree_bytes {
                    return Err(bound("bytes in its files", limits.tree_bytes));
                }
                let path = String::from_utf8(path).map_err(|e| wrong(e.as_bytes(), Problem::NotUtf8))?;
                files.push(File { path, kind, size_bytes, blob: entry.object_id() });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let tree = Self { commit: commit.clone(), files, repository: repository.clone() };
        tree.check_links()?;
        Ok(tree)
    }

    /// The commit.
    pub fn commit(&self) -> &CommitId {
        &self.commit
    }

    /// The files, sorted by path. Folders are not listed: git has no empty ones.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The content of one file (the target of a link).
    pub fn content(&self, file: &File) -> Result<Vec<u8>, Error> {
        let mut blob = self
            .repository
            .find_blob(file.blob)
            .map_err(|source| Error::Commit { commit: self.commit.to_string(), source: Box::new(source) })?;
        Ok(blob.take_data())
    }

    /// Writes the files into `dir`, which appears complete or not at all. A `dir` that exists is left as it is.
    ///
    /// Not flushed to disk: after a power failure delete the folder and export again.
    pub fn export(&self, dir: &Path) -> Result<(), Error> {
        if dir.exists() {
            return Ok(());
        }
        let write = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Write { path, source }
        };
        let parent = dir.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent).map_err(write(parent))?;
        let draft = tempfile::Builder::new().prefix(".export-").tempdir_in(parent).map_err(write(parent))?;
        std::fs::set_permissions(draft.path(), PermissionsExt::from_mode(0o755))
            .map_err(write(draft.path()))?;
        for file in &self.files {
            let place = draft.path().join(&file.path);
            let folder = place.parent().unwrap_or(draft.path());
            std::fs::create_dir_all(folder).map_err(write(&place))?;
            let content = self.content(file)?;
            if file.kind == Kind::Link {
                let target = std::ffi::OsStr::new(content.to_str_lossy().as_ref()).to_owned();
                std::os::unix::fs::symlink(target, &place).map_err(write(&place))?;
                continue;
            }
            std::fs::write(&place, content).map_err(write(&place))?;
            let mode = if file.kind == Kind::Executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(&place, PermissionsExt::from_mode(mode)).map_err(write(&place))?;
        }
        match std::fs::rename(draft.path(), dir) {
            // Somebody else exported the same commit meanwhile.
            Err(_) if dir.exists() => Ok(()),
            renamed => renamed.map_err(write(dir)),
        }
    }

    fn check_links(&self) -> Result<(), Error> {
        let wrong = |file: &File, problem| Error::Tree {
            commit: self.commit.to_string(),
            path: file.path.clone(),
            problem,
        };
        let mut targets = HashMap::new();
        for file in self.files.iter().filter(|file| file.kind == Kind::Link) {
            if file.size_bytes > MAX_PATH_BYTES as u64 {
                return Err(wrong(file, Problem::LinkOutside));
            }
            let target = self.content(file)?;
            let target = String::from_utf8(target).map_err(|_| wrong(file, Problem::NotUtf8))?;
            targets.insert(file.path.clone(), target);
        }
        match self
            .files
            .iter()
            .find(|file| file.kind == Kind::Link && !links::stays_inside(&file.path, &targets))
        {
            Some(file) => Err(wrong(file, Problem::LinkOutside)),
            None => Ok(()),
        }
    }
}

/// git refuses to make such names, but a server can send any tree.
fn is_publishable(name: &[u8]) -> bool {
    let special = name.is_empty() || name == b"." || name == b".." || name.eq_ignore_ascii_case(b".git");
    !special && !name.iter().any(|byte| *byte == b'/' || *byte == 0)
}
