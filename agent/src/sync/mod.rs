//! `updraft-agent sync`: a commit in git becomes the tree and the environments that everything runs with.
//!
//! One round after the other: poll git, export the commit, build its environments for each live base, prove
//! them, publish, flip. Whatever fails, nothing flips: a commit that is wrong is *refused* once and told; a
//! dependency that is away is *trouble*, asked again with growing waits.
//!
//! Invariants:
//! - Users' code runs in other processes only: the build's (index credentials, none of git's) and the checks'
//!   (none at all). This process is not dumpable, so that they cannot read its variables either.
//! - The store is the only state that counts. What is kept in the state directory is told to people and saves
//!   work; without it the same is published. Every step may be the last before a `kill -9`.
//! - Of several syncs on one repository the conditional writes of the ref let one win each step; the others
//!   read again and go on from there.

mod airflow;
mod announce;
mod bases;
mod build;
mod candidate;
mod check;
mod error;
mod flip;

mod publication;
mod round;
mod settings;
mod status;
mod tree;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use daemon::Backoff;
use depcache::environment::Bounds;
use tokio_util::sync::CancellationToken;

use crate::volume::{Pruner, Volume};

pub use error::SyncError;
pub use settings::{SyncAction, SyncSettings};
pub use status::{Outcome, Status, Told, Verdict};

use round::Follower;

/// Longest wait after repeated trouble. A try is one small request, and a repository may get its first branch, or its
/// server back, at any moment.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Between two looks at the size of the own volume.
const PRUNE_EVERY: Duration = Duration::from_hours(1);
/// Where pruning of it begins and ends: some dozen environments.
const VOLUME_HIGH_BYTES: u64 = 40 << 30;
const VOLUME_LOW_BYTES: u64 = 32 << 30;
/// A candidate is proved long before it is this old.
const KEEP: Duration = Duration::from_hours(24);

/// Follows the repository until `stop`. With `once` ends after the first commit was published or refused.
///
/// `Err` only for settings with which nothing can be done; everything else is told and tried again.
pub async fn run(settings: SyncSettings, stop: CancellationToken) -> Result<(), SyncError> {
    protect_secrets();
    let poll = Duration::from_millis(settings.poll_interval_ms);
    let mut backoff = Backoff::new(poll, MAX_BACKOFF);
    let once = settings.once;
    // On one machine the agents keep the volume that sync shares with them within their bounds.
    let own_volume = settings.volume.is_none().then(|| settings.candidates_volume());
    let mut prune_at = Instant::now();
    let mut sync = Follower::open(settings)?;
    loop {
        if let Some(volume) = own_volume.clone().filter(|_| Instant::now() >= prune_at) {
            prune_at = Instant::now() + PRUNE_EVERY;
            prune(volume).await;
        }
        let Some(result) = stop.run_until_cancelled(Box::pin(sync.round())).await else { return Ok(()) };
        let wait = match result {
            Ok(()) => {
                sync.status.clear_trouble();
                backoff.reset();
                poll
            }
            Err(error) => {
                sync.status.trouble(&error);
                backoff.next_wait()
            }
        };
        sync.save_status();
        if once && sync.status.trouble.is_none() {
            return Ok(());
        }
        if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return Ok(());
        }
    }
}

/// Bounds a volume in which candidates are proved, and nothing else runs. A failure costs disk.
async fn prune(root: PathBuf) {
    let bounds = Bounds { high_bytes: VOLUME_HIGH_BYTES, low_bytes: VOLUME_LOW_BYTES, keep: KEEP };
    let look = move || {
        let pruner = Pruner { volume: Volume::at(&root)?, bounds, followed: BTreeMap::new() };
        pruner.look(SystemTime::now())
    };
    match tokio::task::spawn_blocking(look).await.map_err(std::io::Error::other).and_then(|result| result) {
        Ok(()) => {}
        Err(error) => tracing::warn!(%error, "the volume of candidates is not brought within its bounds"),
    }
}

/// Keeps this process' memory and variables from other processes of the same user.
fn protect_secrets() {
    let hidden = rustix::process::DumpableBehavior::NotDumpable;
    if let Err(error) = rustix::process::set_dumpable_behavior(hidden) {
        tracing::warn!(%error, "this process cannot be hidden from the processes it starts");
    }
}

/// `updraft-agent sync status`: the document as JSON or text; `None` when nothing was synced yet.
pub fn status(settings: &SyncSettings, json: bool) -> Result<Option<String>, SyncError> {
    let Some(status) = Status::load(&settings.state_dir)? else { return Ok(None) };
    if json {
        return serde_json::to_string_pretty(&status)
            .map(|text| Some(text + "\n"))
            .map_err(SyncError::Encode);
    }
    Ok(Some(status.to_string()))
}
