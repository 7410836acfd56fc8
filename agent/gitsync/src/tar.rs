//! A tree as one tar: the same bytes for the same commit, whoever writes it.

use std::collections::BTreeSet;
use std::io::{self, Write};

use domain::Digest;
use sha2::{Digest as _, Sha256};

use crate::{Error, Kind, Tree};

/// A written tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// sha256 of the (uncompressed) tar.
    pub tree_digest: Digest,
    /// The files in it, sorted by path.
    pub files: Vec<PackedFile>,
}

/// One file of a written tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedFile {
    /// Path in the repository.
    pub path: String,
    /// sha256 of its content (of the target for a link).
    pub sha256: Digest,
}

impl Tree {
    /// Writes the tree as a tar into `out`: members sorted by path, folders explicit and before their files,
    /// owner 0, modes 0644 and 0755, modification time 0.
    pub fn tar(&self, out: impl Write) -> Result<Packed, Error> {
        let failed = |path: &str| {
            let path = std::path::PathBuf::from(path);
            move |source| Error::Write { path, source }
        };
        let mut builder = tar::Builder::new(Hashing { out, hasher: Sha256::new() });
        let mut files = Vec::with_capacity(self.files().len());
        for member in members(self) {
            let mut header = tar::Header::new_gnu();
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            let Some(file) = member.file else {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                header.set_size(0);
                let folder = format!("{}/", member.path);
                builder.append_data(&mut header, &folder, io::empty()).map_err(failed(member.path))?;
                continue;
            };
            let content = self.content(file)?;
            files.push(PackedFile { path: file.path.clone(), sha256: Digest::of(&content) });
            header.set_mode(if file.kind == Kind::Plain { 0o644 } else { 0o755 });
            let appended = if file.kind == Kind::Link {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                let target = String::from_utf8_lossy(&content).into_owned();
                builder.append_link(&mut header, member.path, target)
            } else {
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, member.path, &content[..])
            };
            appended.map_err(failed(member.path))?;
        }
        let mut hashing = builder.into_inner().map_err(failed("the end of the tar"))?;
        hashing.flush().map_err(failed("the end of the tar"))?;
        Ok(Packed { tree_digest: Digest::from_bytes(hashing.hasher.finalize().into()), files })
    }
}

struct Member<'a> {
    path: &'a str,
    /// None for a folder.
    file: Option<&'a crate::File>,
}

fn members(tree: &Tree) -> Vec<Member<'_>> {
    let mut folders = BTreeSet::new();
    for file in tree.files() {
        folders.extend(file.path.match_indices('/').map(|(end, _)| &file.path[..end]));
    }
    let mut members: Vec<_> =
        tree.files().iter().map(|file| Member { path: &file.path, file: Some(file) }).collect();
    members.extend(folders.into_iter().map(|path| Member { path, file: None }));
    members.sort_by(|a, b| a.path.cmp(b.path));
    members
}

struct Hashing<W> {
    out: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
