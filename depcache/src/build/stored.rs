//! What the store already has: layers of wheels, their tables of contents, their entry points.

use std::collections::BTreeMap;
use std::io::Read;

use depcache_layer::{Capped, decode_toc, parse_entry_points, seek_frames, seek_table_bytes};
use domain::layer::{FRAME_SIZE_BYTES, TocEntry, WheelLayer};
use domain::{Digest, LayerEntry, TargetId, Toc, keys};
use objectstore::Store;

use super::BuildError;

/// Group → name → object reference.
pub(super) type EntryPoints = BTreeMap<String, BTreeMap<String, String>>;
/// Largest `entry_points.txt` that is read; real ones are below 20 kB.
const ENTRY_POINTS_LIMIT_BYTES: u64 = 1 << 20;

/// The layer that this wheel became for this target, if anybody built it.
pub(super) async fn wheel_layer(
    store: &Store,
    wheel: &Digest,
    target: TargetId,
) -> Result<Option<LayerEntry>, BuildError> {
    let key = keys::wheel(wheel, target);
    let Some(object) = store.get(&key).await? else { return Ok(None) };
    let record: WheelLayer = serde_json::from_slice(&object.bytes)
        .map_err(|error| BuildError::Damaged { key, what: error.to_string() })?;
    Ok(Some(record.layer))
}

/// A layer's table of contents.
pub(super) async fn toc(store: &Store, layer: &LayerEntry) -> Result<Toc, BuildError> {
    let key = keys::toc(&layer.tar_digest);
    let Some(object) = store.get(&key).await? else {
        return Err(BuildError::Damaged { key, what: "it is missing".into() });
    };
    decode_toc(&object.bytes, &layer.toc_digest)
        .map_err(|error| BuildError::Damaged { key, what: error.to_string() })
}

/// The entry points of a stored layer, read from the few frames that hold them.
pub(super) async fn entry_points(store: &Store, toc: &Toc) -> Result<EntryPoints, BuildError> {
    let holds = |entry: &&TocEntry| {
        let mut parts = entry.path.rsplit('/');
        parts.next() == Some("entry_points.txt")
            && parts.next().is_some_and(|dir| dir.ends_with(".dist-info"))
            && parts.next() == Some("site-packages")
    };
    let found = toc.entries.iter().find(holds);
    let Some((entry, offset)) = found.and_then(|entry| Some((entry, entry.offset?))) else {
        return Ok(EntryPoints::new());
    };
    let key = keys::layer(&toc.tar_digest);
    let damaged = |what: &str| BuildError::Damaged { key: key.clone(), what: what.to_owned() };
    if entry.size > ENTRY_POINTS_LIMIT_BYTES {
        return Err(damaged("its entry_points.txt is too large"));
    }
    let size = store.head(&key).await?.ok_or_else(|| damaged("it is missing"))?.size_bytes;
    let tail_bytes = seek_table_bytes(toc.frames.len()) as u64;
    let tail = store.get_range(&key, size.saturating_sub(tail_bytes)..size).await?;
    let ranges =
        seek_frames(&tail, size, toc.frames.len()).ok_or_else(|| damaged("its seek table cannot be read"))?;
    let (first, last) = (offset / FRAME_SIZE_BYTES, (offset + entry.size.max(1) - 1) / FRAME_SIZE_BYTES);
    let mut content = Vec::new();
    for number in first..=last {
        let number = usize::try_from(number).map_err(|_| damaged("it has too many frames"))?;
        let (Some(range), Some(digest)) = (ranges.get(number), toc.frames.get(number)) else {
            return Err(damaged("its table of contents names a frame that it does not have"));
        };
        let stored = store.get_range(&key, range.clone()).await?;
        let mut frame = Vec::new();
        zstd::stream::read::Decoder::new(&stored[..])
            .and_then(|decoder| Capped::new(decoder, FRAME_SIZE_BYTES).read_to_end(&mut frame))
            .map_err(|_| damaged("a frame cannot be decompressed"))?;
        if Digest::of(&frame) != *digest {
            return Err(damaged("a frame has another digest than its table of contents says"));
        }
        content.extend_from_slice(&frame);
    }
    let start = usize::try_from(offset - first * FRAME_SIZE_BYTES).unwrap_or(usize::MAX);
    let end = start.saturating_add(usize::try_from(entry.size).unwrap_or(usize::MAX));
    let text = content.get(start..end).ok_or_else(|| damaged("a frame is too short"))?;
    Ok(parse_entry_points(&String::from_utf8_lossy(text)))
}
