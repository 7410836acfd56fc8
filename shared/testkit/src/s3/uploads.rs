//! Multipart uploads: a directory per upload, a file per part.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use s3s::dto::{CompletedPart, StreamingBlob};
use s3s::{S3Result, s3_error};

use super::body;
use super::disk::{Conditions, Disk, internal};

/// S3's smallest part but the last.
const PART_MIN_BYTES: u64 = 5 << 20;

/// S3's largest part number.
const PARTS_LIMIT: i32 = 10_000;

/// File that names the object an upload is for.
const TARGET_FILE: &str = "target";

pub(super) fn create(disk: &Disk, bucket: &str, key: &str) -> S3Result<String> {
    disk.path(bucket, key)?;
    let id = disk.unique();
    let folder = disk.upload_path(&id)?;
    fs::create_dir_all(&folder).map_err(internal)?;
    fs::write(folder.join(TARGET_FILE), format!("{bucket}/{key}")).map_err(internal)?;
    Ok(id)
}

/// Takes a part and answers its etag. The last body for a number counts.
pub(super) async fn receive(
    disk: &Disk,
    target: (&str, &str, &str),
    number: i32,
    body: Option<StreamingBlob>,
) -> S3Result<String> {
    let folder = folder(disk, target)?;
    if !(1..=PARTS_LIMIT).contains(&number) {
        return Err(s3_error!(InvalidArgument, "part numbers are 1 to {PARTS_LIMIT}"));
    }
    let temp = disk.temp_path();
    let (_, etag) = body::receive(body, temp.clone()).await?;
    // The etag is part of the name, so that completion needs to read no part to check it.
    for old in parts(&folder)?.into_iter().filter(|part| part.number == number) {
        fs::remove_file(old.path).map_err(internal)?;
    }
    fs::rename(temp, folder.join(format!("{number:05}.{etag}"))).map_err(gone)?;
    Ok(etag)
}

/// Joins the parts into the object, if the conditions hold; answers its etag.
pub(super) fn complete(
    disk: &Disk,
    target: (&str, &str, &str),
    wanted: &[CompletedPart],
    conditions: &Conditions,
) -> S3Result<String> {
    let folder = folder(disk, target)?;
    let present = parts(&folder)?;
    let mut chosen: Vec<&Part> = Vec::new();
    for part in wanted {
        let number = part.part_number.unwrap_or_default();
        let found = present.iter().find(|candidate| {
            candidate.number == number
                && part.e_tag.as_ref().is_none_or(|etag| etag.value() == candidate.etag)
        });
        let found =
            found.ok_or_else(|| s3_error!(InvalidPart, "part {number} was not uploaded with this etag"))?;
        if chosen.last().is_some_and(|last| last.number >= number) {
            return Err(s3_error!(InvalidPartOrder));
        }
        chosen.push(found);
    }
    let Some((_, all_but_last)) = chosen.split_last() else {
        return Err(s3_error!(InvalidRequest, "an upload is completed with at least one part"));
    };
    for part in all_but_last {
        if fs::metadata(&part.path).map_err(gone)?.len() < PART_MIN_BYTES {
            return Err(s3_error!(EntityTooSmall));
        }
    }
    let temp = disk.temp_path();
    let paths: Vec<PathBuf> = chosen.iter().map(|part| part.path.clone()).collect();
    let etag = body::concatenate(&paths, &temp).map_err(gone)?;
    let (bucket, key, _) = target;
    disk.commit(&temp, &etag, bucket, key, conditions)?;
    fs::remove_dir_all(folder).map_err(internal)?;
    Ok(etag)
}

pub(super) fn abort(disk: &Disk, target: (&str, &str, &str)) -> S3Result<()> {
    fs::remove_dir_all(folder(disk, target)?).map_err(gone)
}

/// A received part.
struct Part {
    number: i32,
    etag: String,
    path: PathBuf,
}

fn parts(folder: &Path) -> S3Result<Vec<Part>> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder).map_err(gone)? {
        let entry = entry.map_err(internal)?;
        let name = entry.file_name();
        let Some((number, etag)) = name.to_str().and_then(|name| name.split_once('.')) else { continue };
        if let Ok(number) = number.parse() {
            parts.push(Part { number, etag: etag.to_owned(), path: entry.path() });
        }
    }
    Ok(parts)
}

/// The directory of an upload that was begun for exactly this object.
fn folder(disk: &Disk, (bucket, key, id): (&str, &str, &str)) -> S3Result<PathBuf> {
    let folder = disk.upload_path(id)?;
    let target = fs::read_to_string(folder.join(TARGET_FILE)).map_err(gone)?;
    if target == format!("{bucket}/{key}") { Ok(folder) } else { Err(s3_error!(NoSuchUpload)) }
}

/// An upload whose files are gone was completed or aborted by somebody else.
fn gone(error: io::Error) -> s3s::S3Error {
    if error.kind() == io::ErrorKind::NotFound { s3_error!(NoSuchUpload) } else { internal(error) }
}
