//! Bounds a volume: environments that nobody names or uses go, least recently used first, and layers with them.
//!
//! Safe beside fetches, running tasks and other pruners: one pruner at a time; what is held ([`super::hold()`]), named
//! or young stays; layers are removed only while nobody fetches; everything is renamed away before it is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use domain::{Digest, EnvId, Manifest};

use super::hold::{exclude, manifest_path};
use super::making::TEMPORARY;

/// What is being made is locked by its maker; what nobody has locked for this long was left by one that was killed.
const ABANDONED_AFTER: Duration = Duration::from_mins(1);
/// A file on its way has no lock; a download takes less than this.
const DOWNLOAD: Duration = Duration::from_hours(1);

/// When pruning begins and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Pruning begins above this size.
    pub high_bytes: u64,
    /// And ends at or below this one.
    pub low_bytes: u64,
    /// What was made or used so lately stays.
    pub keep: Duration,
}

/// What pruning did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Environments removed.
    pub environments: usize,
    /// Layers removed.
    pub layers: usize,
    /// Bytes before.
    pub before_bytes: u64,
    /// Bytes after.
    pub after_bytes: u64,
}

/// The lock that a fetch shares and a pruner of layers has alone.
pub(super) fn layers_lock(layers_dir: &Path) -> io::Result<File> {
    fs::create_dir_all(layers_dir)?;
    OpenOptions::new().create(true).truncate(false).write(true).open(layers_dir.join(".lock"))
}

struct Environment {
    id: EnvId,
    used: SystemTime,
    layers: Vec<Digest>,
    size_bytes: u64,
}

/// Prunes the environments and layers of `volume`, which also holds `other_bytes` of something else. Environments in
/// `named` stay. Blocking, seconds on a large volume.
pub fn prune(
    volume: &Path,
    named: &BTreeSet<EnvId>,
    other_bytes: u64,
    bounds: Bounds,
    now: SystemTime,
) -> io::Result<Pruned> {
    let (envs_dir, layers_dir) = (volume.join("envs"), volume.join("layers"));
    let mut environments = environments(&envs_dir)?;
    let mut layers = layers(&layers_dir)?;
    let sizes = |environments: &[Environment], layers: &BTreeMap<Digest, (u64, SystemTime)>| {
        environments.iter().map(|one| one.size_bytes).sum::<u64>()
            + layers.values().map(|(size_bytes, _)| size_bytes).sum::<u64>()
            + other_bytes
    };
    let mut total = sizes(&environments, &layers);
    let mut pruned = Pruned { before_bytes: total, after_bytes: total, ..Pruned::default() };
    if total <= bounds.high_bytes {
        return Ok(pruned);
    }
    // Nobody fetches while layers go; if somebody does, the next time will do.
    let lock = layers_lock(&layers_dir)?;
    if lock.try_lock().is_err() {
        return Ok(pruned);
    }
    let young = |at: SystemTime| now.duration_since(at).map_or(true, |age| age < bounds.keep);
    environments.sort_by_key(|one| one.used);
    let mut kept = Vec::new();
    let mut queue = environments.into_iter();
    // Layers of no environment first: a build that was given up.
    loop {
        let needed: BTreeSet<&Digest> =
            kept.iter().chain(queue.as_slice()).flat_map(|one: &Environment| &one.layers).collect();
        let free: Vec<Digest> = layers
            .iter()
            .filter(|(digest, (_, made))| !needed.contains(digest) && !young(*made))
            .map(|(digest, _)| *digest)
            .collect();
        for digest in free {
            if total > bounds.low_bytes {
                remove(&layers_dir.join(digest.hex()))?;
                let (size_bytes, _) = layers.remove(&digest).unwrap_or((0, now));
                total = total.saturating_sub(size_bytes);
                pruned.layers += 1;
            }
        }
        if total <= bounds.low_bytes {
            break;
        }
        let Some(next) = queue.next() else { break };
        let root = envs_dir.join(next.id.to_string());
        let free = !named.contains(&next.id) && !young(next.used);
        match if free { exclude(&manifest_path(&root))? } else { None } {
            Some(_alone) => {
                remove(&root)?;
                total = total.saturating_sub(next.size_bytes);
                pruned.environments += 1;
            }
            None => kept.push(next),
        }
    }
    pruned.after_bytes = total;
    Ok(pruned)
}

/// Removes what makers that were killed left half-made in `folder`.
pub fn sweep(folder: &Path, now: SystemTime) -> io::Result<usize> {
    let mut swept = 0;
    for entry in entries(folder)? {
        let (path, name) = (entry.path(), entry.file_name());
        if !name.to_string_lossy().starts_with(TEMPORARY) {
            continue;
        }
        let metadata = entry.metadata()?;
        let age = now.duration_since(metadata.modified()?).unwrap_or_default();
        let abandoned = if metadata.is_dir() {
            age >= ABANDONED_AFTER && exclude(&path)?.is_some()
        } else {
            age >= DOWNLOAD
        };
        if abandoned {
            remove(&path)?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// Under a temporary name first: nobody sees half of it, and a kill leaves what is swept.
fn remove(path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = if name.starts_with(TEMPORARY) {
        path.to_owned()
    } else {
        path.with_file_name(format!("{TEMPORARY}gone-{name}"))
    };
    if aside != path {
        fs::rename(path, &aside)?;
    }
    if fs::symlink_metadata(&aside)?.is_dir() { fs::remove_dir_all(&aside) } else { fs::remove_file(&aside) }
}

fn environments(folder: &Path) -> io::Result<Vec<Environment>> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
        let root = entry.path();
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<EnvId>().ok()) else {
            continue;
        };
        // Without a manifest that can be read it is nobody's business here.
        let path = manifest_path(&root);
        let Ok(bytes) = fs::read(&path) else { continue };
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&bytes) else { continue };
        let used = fs::metadata(&path)?.modified()?;
        let layers = manifest.layers.iter().map(|layer| layer.tar_digest).collect();
        found.push(Environment { id, used, layers, size_bytes: size_bytes(&root) });
    }
    Ok(found)
}

fn layers(folder: &Path) -> io::Result<BTreeMap<Digest, (u64, SystemTime)>> {
    let mut found = BTreeMap::new();
    for entry in entries(folder)? {
        let Some(digest) = entry.file_name().to_str().and_then(|name| name.parse::<Digest>().ok()) else {
            continue;
        };
        let made = entry.metadata()?.modified()?;
        found.insert(digest, (size_bytes(&entry.path()), made));
    }
    Ok(found)
}

fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Bytes of the files below a path; links count as what they are.
pub fn size_bytes(path: &Path) -> u64 {
    let files = walkdir::WalkDir::new(path).into_iter().flatten();
    files
        .filter_map(|entry| entry.metadata().ok())
        .filter(fs::Metadata::is_file)
        .map(|metadata| metadata.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::making::mark_making;
    use super::*;
    use crate::environment::hold;

    const NOW_S: u64 = 2_000_000_000;

    fn at(age_s: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S - age_s)
    }

    /// An environment of one layer of its own and one that all share.
    fn environment(volume: &Path, name: u8, age_s: u64) -> EnvId {
        let id: EnvId = Digest::of(&[name]).hex().parse().unwrap();
        let (own, shared) = (Digest::of(&[name, name]), Digest::of(b"shared"));
        for layer in [own, shared] {
            let folder = volume.join("layers").join(layer.hex());
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("module.py"), [0; 1000]).unwrap();
            File::open(&folder).unwrap().set_modified(at(age_s)).unwrap();
        }
        let manifest = manifest_path(&volume.join("envs").join(id.to_string()));
        fs::create_dir_all(manifest.parent().unwrap()).unwrap();
        let layers: Vec<_> = [own, shared]
            .iter()
            .map(|digest| {
                serde_json::json!({"tar_digest": digest, "toc_digest": digest, "tar_size": 1000, "files": 1,
                                   "name": "n", "version": "1"})
            })
            .collect();
        let zero = Digest::of(b"").hex();
        let text = serde_json::json!({"schema": 1, "base_id": zero, "target_id": zero, "lock_id": zero, "layers": layers,
            "shadows": [], "conflicts": [], "mode": "task", "requested": [], "entry_points": {}});
        fs::write(&manifest, text.to_string()).unwrap();
        assert!(
            serde_json::from_str::<Manifest>(&text.to_string()).is_ok(),
            "{:?}",
            serde_json::from_str::<Manifest>(&text.to_string())
        );
        File::open(&manifest).unwrap().set_modified(at(age_s)).unwrap();
        id
    }

    fn there(volume: &Path, ids: &[EnvId]) -> Vec<bool> {
        ids.iter().map(|id| volume.join("envs").join(id.to_string()).exists()).collect()
    }

    #[test]
    fn the_least_recently_used_go_and_what_is_named_held_or_young_stays() {
        let dir = tempfile::tempdir().unwrap();
        let volume = dir.path();
        let ids: Vec<EnvId> = (0..5u8)
            .map(|name| environment(volume, name, if name == 4 { 10 } else { 9_000 - u64::from(name) }))
            .collect();
        let held = hold(&volume.join("envs").join(ids[1].to_string())).unwrap();
        assert!(held.is_some());
        let named = BTreeSet::from([ids[0]]);
        let bounds = |high_bytes| Bounds { high_bytes, low_bytes: 0, keep: Duration::from_hours(1) };
        assert_eq!(
            prune(volume, &named, 0, bounds(1 << 30), at(0)).unwrap().environments,
            0,
            "below the mark"
        );
        let pruned = prune(volume, &named, 0, bounds(100), at(0)).unwrap();
        assert_eq!(there(volume, &ids), [true, true, false, false, true]);
        assert_eq!((pruned.environments, pruned.layers), (2, 2));
        drop(held);
        // Its use made it young.
        let later = at(0) + Duration::from_secs(1 << 40);
        prune(volume, &named, 0, bounds(100), later).unwrap();
        assert_eq!(there(volume, &ids), [true, false, false, false, false]);
        let layers = fs::read_dir(volume.join("layers")).unwrap().count();
        assert_eq!(layers, 3, "two layers of what stays, and the lock");
    }

    #[test]
    fn nothing_goes_while_somebody_fetches() {
        let dir = tempfile::tempdir().unwrap();
        let id = environment(dir.path(), 1, 9_000);
        let fetching = layers_lock(&dir.path().join("layers")).unwrap();
        fetching.lock_shared().unwrap();
        let bounds = Bounds { high_bytes: 0, low_bytes: 0, keep: Duration::ZERO };
        assert_eq!(prune(dir.path(), &BTreeSet::new(), 0, bounds, at(0)).unwrap().environments, 0);
        drop(fetching);
        assert_eq!(prune(dir.path(), &BTreeSet::new(), 0, bounds, at(0)).unwrap().environments, 1);
        assert_eq!(there(dir.path(), &[id]), [false]);
    }

    #[test]
    fn only_what_a_dead_maker_left_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["making-live", "making-dead", "kept"] {
            let dot = if name == "kept" { "" } else { "." };
            fs::create_dir(dir.path().join(format!("{dot}{name}"))).unwrap();
        }
        let live = mark_making(&dir.path().join(".making-live")).unwrap();
        assert_eq!(
            sweep(dir.path(), SystemTime::now()).unwrap(),
            0,
            "too young to be told from one that begins"
        );
        assert_eq!(sweep(dir.path(), SystemTime::now() + ABANDONED_AFTER * 2).unwrap(), 1);
        assert!(dir.path().join(".making-live").exists() && dir.path().join("kept").exists());
        drop(live);
        assert_eq!(sweep(dir.path(), SystemTime::now() + ABANDONED_AFTER * 2).unwrap(), 1);
    }
}
