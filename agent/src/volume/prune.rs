use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use depcache::environment::{self, Bounds};
use domain::{EnvId, Publication, PublicationId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Volume;
use super::follow::Followed;
use super::tree::{TEMPORARY, remove_abandoned_in};

/// Between two looks at the size of the volume.
const LOOK: Duration = Duration::from_mins(10);
/// Before the first: a start has better things to do.
const FIRST_LOOK: Duration = Duration::from_secs(30);

/// Keeps a volume within its bounds. Several agents may share the volume: one prunes at a time, and what is current,
/// followed, held by a process, or young stays.
#[derive(Debug, Clone)]
pub struct Pruner {
    /// The volume.
    pub volume: Volume,
    /// Its bounds.
    pub bounds: Bounds,
    /// Repositories that this agent follows.
    pub followed: BTreeMap<String, watch::Receiver<Followed>>,
}

/// A published tree on the volume.
struct Tree {
    document: PathBuf,
    files: PathBuf,
    id: (String, PublicationId),
    used: SystemTime,
    size_bytes: u64,
    environments: Vec<EnvId>,
}

impl Pruner {
    /// Looks again and again until `stop`. A failure costs disk, nothing else; the next look tries again.
    pub async fn run(&self, stop: CancellationToken) {
        let mut pause = FIRST_LOOK;
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            pause = LOOK;
            let pruner = self.clone();
            let looked = tokio::task::spawn_blocking(move || pruner.look(SystemTime::now())).await;
            match looked.map_err(io::Error::other).and_then(|result| result) {
                Ok(()) => {}
                Err(error) => tracing::warn!(%error, "the volume is not brought within its bounds"),
            }
        }
    }

    /// One look. Blocking, seconds on a large volume.
    pub fn look(&self, now: SystemTime) -> io::Result<()> {
        let root = self.volume.root();
        fs::create_dir_all(root)?;
        let lock = File::create(root.join(".prune.lock"))?;
        if lock.try_lock().is_err() {
            return Ok(());
        }
        for folder in ["envs", "layers"] {
            let swept = environment::sweep(&root.join(folder), now)?;
            if swept > 0 {
                tracing::info!(folder, swept, "removed what a killed process left half-made");
            }
        }
        let mut trees = trees(&root.join("trees"))?;
        let named = self.named();
        let environments: BTreeSet<EnvId> = trees
            .iter()
            .filter(|tree| named.contains(&tree.id))
            .flat_map(|tree| tree.environments.clone())
            .collect();
        let tree_bytes: u64 = trees.iter().map(|tree| tree.size_bytes).sum();
        let pruned = environment::prune(root, &environments, tree_bytes, self.bounds, now)?;
        let mut total = pruned.after_bytes;
        let mut removed = 0;
        if pruned.before_bytes > self.bounds.high_bytes {
            trees.sort_by_key(|tree| tree.used);
            for tree in trees {
                let young = now.duration_since(tree.used).map_or(true, |age| age < self.bounds.keep);
                if total > self.bounds.low_bytes && !young && !named.contains(&tree.id) && remove(&tree)? {
                    total = total.saturating_sub(tree.size_bytes);
                    removed += 1;
                }
            }
            let (environments, layers, before_bytes) =
                (pruned.environments, pruned.layers, pruned.before_bytes);
            if total > self.bounds.high_bytes {
                tracing::warn!(
                    size_bytes = total,
                    high_bytes = self.bounds.high_bytes,
                    "the volume is above its bound: all of it is current, in use or young"
                );
            } else {
                tracing::info!(
                    before_bytes,
                    after_bytes = total,
                    environments,
                    layers,
                    trees = removed,
                    "volume pruned"
                );
            }
        }
        metrics::gauge!("updraft_agent_volume_bytes")
            .set(f64::from(u32::try_from(total >> 20).unwrap_or(u32::MAX)) * 1_048_576.0);
        Ok(())
    }

    /// What is current on this volume, for whichever agent, and what this agent follows.
    fn named(&self) -> BTreeSet<(String, PublicationId)> {
        let links = fs::read_dir(self.volume.root().join("current")).into_iter().flatten().flatten();
        let current = links.filter_map(|link| {
            let id = fs::read_link(link.path()).ok()?.file_name()?.to_str()?.parse().ok()?;
            Some((link.file_name().to_str()?.to_owned(), id))
        });
        let mut named: BTreeSet<_> = current.collect();
        for (repository, followed) in &self.followed {
            let followed = followed.borrow();
            let ids = followed.current.iter().map(|(id, _)| id).chain(&followed.candidate);
            named.extend(ids.map(|id| (repository.clone(), id.clone())));
        }
        named
    }
}

fn trees(folder: &Path) -> io::Result<Vec<Tree>> {
    let mut found = Vec::new();
    for repository in entries(folder)? {
        remove_abandoned_in(&repository);
        let Some(name) = repository.file_name().and_then(|name| name.to_str()) else { continue };
        for document in entries(&repository)? {
            let id = document.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")?.parse().ok());
            let Some(id) = id else { continue };
            let Ok(bytes) = fs::read(&document) else { continue };
            let environments = serde_json::from_slice::<Publication>(&bytes)
                .map(|publication| publication.environments.iter().map(|one| one.env_id).collect())
                .unwrap_or_default();
            let files = document.with_extension("");
            let (used, size_bytes) = (fs::metadata(&document)?.modified()?, environment::size_bytes(&files));
            found.push(Tree { document, files, id: (name.to_owned(), id), used, size_bytes, environments });
        }
    }
    Ok(found)
}

/// The files go first, under a temporary name: without them the publication counts as not there, and is made ready
/// again by whoever wants it.
fn remove(tree: &Tree) -> io::Result<bool> {
    let document = File::open(&tree.document)?;
    if document.try_lock().is_err() {
        return Ok(false);
    }
    let aside = tree.files.with_file_name(format!("{TEMPORARY}gone-{}", tree.id.1));
    match fs::rename(&tree.files, &aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::remove_file(&tree.document)?;
    match fs::remove_dir_all(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(true),
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_trees_go_and_current_held_and_young_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        let volume = Volume::at(dir.path()).unwrap();
        let repository = "etl".parse().unwrap();
        let now = SystemTime::now();
        let ids: Vec<PublicationId> =
            (1..=4).map(|sequence| PublicationId::new(sequence, &"a".repeat(40)).unwrap()).collect();
        for (index, id) in ids.iter().enumerate() {
            fs::create_dir_all(volume.tree(&repository, id)).unwrap();
            fs::write(volume.tree(&repository, id).join("dag.py"), [0; 1000]).unwrap();
            let document = volume.publication(&repository, id);
            fs::write(&document, "{}").unwrap();
            let age = if index == 3 { 1 } else { 10_000 };
            File::open(document).unwrap().set_modified(now - Duration::from_secs(age)).unwrap();
        }
        super::super::advance(&volume, &repository, &ids[2]).unwrap();
        let held = File::open(volume.publication(&repository, &ids[1])).unwrap();
        held.lock_shared().unwrap();
        let pruner = |high_bytes| Pruner {
            volume: volume.clone(),
            bounds: Bounds { high_bytes, low_bytes: 0, keep: Duration::from_hours(1) },
            followed: BTreeMap::new(),
        };
        let there = || ids.iter().map(|id| volume.tree(&repository, id).exists()).collect::<Vec<_>>();
        pruner(1 << 30).look(now).unwrap();
        assert_eq!(there(), [true; 4], "within its bounds");
        pruner(1_500).look(now).unwrap();
        assert_eq!(there(), [false, true, true, true]);
        drop(held);
        pruner(1_500).look(now).unwrap();
        assert_eq!(there(), [false, false, true, true]);
        assert!(!volume.publication(&repository, &ids[0]).exists());
    }
}
