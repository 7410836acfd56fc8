//! The live bases: what environments are built for.

use std::path::PathBuf;

use domain::{BaseId, BaseRecord, keys};
use objectstore::{Condition, PutOutcome, Store};
use tokio::task::spawn_blocking;

use super::SyncError;
use super::error::store;

/// A base that no agent had for so long is not built for any more: a weekend and a rollback fit into it.
const LIVE_DAYS: i32 = 7;
/// Writes of one base's record: agents write it too, each once a day.
const TRIES: u32 = 5;

/// A base for which environments are built.
#[derive(Debug, Clone)]
pub(super) struct LiveBase {
    pub(super) id: BaseId,
    pub(super) record: BaseRecord,
}

/// Describes the base of an interpreter on this machine.
pub(super) async fn describe(python: PathBuf) -> Result<LiveBase, SyncError> {
    let text = python.display().to_string();
    let described =
        spawn_blocking(move || depcache::base::describe(&text)).await.map_err(SyncError::Ended)?;
    let record = described.map_err(|source| SyncError::Base { python, source })?;
    let id = record.base.id().map_err(SyncError::Identity)?;
    Ok(LiveBase { id, record })
}

/// Registers a base as seen today.
pub(super) async fn register(objects: &Store, base: &LiveBase) -> Result<(), SyncError> {
    let key = keys::base(base.id);
    for _ in 0..TRIES {
        let stored = objects.get(&key).await.map_err(store("reading a base"))?;
        let mut record = base.record.clone();
        let condition = match stored {
            None => Condition::Absent,
            Some(object) => {
                let known: BaseRecord = serde_json::from_slice(&object.bytes)
                    .map_err(|source| SyncError::Stored { key: key.clone(), source })?;
                // What agents saw loaded counts; the description is the same by the key.
                record.loaded.extend(known.loaded);
                record.loaded.sort();
                record.loaded.dedup();
                if known.last_seen >= record.last_seen {
                    return Ok(());
                }
                Condition::Matches(object.etag)
            }
        };
        let bytes = serde_json::to_vec_pretty(&record).map_err(SyncError::Encode)?;
        let put = objects.put(&key, bytes.into(), condition).await.map_err(store("registering a base"))?;
        if matches!(put, PutOutcome::Written(_)) {
            return Ok(());
        }
    }
    // Somebody else is writing it: it is registered.
    Ok(())
}

/// The bases seen lately whose interpreter is on this machine, sorted by id; ids of the others, short.
/// A record whose interpreter is today that of one of `own` is of an image that is no more.
pub(super) async fn live(
    objects: &Store,
    own: &[LiveBase],
) -> Result<(Vec<LiveBase>, Vec<String>), SyncError> {
    let oldest = jiff::Zoned::now().date().saturating_sub(jiff::Span::new().days(LIVE_DAYS)).to_string();
    let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
    for listed in objects.list(keys::BASES).await.map_err(store("listing the bases"))? {
        let Some(object) = objects.get(&listed.key).await.map_err(store("reading a base"))? else { continue };
        let record: BaseRecord = serde_json::from_slice(&object.bytes)
            .map_err(|source| SyncError::Stored { key: listed.key.clone(), source })?;
        if record.last_seen < oldest {
            continue;
        }
        let id = record.base.id().map_err(SyncError::Identity)?;
        let executable = &record.base.interpreter.executable;
        let replaced = |own: &LiveBase| own.id != id && own.record.base.interpreter.executable == *executable;
        if own.iter().any(replaced) {
            continue;
        }
        if std::path::Path::new(executable).is_file() {
            here.push(LiveBase { id, record });
        } else {
            elsewhere.push(id.short());
        }
    }
    here.sort_by_key(|base| base.id);
    Ok((here, elsewhere))
}
