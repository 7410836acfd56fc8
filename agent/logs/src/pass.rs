//! One pass over one attempt's log: everything that can be sent is sent.
//!
//! Written over [`World`], so that tests stop it at every effect (a kill) and start it again.

use bytes::Bytes;
use objectstore::{Condition, Object, PutOutcome};

use crate::cut::{self, Cut, Limits};
use crate::position::{FileId, MARK_BYTES, Position};

/// Parts that one pass sends before others have their turn: a backlog is worked off in slices.
const PARTS_PER_PASS: u32 = 8;

/// What a look at the log file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) file: FileId,
    pub(crate) size_bytes: u64,
    /// The path leads to another file by now (or to none): this one grows no more.
    pub(crate) replaced: bool,
}

/// The effects of a pass.
pub(crate) trait World {
    type Error;

    /// Looks at the file that is open, or opens what the path leads to; `None`: there is no file.
    async fn look(&mut self) -> Result<Option<Seen>, Self::Error>;
    /// Up to `limit_bytes` from `start` of the open file.
    async fn read(&mut self, start: u64, limit_bytes: u64) -> Result<Vec<u8>, Self::Error>;
    /// Closes the file, so that the next look opens what the path leads to.
    fn close(&mut self);
    async fn put(
        &mut self,
        key: &str,
        content: Bytes,
        condition: Condition,
    ) -> Result<PutOutcome, Self::Error>;
    async fn get(&mut self, key: &str) -> Result<Option<Object>, Self::Error>;
    async fn save(&mut self, position: &Position) -> Result<(), Self::Error>;
}

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All that can be sent now is sent.
    Current,
    /// There is more to send at once.
    More,
}

/// Sends what is new. `over`: the attempt has ended, an unfinished last line is sent too.
pub(crate) async fn pass<W: World>(
    position: &mut Position,
    world: &mut W,
    over: bool,
    limits: Limits,
) -> Result<Progress, W::Error> {
    for _ in 0..PARTS_PER_PASS {
        let Some(seen) = world.look().await? else { return Ok(Progress::Current) };
        if position.file != Some(seen.file) || seen.size_bytes < position.end() {
            position.restart(seen.file);
        }
        if seen.size_bytes == position.end() && !is_unchanged(position, world).await? {
            position.restart(seen.file);
        }
        let new = seen.size_bytes > position.end();
        if new && send(position, world, over || seen.replaced, limits).await? == Progress::More {
            continue;
        }
        if !seen.replaced {
            return Ok(Progress::Current);
        }
        world.close();
    }
    Ok(Progress::More)
}

/// Whether what precedes the position is what was read there: a file that was emptied and has grown to
/// the same size again looks the same otherwise.
async fn is_unchanged<W: World>(position: &Position, world: &mut W) -> Result<bool, W::Error> {
    let length = position.end().min(MARK_BYTES as u64);
    let tail = if length > 0 { world.read(position.end() - length, length).await? } else { Vec::new() };
    Ok(position.is_of(&tail, &[]))
}

/// Sends one part's new bytes.
async fn send<W: World>(
    position: &mut Position,
    world: &mut W,
    complete: bool,
    limits: Limits,
) -> Result<Progress, W::Error> {
    let before_bytes = position.part_start.min(MARK_BYTES as u64);
    let window_bytes = before_bytes + limits.window_bytes() as u64;
    let all = world.read(position.part_start - before_bytes, window_bytes).await?;
    let split = usize::try_from(before_bytes).unwrap_or(usize::MAX).min(all.len());
    let (before, bytes) = all.split_at(split);
    let sent = usize::try_from(position.sent_bytes).unwrap_or(usize::MAX);
    if bytes.len() < sent || !position.is_of(&bytes[..sent], before) {
        // Emptied and grown again: the size alone does not show it.
        if let Some(file) = position.file {
            position.restart(file);
        }
        return Ok(Progress::More);
    }
    let Cut { length, sealed } = cut::cut(bytes, sent, complete, limits);
    if sealed && length == sent && !position.certain {
        // No write will show it if the part holds more than the position says.
        settle(position, world, bytes, before).await?;
        return Ok(Progress::More);
    }
    if length > sent {
        let content = Bytes::copy_from_slice(&cut::text(&bytes[..length]));
        position.certain = false;
        match world.put(&position.key(), content, position.condition()).await? {
            PutOutcome::Written(etag) => position.sent(&bytes[..length], &etag, before),
            PutOutcome::Refused => {
                settle(position, world, bytes, before).await?;
                world.save(position).await?;
                return Ok(Progress::More);
            }
        }
        world.save(position).await?;
    }
    if sealed {
        position.next_part();
        return Ok(Progress::More);
    }
    Ok(Progress::Current)
}

/// The store holds another version of the part than the position says. Nobody else writes under this
/// name: it was written by this host, before a crash or an answer that was lost.
async fn settle<W: World>(
    position: &mut Position,
    world: &mut W,
    bytes: &[u8],
    before: &[u8],
) -> Result<(), W::Error> {
    match world.get(&position.key()).await? {
        Some(object) => match cut::sent_length(bytes, &object.bytes) {
            Some(length) => position.sent(&bytes[..length], &object.etag, before),
            // Of a file that is gone: it stays, and what this one has goes into the next part.
            None => position.next_part(),
        },
        // Somebody deleted it: it is created again.
        None => position.lost(before),
    }
    Ok(())
}
