//! How far an attempt's log has come: what survives a crash of the agent.

use domain::{Digest, LogPart};
use objectstore::{Condition, ETag};
use serde::{Deserialize, Serialize};

/// Version of [`Position`].
pub(crate) const SCHEMA: u32 = 1;

/// Bytes before the position that tell whether a file is still the one that was read.
pub(crate) const MARK_BYTES: usize = 256;

/// Tells one file from another that took its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// The state of one attempt's log. It changes in memory only after the store has taken a part, and is
/// saved after that: a crash in between is found out by the next conditional write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) schema: u32,
    pub(crate) log_path: String,
    pub(crate) host: String,
    /// Unix milliseconds; part of the names, so that they sort in time over hosts and resumptions.
    pub(crate) start_ms: u64,
    /// The part being written.
    pub(crate) seq: u32,
    /// The file that was read; none before its first byte.
    pub(crate) file: Option<FileId>,
    /// Offset in the file at which the part begins.
    pub(crate) part_start: u64,
    /// Bytes of the file that the part holds in the store.
    pub(crate) sent_bytes: u64,
    /// Version of the part in the store; none before its first write.
    pub(crate) etag: Option<String>,
    /// Digest of the (up to) [`MARK_BYTES`] before the end.
    pub(crate) mark: Digest,
    /// The attempt has ended and everything is in the store.
    pub(crate) finished: bool,
    /// The store has said that this is what the part holds. After a crash, or an answer that was lost, the
    /// part may hold more.
    #[serde(skip)]
    pub(crate) certain: bool,
}

impl Position {
    pub(crate) fn new(log_path: String, host: String, start_ms: u64) -> Self {
        Self {
            schema: SCHEMA,
            log_path,
            host,
            start_ms,
            seq: 0,
            file: None,
            part_start: 0,
            sent_bytes: 0,
            etag: None,
            mark: Digest::of(b""),
            finished: false,
            certain: true,
        }
    }

    /// Offset in the file up to which everything is in the store.
    pub(crate) fn end(&self) -> u64 {
        self.part_start + self.sent_bytes
    }

    pub(crate) fn key(&self) -> String {
        let (log_path, host) = (self.log_path.clone(), self.host.clone());
        LogPart { log_path, start_ms: self.start_ms, host, seq: self.seq }.to_string()
    }

    pub(crate) fn condition(&self) -> Condition {
        self.etag.as_ref().map_or(Condition::Absent, |etag| Condition::Matches(ETag::new(etag.as_str())))
    }

    /// The store holds `bytes` of this part as version `etag`; `before` are those that precede the part.
    pub(crate) fn sent(&mut self, bytes: &[u8], etag: &ETag, before: &[u8]) {
        self.sent_bytes = bytes.len() as u64;
        self.etag = Some(etag.as_str().to_owned());
        self.certain = true;
        self.mark = mark(before, bytes);
    }

    /// The store does not have the part (any more).
    pub(crate) fn lost(&mut self, before: &[u8]) {
        self.sent_bytes = 0;
        self.etag = None;
        self.mark = mark(before, &[]);
    }

    /// Whether `bytes`, read again, are those that were sent of this part.
    pub(crate) fn is_of(&self, bytes: &[u8], before: &[u8]) -> bool {
        mark(before, bytes) == self.mark
    }

    /// What follows goes to the next part.
    pub(crate) fn next_part(&mut self) {
        self.part_start = self.end();
        self.sent_bytes = 0;
        self.etag = None;
        self.seq += 1;
        // Nothing is claimed of it: its first write is create-only.
        self.certain = true;
    }

    /// The file was emptied or replaced: its first byte follows what was sent.
    pub(crate) fn restart(&mut self, file: FileId) {
        if self.etag.is_some() {
            self.next_part();
        }
        self.file = Some(file);
        self.part_start = 0;
        self.sent_bytes = 0;
        self.mark = Digest::of(b"");
    }

    /// The attempt goes on after it was finished (a deferred task came back): names sort after those of
    /// hosts that had it in between.
    pub(crate) fn resume(&mut self, start_ms: u64) {
        self.next_part();
        self.finished = false;
        self.start_ms = start_ms.max(self.start_ms + 1);
        self.seq = 0;
    }
}

fn mark(before: &[u8], bytes: &[u8]) -> Digest {
    let missing = MARK_BYTES.saturating_sub(bytes.len());
    let tail = &bytes[bytes.len().saturating_sub(MARK_BYTES)..];
    Digest::of(&[&before[before.len().saturating_sub(missing)..], tail].concat())
}
