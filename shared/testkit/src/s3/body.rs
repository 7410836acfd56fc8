//! Request bodies into files and files into response bodies.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use s3s::dto::StreamingBlob;
use s3s::{S3Result, s3_error};
use sha2::{Digest, Sha256};
use tokio::task;

use super::disk::{hex, internal};

/// Size of one piece of a response.
const CHUNK_BYTES: u64 = 1 << 20;

/// Received pieces are written once this much is there.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes a request's body to `path` and answers its size and etag. A body that breaks off (or fails the
/// signature of its pieces) leaves no file.
pub(super) async fn receive(body: Option<StreamingBlob>, path: PathBuf) -> S3Result<(u64, String)> {
    let received = write_all(body, &path).await;
    if received.is_err() {
        // It may not exist yet.
        drop(std::fs::remove_file(&path));
    }
    received
}

async fn write_all(body: Option<StreamingBlob>, path: &Path) -> S3Result<(u64, String)> {
    let mut file = File::create(path).map_err(internal)?;
    let (mut hasher, mut size_bytes) = (Sha256::new(), 0);
    let mut buffer = Vec::new();
    if let Some(mut body) = body {
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| s3_error!(IncompleteBody, "the body broke off: {error}"))?;
            size_bytes += piece.len() as u64;
            buffer.extend_from_slice(&piece);
            if buffer.len() >= BUFFER_BYTES {
                (file, hasher, buffer) =
                    blocking(move || flush(file, hasher, buffer)).await.map_err(internal)?;
            }
        }
    }
    let (_, hasher, _) = blocking(move || flush(file, hasher, buffer)).await.map_err(internal)?;
    Ok((size_bytes, hex(&hasher.finalize())))
}

fn flush(mut file: File, mut hasher: Sha256, mut buffer: Vec<u8>) -> io::Result<(File, Sha256, Vec<u8>)> {
    file.write_all(&buffer)?;
    hasher.update(&buffer);
    buffer.clear();
    Ok((file, hasher, buffer))
}

/// The bytes `range` of a file as a response body.
pub(super) fn send(file: File, range: Range<u64>) -> StreamingBlob {
    let file = Arc::new(file);
    let pieces = stream::unfold((file, range), |(file, range)| async move {
        if range.is_empty() {
            return None;
        }
        let (start, end) = (range.start, range.end.min(range.start + CHUNK_BYTES));
        let reader = Arc::clone(&file);
        let piece = blocking(move || {
            let mut bytes = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
            reader.read_exact_at(&mut bytes, start)?;
            Ok(Bytes::from(bytes))
        })
        .await;
        // After a failure the client sees the body break off.
        let rest = if piece.is_ok() { end..range.end } else { range.end..range.end };
        Some((piece, (file, rest)))
    });
    StreamingBlob::wrap(pieces)
}

/// Joins files into one at `target`; answers its etag.
pub(super) fn concatenate(parts: &[PathBuf], target: &Path) -> io::Result<String> {
    let mut out = File::create(target)?;
    let mut hasher = Sha256::new();
    for part in parts {
        let bytes = std::fs::read(part)?;
        hasher.update(&bytes);
        out.write_all(&bytes)?;
    }
    Ok(hex(&hasher.finalize()))
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    task::spawn_blocking(work).await.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}
