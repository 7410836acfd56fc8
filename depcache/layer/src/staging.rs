//! A layer's files on disk, between the wheel and the tar.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use domain::Digest;

use crate::elf;
use crate::pack::{Content, Contents, Hashing, Member};
use crate::path::{check_path, parent, resolve};
use crate::wheel::{WheelError, write_row};

/// A directory that receives a wheel's members and whatever is made from them. The caller removes it.
#[derive(Debug)]
pub struct Staging {
    root: PathBuf,
    files: BTreeMap<String, Staged>,
    site_packages: String,
    dist_info: String,
}

#[derive(Debug, Clone)]
struct Staged {
    size: u64,
    sha256: Digest,
    executable: bool,
}

impl Staging {
    /// Stages in `root`, an empty directory.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.into(),
            files: BTreeMap::new(),
            site_packages: String::new(),
            dist_info: String::new(),
        }
    }

    /// Where the files lie.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Paths of all files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Writes a file that is not there yet.
    pub fn add(&mut self, path: &str, executable: bool, content: impl Read) -> Result<(), WheelError> {
        if self.files.contains_key(path) {
            return Err(WheelError::Collision { path: path.into() });
        }
        self.replace(path, executable, content)
    }

    /// Writes a file, instead of the one that is there.
    pub fn replace(&mut self, path: &str, executable: bool, content: impl Read) -> Result<(), WheelError> {
        check_path(path).map_err(|source| WheelError::Path { path: path.into(), source })?;
        let write = |source: io::Error| match source.kind() {
            // A directory where a file should be, or the other way round.
            io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                WheelError::Collision { path: path.into() }
            }
            _ => WheelError::Write { path: path.into(), source },
        };
        let at = self.root.join(path);
        fs::create_dir_all(self.root.join(parent(path))).map_err(write)?;
        let mut file = File::create(&at).map_err(write)?;
        let mut content = Hashing::new(content);
        let size = io::copy(&mut content, &mut file).map_err(write)?;
        self.files.insert(path.into(), Staged { size, sha256: content.digest(), executable });
        Ok(())
    }

    /// Takes in a file that someone else wrote below the root, such as bytecode.
    pub fn adopt(&mut self, path: &str) -> Result<(), WheelError> {
        let read = |source| WheelError::Write { path: path.into(), source };
        let mut content = Hashing::new(File::open(self.root.join(path)).map_err(read)?);
        let size = io::copy(&mut content, &mut io::sink()).map_err(read)?;
        self.files.insert(path.into(), Staged { size, sha256: content.digest(), executable: false });
        Ok(())
    }

    pub(crate) fn set_dist_info(&mut self, site_packages: &str, dist_info: &str) {
        self.site_packages = site_packages.into();
        self.dist_info = dist_info.into();
    }

    /// Writes the new RECORD, which lists every file, and answers the members to pack.
    pub fn finish(&mut self) -> Result<Vec<Member>, WheelError> {
        let record = format!("{}/RECORD", self.dist_info);
        let mut text = String::new();
        for (path, file) in &self.files {
            write_row(&mut text, &self.relative(path), Some((&file.sha256, file.size)));
        }
        write_row(&mut text, &self.relative(&record), None);
        self.replace(&record, false, text.as_bytes())?;
        let member = |(path, file): (&String, &Staged)| Member {
            path: path.clone(),
            content: Content::File { size: file.size, sha256: file.sha256, executable: file.executable },
        };
        Ok(self.files.iter().map(member).collect())
    }

    /// Path as RECORD writes it: relative to site-packages.
    fn relative(&self, path: &str) -> String {
        if let Some(inside) = path.strip_prefix(&self.site_packages).and_then(|rest| rest.strip_prefix('/')) {
            return inside.to_owned();
        }
        format!("{}{path}", "../".repeat(self.site_packages.split('/').count()))
    }

    /// Whether a shared library looks for others in directories that this layer does not bring. Such a layer's
    /// directories cannot be links to the layer alone: `$ORIGIN/../..` would end in it.
    pub fn run_paths_leave(&self) -> io::Result<bool> {
        let mut directories = BTreeSet::new();
        for path in self.files.keys() {
            let mut directory = parent(path);
            while directory.len() > self.site_packages.len() && directories.insert(directory) {
                directory = parent(directory);
            }
        }
        for path in self.files.keys() {
            for run_path in elf::run_paths(&mut BufReader::new(File::open(self.root.join(path))?))? {
                let relative =
                    ["$ORIGIN", "${ORIGIN}"].iter().find_map(|origin| run_path.strip_prefix(origin));
                let Some(relative) = relative else { continue };
                if !resolve(parent(path), relative).is_some_and(|to| directories.contains(to.as_str())) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

impl Contents for Staging {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(File::open(self.root.join(path))?))
    }
}
