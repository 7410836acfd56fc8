//! The folder of a worker on the volume, `workers/<node>/`: positions of its logs, its usage. Names of workers are used once, so
//! what an agent could not finish is finished by the agents of other workers on the same volume.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_logs::{Settings, Shipper};
use daemon::CancellationToken;
use objectstore::Store;

use crate::usage::{Journal, finish_left};

/// Somebody may be finishing the logs of an earlier agent of this name, for this long at most.
const TAKE: Duration = Duration::from_secs(40);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two looks at the folders of others. A folder that nobody holds at two looks in a row is nobody's: an agent
/// that was killed is started again long before.
const LOOK: Duration = Duration::from_mins(1);
/// Folders that are finished in one look: each may wait for the store.
const FOLDERS_PER_LOOK: usize = 20;
const LOCK: &str = "lock";

/// A worker's folder, held as long as this lives and by no other process.
#[derive(Debug)]
pub struct Workplace {
    path: PathBuf,
    _lock: File,
}

impl Workplace {
    /// Takes the folder of `node` below `workers`.
    pub async fn take(workers: &Path, node: &str) -> io::Result<Self> {
        let path = workers.join(node);
        let deadline = tokio::time::Instant::now() + TAKE;
        loop {
            fs::create_dir_all(&path)?;
            match Self::try_take(&path)? {
                Some(place) => return Ok(place),
                None if tokio::time::Instant::now() >= deadline => {
                    return Err(io::Error::new(
                        io::ErrorKind::ResourceBusy,
                        format!("another agent holds {}", path.display()),
                    ));
                }
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// `None`: somebody else holds it, or it was removed meanwhile.
    fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let lock = path.join(LOCK);
        let file = match OpenOptions::new().create(true).truncate(false).write(true).open(&lock) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        // Its last holder may have removed it between the open and the lock.
        let is_this = same(&file, &lock)?;
        Ok(is_this.then(|| Self { path: path.to_owned(), _lock: file }))
    }

    /// Where the positions of its logs lie.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Where its usage lies.
    pub fn usage(&self) -> PathBuf {
        self.path.join("usage")
    }

    /// Its logs are done; with usage that waits for the store it stays for the next agent.
    pub fn remove(self) {
        if !Journal::is_done(&self.usage()) {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the folder of an ended worker stays");
        }
    }
}

fn same(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((held.dev(), held.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Finishes logs and usage of workers whose agents are gone, until `stop`.
#[derive(Debug, Clone)]
pub struct LeftBehind {
    /// Folder of all workers.
    pub workers: PathBuf,
    /// Airflow's log folder.
    pub log_folder: PathBuf,
    /// Where the logs go.
    pub store: Store,
    /// Whether local logs go once they are shipped.
    pub delete_local: bool,
    /// Where the usage goes; absent: it is not written down.
    pub usage: Option<Store>,
}

impl LeftBehind {
    /// Looks again and again.
    pub async fn run(&self, stop: CancellationToken) {
        let mut free = Vec::new();
        let mut looks = tokio::time::interval(LOOK);
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            let now = self.free();
            for path in now.iter().filter(|path| free.contains(*path)).take(FOLDERS_PER_LOOK) {
                if stop.run_until_cancelled(Box::pin(self.finish(path))).await.is_none() {
                    return;
                }
            }
            free = now;
        }
    }

    /// Folders that nobody holds.
    fn free(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.workers).into_iter().flatten().flatten();
        let folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
        folders.filter(|path| matches!(Workplace::try_take(path), Ok(Some(_)))).collect()
    }

    async fn finish(&self, path: &Path) {
        let Ok(Some(place)) = Workplace::try_take(path) else { return };
        // The names of the parts are in the positions; a log without one is nobody's any more.
        let host = String::new();
        let mut settings = Settings::new(self.log_folder.clone(), place.logs(), host);
        settings.delete_local = self.delete_local;
        let shipper = Shipper::new(settings, self.store.clone());
        let ended = CancellationToken::new();
        ended.cancel();
        let left = shipper.run(ended).await;
        if !left.is_empty() {
            tracing::warn!(folder = %path.display(), logs = ?left, "logs of an ended worker wait for the store");
            return;
        }
        if let Some(store) = &self.usage
            && place.usage().exists()
            && let Ok(journal) = Journal::open(place.usage())
            && !finish_left(&journal, store).await
        {
            return;
        }
        if shipper.clean().await {
            tracing::info!(folder = %path.display(), "logs and usage of an ended worker are in the store");
            place.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn logs_of_a_worker_that_is_gone_are_finished_by_another() {
        let dir = tempfile::tempdir().unwrap();
        let (workers, logs) = (dir.path().join("workers"), dir.path().join("logs"));
        fs::create_dir_all(logs.join("d")).unwrap();
        fs::write(logs.join("d/attempt=1.log"), "one\ntwo").unwrap();
        let store = Store::open(&format!("file://{}/store", dir.path().display())).await.unwrap();
        let place = Workplace::take(&workers, "w1@h").await.unwrap();
        let shipper = Shipper::new(Settings::new(logs.clone(), place.logs(), "h".into()), store.clone());
        let left_logs = LeftBehind {
            workers: workers.clone(),
            log_folder: logs,
            store: store.clone(),
            delete_local: false,
            usage: Some(store.clone()),
        };
        assert!(left_logs.free().is_empty(), "held");
        // A position is written, then its agent is gone.
        shipper.watch("d/attempt=1.log".to_owned()).unwrap();
        let stop = CancellationToken::new();
        tokio::select! {
            _ = shipper.run(stop.clone()) => {}
            () = async {
                while !store.list("d/").await.is_ok_and(|listed| !listed.is_empty()) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            } => {}
        }
        drop(place);
        let free = left_logs.free();
        assert_eq!(free, [workers.join("w1@h")]);
        left_logs.finish(&free[0]).await;
        let parts = store.list("d/").await.unwrap();
        assert_eq!(parts.len(), 1);
        assert_eq!(&store.get(&parts[0].key).await.unwrap().unwrap().bytes[..], b"one\ntwo");
        assert!(!workers.join("w1@h").exists());
    }
}
