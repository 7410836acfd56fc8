//! The build lease: of several builders of one request one builds, the others wait for its answer.
//!
//! The lease only saves work. Correctness rests on create-only writes: two builders that both believe to hold
//! it publish the same objects.

use std::time::{Duration, Instant};

use domain::{RequestId, keys};
use objectstore::{Condition, ETag, PutOutcome, Store};
use serde::{Deserialize, Serialize};

use super::BuildError;

/// How long a builder may take before others stop waiting for it. The largest builds seen take four minutes.
const LEASE_S: i64 = 600;
/// How often a waiting builder looks.
const POLL: Duration = Duration::from_secs(1);

/// `v1/leases/build/<request id>.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    schema: u32,
    holder: String,
    until_ms: i64,
    /// Grows with every holder.
    fence: u64,
}

/// A held lease.
#[derive(Debug)]
pub(super) struct Lease {
    key: String,
    etag: ETag,
}

/// Answer of [`acquire`].
#[derive(Debug)]
pub(super) enum Acquired {
    /// Build.
    Held(Lease),
    /// Somebody else has finished the request meanwhile.
    Answered,
}

/// Takes the lease, or waits until its holder has answered the request or let it expire.
pub(super) async fn acquire(store: &Store, request: RequestId, holder: &str) -> Result<Acquired, BuildError> {
    let key = keys::build_lease(request);
    let started = Instant::now();
    loop {
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let current = store.get(&key).await?;
        let known: Option<(Record, ETag)> =
            current.and_then(|object| Some((serde_json::from_slice(&object.bytes).ok()?, object.etag)));
        let (fence, condition) = match &known {
            None => (1, Condition::Absent),
            Some((record, etag)) if record.until_ms <= now_ms => {
                (record.fence + 1, Condition::Matches(etag.clone()))
            }
            Some((record, _)) => {
                if store.head(&keys::alias(request)).await?.is_some() {
                    return Ok(Acquired::Answered);
                }
                if started.elapsed() > Duration::from_secs(LEASE_S.unsigned_abs()) {
                    let waited_s = started.elapsed().as_secs();
                    return Err(BuildError::Busy { holder: record.holder.clone(), waited_s });
                }
                tokio::time::sleep(POLL).await;
                continue;
            }
        };
        let record =
            Record { schema: 1, holder: holder.to_owned(), until_ms: now_ms + LEASE_S * 1000, fence };
        let bytes = domain::canonical::to_bytes(&record)?;
        match store.put(&key, bytes.into(), condition).await? {
            PutOutcome::Written(etag) => return Ok(Acquired::Held(Lease { key, etag })),
            // Another builder was faster; look again.
            PutOutcome::Refused => tokio::time::sleep(POLL / 10).await,
        }
    }
}

impl Lease {
    /// Gives the lease back by letting it expire, so that its fence stays. A failure costs others the wait only.
    pub(super) async fn release(self, store: &Store) {
        let expired = async {
            let Some(object) = store.get(&self.key).await? else { return Ok(()) };
            if object.etag != self.etag {
                return Ok(());
            }
            let Ok(mut record) = serde_json::from_slice::<Record>(&object.bytes) else { return Ok(()) };
            record.until_ms = 0;
            let bytes = domain::canonical::to_bytes(&record)?;
            store.put(&self.key, bytes.into(), Condition::Matches(self.etag.clone())).await?;
            Ok::<(), BuildError>(())
        };
        if let Err(error) = expired.await {
            tracing::debug!(%error, "the build lease could not be given back; it expires by itself");
        }
    }
}
