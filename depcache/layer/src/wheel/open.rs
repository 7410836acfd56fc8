use std::io::{self, Read, Seek, SeekFrom};

use pep440_rs::Version;

use super::place::{Layout, place};
use super::scripts::{generate, relocate_script};
use super::verify::Promises;
use super::{EntryPoints, WheelError, parse_entry_points, parse_record};
use crate::capped::{Capped, read_all};
use crate::path::check_path;
use crate::staging::Staging;

/// Bounds on what a wheel may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Members; the largest wheels in the field have about 40,000.
    pub members: u64,
    /// Bytes unpacked; the largest wheels in the field have about 4 GB.
    pub size_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { members: 200_000, size_bytes: 16 << 30 }
    }
}

/// A wheel that unpacks to more than this is looked at for its density: small text packs densely by nature.
const DENSE_BYTES: u64 = 64 << 20;
/// Unpacked bytes for each packed one; real wheels have at most about 40, zeros about 1,000.
const MAX_DENSITY: u64 = 200;
/// Bytes of a zip archive's last record without its comment.
const END_BYTES: usize = 22;
/// Bytes of METADATA, WHEEL, RECORD and entry points; the largest RECORDs in the field have about 6 MB.
const MAX_METADATA_BYTES: u64 = 64 << 20;
/// Bytes of a script whose first line is rewritten; larger ones are programs and kept as they are.
const MAX_SCRIPT_BYTES: u64 = 1 << 20;

/// An opened wheel whose structure was checked; contents are checked while they are staged.
pub struct Wheel<R> {
    archive: zip::ZipArchive<R>,
    name: String,
    version: String,
    dist_info: String,
    members: Vec<(usize, String)>,
    promises: Promises,
    entry_points: EntryPoints,
}

impl<R: Read + Seek> Wheel<R> {
    /// Opens the wheel called `filename`.
    ///
    /// Refused: prepended data, local headers that contradict the directory, overlapping or duplicate members,
    /// links and devices, paths that escape, and more than `limits`.
    pub fn open(reader: R, filename: &str, limits: Limits) -> Result<Self, WheelError> {
        let (name, version) = name_and_version(filename)
            .ok_or_else(|| WheelError::Filename { filename: filename.chars().take(200).collect() })?;
        let mut reader = reader;
        let (packed_bytes, tail) = tail(&mut reader).map_err(|error| WheelError::Zip(error.into()))?;
        let mut archive = zip::ZipArchive::new(reader).map_err(WheelError::Zip)?;
        if archive.offset() != 0 {
            return Err(WheelError::Prepended { size_bytes: archive.offset() });
        }
        let end = tail.len().checked_sub(END_BYTES + archive.comment().len());
        if !end.is_some_and(|at| tail[at..].starts_with(b"PK\x05\x06")) {
            return Err(WheelError::Appended);
        }
        if archive.len() as u64 > limits.members {
            return Err(WheelError::TooMany { count: archive.len() as u64, limit: limits.members });
        }
        archive.validate_header_consistency().map_err(WheelError::Zip)?;
        let members = list(&mut archive, limits, packed_bytes)?;
        let dist_info = dist_info(&members, &name, &version)?;
        let mut text = |file: &'static str| -> Result<Option<String>, WheelError> {
            let wanted = format!("{dist_info}/{file}");
            let Some((index, _)) = members.iter().find(|(_, path)| *path == wanted) else { return Ok(None) };
            let member = archive.by_index(*index).map_err(WheelError::Zip)?;
            let bytes = read_all(member, MAX_METADATA_BYTES)
                .map_err(|source| WheelError::Metadata { file, source })?;
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        };
        let mut required = |file| text(file)?.ok_or(WheelError::Missing { file });
        let format = required("WHEEL")?;
        let format = header(&format, "Wheel-Version").unwrap_or_default();
        if !format.starts_with("1.") {
            return Err(WheelError::FormatVersion { version: format.into() });
        }
        let metadata = required("METADATA")?;
        let found = header(&metadata, "Name").ok_or(WheelError::Missing { file: "METADATA" })?;
        if normalise(found) != name {
            return Err(confused("METADATA (Name)", found, &name));
        }
        let found = header(&metadata, "Version").ok_or(WheelError::Missing { file: "METADATA" })?;
        if !is_same_version(found, &version) {
            return Err(confused("METADATA (Version)", found, &version));
        }
        let version = found.to_owned();
        let promises = Promises::new(parse_record(&required("RECORD")?))?;
        let entry_points = text("entry_points.txt")?.as_deref().map(parse_entry_points).unwrap_or_default();
        Ok(Self { archive, name, version, dist_info, members, promises, entry_points })
    }

    /// Normalised name of the distribution.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Version as METADATA writes it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Entry points of all groups.
    pub fn entry_points(&self) -> &EntryPoints {
        &self.entry_points
    }

    /// Writes every member to its place in `staging`, verified against RECORD, and generates the scripts.
    /// RECORD itself is left out: [`Staging::finish`] writes a new one when nothing is added any more.
    pub fn stage(&mut self, layout: &Layout, staging: &mut Staging) -> Result<(), WheelError> {
        let data = format!("{}.data", self.dist_info.trim_end_matches(".dist-info"));
        let record = format!("{}/RECORD", self.dist_info);
        let sources: std::collections::HashSet<&str> =
            self.members.iter().map(|(_, path)| path.as_str()).collect();
        for (index, path) in &self.members {
            if *path == record || is_stale_bytecode(path, &sources) {
                continue;
            }
            let target = place(path, &data, &self.name, layout)?;
            let read = |source| WheelError::Read { path: path.clone(), source };
            let mut member = self.archive.by_index(*index).map_err(WheelError::Zip)?;
            let executable = target.script || member.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
            let size = member.size();
            let mut check = self.promises.check(path);
            let mut reader = Capped::new(&mut member, size);
            let script = target.script && size <= MAX_SCRIPT_BYTES;
            if script {
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes).map_err(read)?;
                check.update(&bytes);
                let placed = relocate_script(&bytes).unwrap_or(bytes);
                staging.add(&target.path, executable, &placed[..])?;
            } else {
                let mut tee = Tee { reader, update: |bytes: &[u8]| check.update(bytes), failed: None };
                let added = staging.add(&target.path, executable, &mut tee);
                // A failing read is the wheel's fault, a failing write this machine's.
                if let Some(source) = tee.failed {
                    return Err(read(source));
                }
                added?;
            }
            check.finish(path, size)?;
        }
        let scripts =
            generate(&self.entry_points).map_err(|(name, source)| WheelError::Script { name, source })?;
        for (name, content) in scripts {
            let path = format!("bin/{name}");
            // Some wheels bring the script of an entry point too; the generated one wins, as with every installer.
            staging.replace(&path, true, content.as_bytes())?;
        }
        let dist_info = format!("{}/{}", layout.site_packages, self.dist_info);
        staging.replace(&format!("{dist_info}/INSTALLER"), false, &b"depcache\n"[..])?;
        staging.set_dist_info(&layout.site_packages, &dist_info);
        Ok(())
    }
}

/// Passes bytes on to a hash, and keeps a read error apart from the writer's.
struct Tee<R, F> {
    reader: R,
    update: F,
    failed: Option<io::Error>,
}

impl<R: Read, F: FnMut(&[u8])> Read for Tee<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Ok(count) => {
                (self.update)(&buffer[..count]);
                Ok(count)
            }
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
        }
    }
}

/// Length of the file, and its last bytes: at least all that can belong to the end of the archive.
fn tail<R: Read + Seek>(reader: &mut R) -> io::Result<(u64, Vec<u8>)> {
    let length = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(length.saturating_sub((END_BYTES + usize::from(u16::MAX)) as u64)))?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    reader.rewind()?;
    Ok((length, bytes))
}

/// The one `.dist-info` directory, which is of the file name's distribution and version.
fn dist_info(members: &[(usize, String)], name: &str, version: &str) -> Result<String, WheelError> {
    let tops = members.iter().filter_map(|(_, path)| path.split_once('/')).map(|(top, _)| top);
    let mut found = tops.filter(|top| top.ends_with(".dist-info"));
    let first = found.next().ok_or_else(|| WheelError::NoDistInfo { name: name.to_owned() })?;
    if let Some(second) = found.find(|top| *top != first) {
        return Err(WheelError::TwoDistInfos { first: first.to_owned(), second: second.to_owned() });
    }
    let stem = first.trim_end_matches(".dist-info");
    match stem.split_once('-') {
        Some((found, _)) if normalise(found) != name => Err(WheelError::NoDistInfo { name: name.to_owned() }),
        Some((_, found)) if is_same_version(found, version) => Ok(first.to_owned()),
        _ => Err(confused(".dist-info directory", stem, version)),
    }
}

fn confused(place: &'static str, found: &str, expected: &str) -> WheelError {
    WheelError::Confused { place, found: found.chars().take(100).collect(), expected: expected.to_owned() }
}

/// `1.0` and `1.0.0` are one version; file names write `_` for `-`.
fn is_same_version(one: &str, other: &str) -> bool {
    let read = |text: &str| text.replace('_', "-").parse::<Version>();
    matches!((read(one), read(other)), (Ok(one), Ok(other)) if one == other)
}

fn list<R: Read + Seek>(
    archive: &mut zip::ZipArchive<R>,
    limits: Limits,
    packed_bytes: u64,
) -> Result<Vec<(usize, String)>, WheelError> {
    const TYPE: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    let mut members = Vec::new();
    let mut size_bytes = 0u64;
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(WheelError::Zip)?;
        let path = member.name().map_err(WheelError::Zip)?.into_owned();
        if member.is_dir() {
            continue;
        }
        check_path(&path).map_err(|source| WheelError::Path { path: path.clone(), source })?;
        let kind = member.unix_mode().unwrap_or_default() & TYPE;
        if member.is_symlink() || member.encrypted() || ![0, REGULAR].contains(&kind) {
            return Err(WheelError::Special { path });
        }
        size_bytes = size_bytes.saturating_add(member.size());
        members.push((index, path));
    }
    if size_bytes > limits.size_bytes {
        return Err(WheelError::TooLarge { size_bytes, limit: limits.size_bytes });
    }
    if size_bytes > DENSE_BYTES && size_bytes / MAX_DENSITY > packed_bytes {
        return Err(WheelError::Bomb { size_bytes, packed_bytes });
    }
    // By path, so that the order inside the zip cannot matter.
    members.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(members)
}

/// `a/__pycache__/b.*.pyc` beside `a/b.py`: ours replaces it.
fn is_stale_bytecode(path: &str, members: &std::collections::HashSet<&str>) -> bool {
    let Some((directory, file)) = path.rsplit_once('/') else { return false };
    let Some(parent) = directory.strip_suffix("__pycache__") else { return false };
    file.strip_suffix(".pyc").is_some()
        && file.split('.').next().is_some_and(|stem| members.contains(format!("{parent}{stem}.py").as_str()))
}

/// Normalised name, and version, of a wheel's file name.
fn name_and_version(filename: &str) -> Option<(String, String)> {
    let stem = filename.strip_suffix(".whl")?;
    let parts: Vec<&str> = stem.split('-').collect();
    let sound = (5..=6).contains(&parts.len())
        && parts.iter().all(|part| !part.is_empty())
        && check_path(stem).is_ok();
    (sound && !stem.contains('/')).then(|| (normalise(parts[0]), parts[1].to_owned()))
}

/// PEP 503.
fn normalise(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if !['-', '_', '.'].contains(&c) {
            out.extend(c.to_lowercase());
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    out
}

fn header<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines()
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name)))
        .map(|(_, value)| value.trim())
}
