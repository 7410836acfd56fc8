//! From members to a layer's bytes: the same members give the same tar, on any machine.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use domain::layer::{EntryKind, TOC_SCHEMA};
use domain::{Digest, Toc, TocEntry};

use crate::capped::Capped;
use crate::frames::FrameWriter;
use crate::path::{PathFault, check_path, parent, resolve};
use crate::tar_format::{self, MAX_FILE_BYTES};

/// One file or link of a layer. Directories follow from the paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Path relative to the environment's root.
    pub path: String,
    /// What it is.
    pub content: Content,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A regular file.
    File {
        /// Content bytes.
        size: u64,
        /// sha256 of the content.
        sha256: Digest,
        /// 0755 rather than 0644.
        executable: bool,
    },
    /// A link to a path inside the layer, relative to the link's directory.
    Symlink {
        /// Target of the link.
        target: String,
    },
}

/// Opens the content of a file by its path.
pub trait Contents {
    /// A reader over exactly the bytes whose size and digest the member states.
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>>;
}

/// For layers without files.
#[derive(Debug, Clone, Copy)]
pub struct NoContents;

impl Contents for NoContents {
    fn open(&self, _path: &str) -> io::Result<Box<dyn Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// What a layer is made of, as its table of contents states it.
#[derive(Debug, Clone)]
pub struct Origin {
    name: String,
    version: String,
    needs_real_directories: bool,
    root: String,
}

impl Origin {
    /// `name` is normalised; `root` is a directory that is always there, such as `lib`.
    pub fn new(name: &str, version: &str, root: &str) -> Self {
        Self { name: name.into(), version: version.into(), needs_real_directories: false, root: root.into() }
    }

    /// Marks a layer whose ELF run paths leave it.
    #[must_use]
    pub fn needing_real_directories(mut self, needs: bool) -> Self {
        self.needs_real_directories = needs;
        self
    }
}

/// A packed layer.
#[derive(Debug)]
pub struct Packed<W> {
    /// Where the compressed tar was written.
    pub out: W,
    /// Its table of contents.
    pub toc: Toc,
}

/// Why members cannot become a layer.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A path is not allowed.
    #[error("the path {path:?} cannot be in a layer")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        #[source]
        source: PathFault,
    },
    /// Two members have the same path, or one is a directory of the other.
    #[error("two members have the path {path:?}")]
    Twice {
        /// The path.
        path: String,
    },
    /// A link leads out of the layer.
    #[error("the link {path:?} leads out of the layer")]
    Link {
        /// Path of the link.
        path: String,
    },
    /// Larger than a tar header can state.
    #[error("{path:?} has {size} bytes, more than a layer's member can have")]
    TooLarge {
        /// The path.
        path: String,
        /// Its size.
        size: u64,
    },
    /// The content is not what the member states.
    #[error("the content of {path:?} changed while it was packed")]
    Changed {
        /// The path.
        path: String,
    },
    /// The content could not be read.
    #[error("cannot read {path:?}")]
    Read {
        /// The path.
        path: String,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The layer could not be written.
    #[error("cannot write the layer")]
    Write(#[source] io::Error),
}

/// Writes a layer to `out` as zstd frames with a trailing seek table. `zstd -d | tar t` reads it.
///
/// ```
/// # use depcache_layer::{Content, Member, Origin, NoContents, pack};
/// let link = Member { path: "lib/b".into(), content: Content::Symlink { target: "a".into() } };
/// let packed = pack(&[link], &NoContents, &Origin::new("demo", "1", "lib"), Vec::new())?;
/// let paths: Vec<_> = packed.toc.entries.iter().map(|e| e.path.as_str()).collect();
/// assert_eq!(paths, ["lib", "lib/b"]);
/// # Ok::<(), depcache_layer::PackError>(())
/// ```
pub fn pack<W: Write>(
    members: &[Member],
    contents: &dyn Contents,
    origin: &Origin,
    out: W,
) -> Result<Packed<W>, PackError> {
    let mut tar = FrameWriter::new(out).map_err(PackError::Write)?;
    let mut entries = Vec::new();
    for (path, member) in sorted(members, &origin.root)? {
        let entry = match member.map(|m| &m.content) {
            None => TocEntry { mode: 0o755, ..entry(path, EntryKind::Directory) },
            Some(Content::Symlink { target }) => {
                TocEntry { mode: 0o777, target: Some(target.clone()), ..entry(path, EntryKind::Symlink) }
            }
            Some(Content::File { size, sha256, executable }) => TocEntry {
                mode: if *executable { 0o755 } else { 0o644 },
                size: *size,
                sha256: Some(*sha256),
                ..entry(path, EntryKind::File)
            },
        };
        entries.push(write_member(&mut tar, entry, contents)?);
    }
    // Two zero blocks end a tar.
    tar.write_all(&[0; 1024]).map_err(PackError::Write)?;
    let written = tar.finish().map_err(PackError::Write)?;
    let toc = Toc {
        schema: TOC_SCHEMA,
        tar_digest: written.digest,
        tar_size: written.size,
        name: origin.name.clone(),
        version: origin.version.clone(),
        needs_real_directories: origin.needs_real_directories,
        frames: written.frames,
        entries,
    };
    Ok(Packed { out: written.out, toc })
}

fn entry(path: String, kind: EntryKind) -> TocEntry {
    TocEntry { path, kind, mode: 0, size: 0, sha256: None, offset: None, target: None }
}

fn write_member<W: Write>(
    tar: &mut FrameWriter<W>,
    mut entry: TocEntry,
    contents: &dyn Contents,
) -> Result<TocEntry, PackError> {
    let header = tar_format::header(&entry.path, entry.kind, entry.mode, entry.size, entry.target.as_deref());
    tar.write_all(&header).map_err(PackError::Write)?;
    if entry.kind == EntryKind::File {
        entry.offset = Some(tar.position());
        let read = |source| PackError::Read { path: entry.path.clone(), source };
        let reader = contents.open(&entry.path).map_err(read)?;
        let mut reader = Hashing::new(Capped::new(reader, entry.size));
        let copied = io::copy(&mut reader, tar).map_err(read)?;
        if copied != entry.size || Some(reader.digest()) != entry.sha256 {
            return Err(PackError::Changed { path: entry.path });
        }
        tar.write_all(tar_format::padding(entry.size)).map_err(PackError::Write)?;
    }
    Ok(entry)
}

/// Members and the directories above them, by path; `None` is a directory.
fn sorted<'m>(members: &'m [Member], root: &str) -> Result<Vec<(String, Option<&'m Member>)>, PackError> {
    let mut directories = BTreeSet::from([root.to_owned()]);
    for member in members {
        check_path(&member.path).map_err(|source| PackError::Path { path: member.path.clone(), source })?;
        match &member.content {
            Content::Symlink { target }
                if target.starts_with('/') || resolve(parent(&member.path), target).is_none() =>
            {
                return Err(PackError::Link { path: member.path.clone() });
            }
            Content::File { size, .. } if *size > MAX_FILE_BYTES => {
                return Err(PackError::TooLarge { path: member.path.clone(), size: *size });
            }
            _ => {}
        }
        let mut directory = parent(&member.path);
        while !directory.is_empty() && directories.insert(directory.to_owned()) {
            directory = parent(directory);
        }
    }
    let mut all: Vec<_> = directories.into_iter().map(|path| (path, None)).collect();
    all.extend(members.iter().map(|member| (member.path.clone(), Some(member))));
    all.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(pair) = all.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(PackError::Twice { path: pair[0].0.clone() });
    }
    Ok(all)
}

/// Hashes what passes through.
pub(crate) struct Hashing<R> {
    inner: R,
    hash: sha2::Sha256,
}

impl<R: Read> Hashing<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, hash: sha2::Digest::new() }
    }

    pub(crate) fn digest(self) -> Digest {
        Digest::from_bytes(sha2::Digest::finalize(self.hash).into())
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        sha2::Digest::update(&mut self.hash, &buffer[..count]);
        Ok(count)
    }
}
