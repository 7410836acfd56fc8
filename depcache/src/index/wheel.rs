//! Whole wheels: downloaded into the cache, hash-checked while they stream.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use domain::Digest;
use sha2::{Digest as _, Sha256};

use super::{Index, IndexError, IndexFile};

/// Bytes of one wheel at most; the largest public ones have about 3 GB.
const WHEEL_LIMIT_BYTES: u64 = 8 << 30;

impl Index {
    /// Path of the wheel `file` in the cache (or where it lies), downloaded when absent.
    ///
    /// `expected` is checked in addition to what the index promises.
    pub async fn wheel(&self, file: &IndexFile, expected: Option<Digest>) -> Result<PathBuf, IndexError> {
        if let (Some(promised), Some(expected)) = (file.sha256, expected)
            && promised != expected
        {
            return Err(IndexError::HashMismatch {
                filename: file.filename.clone(),
                expected,
                actual: promised,
            });
        }
        let wanted = expected.or(file.sha256);
        if let Some(path) = wanted.and_then(|sha| self.inner.cache.wheel(&sha, &file.filename)) {
            return Ok(path);
        }
        if file.url.scheme() == "file" {
            return self.local(file, wanted).await;
        }
        if self.inner.settings.offline {
            return Err(IndexError::Offline { url: file.url.to_string() });
        }
        let sink = Mutex::new((self.inner.cache.temporary()?, Sha256::new(), 0u64));
        let path = sink.lock().map(|sink| sink.0.path().to_owned()).unwrap_or_default();
        let disk = |source| IndexError::Disk { path: path.clone(), action: "written", source };
        let take = |piece: Option<&[u8]>| {
            let mut sink = sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (file_out, hash, size) = &mut *sink;
            let Some(bytes) = piece else {
                *hash = Sha256::new();
                *size = 0;
                let rewound = std::io::Seek::rewind(file_out.as_file_mut());
                return rewound.and_then(|()| file_out.as_file().set_len(0)).map_err(disk);
            };
            *size += bytes.len() as u64;
            if file.size.is_some_and(|promised| *size > promised) {
                return Err(size_mismatch(file, "more".into()));
            }
            if *size > WHEEL_LIMIT_BYTES {
                let (url, limit_bytes) = (file.url.to_string(), WHEEL_LIMIT_BYTES);
                return Err(IndexError::TooLarge { url, limit_bytes });
            }
            hash.update(bytes);
            file_out.write_all(bytes).map_err(disk)
        };
        self.inner.http.stream(&file.url, &take).await?;
        let (temporary, hash, size) = sink.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let actual = Digest::from_bytes(hash.finalize().into());
        check(&file.filename, wanted, actual)?;
        if file.size.is_some_and(|promised| promised != size) {
            return Err(size_mismatch(file, size.to_string()));
        }
        let path = self.inner.cache.wheel_path(&actual, &file.filename);
        self.inner.cache.persist(temporary, &path)?;
        Ok(path)
    }

    /// sha256 of a wheel whose index gives none: of the file itself, fetched for it.
    pub async fn wheel_digest(&self, file: &IndexFile) -> Result<Digest, IndexError> {
        hash_file(self.wheel(file, None).await?).await
    }

    pub(super) async fn wheel_of(&self, file: &IndexFile) -> Result<PathBuf, IndexError> {
        self.wheel(file, None).await
    }

    async fn local(&self, file: &IndexFile, wanted: Option<Digest>) -> Result<PathBuf, IndexError> {
        let path =
            file.url.to_file_path().map_err(|()| IndexError::NotFound { url: file.url.to_string() })?;
        let Some(wanted) = wanted else { return Ok(path) };
        let hashed = hash_file(path.clone()).await?;
        check(&file.filename, Some(wanted), hashed)?;
        Ok(path)
    }
}

/// sha256 of a file, off the async threads.
pub(super) async fn hash_file(path: PathBuf) -> Result<Digest, IndexError> {
    let shown = path.clone();
    let hashed = tokio::task::spawn_blocking(move || {
        let mut hash = Sha256::new();
        let mut file = std::fs::File::open(&path)?;
        let mut piece = vec![0; 256 << 10];
        loop {
            let length = std::io::Read::read(&mut file, &mut piece)?;
            if length == 0 {
                break;
            }
            hash.update(&piece[..length]);
        }
        Ok::<_, std::io::Error>(Digest::from_bytes(hash.finalize().into()))
    });
    hashed
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|source| IndexError::Disk { path: shown, action: "read", source })
}

fn size_mismatch(file: &IndexFile, actual: String) -> IndexError {
    let expected_bytes = file.size.unwrap_or_default();
    IndexError::SizeMismatch { filename: file.filename.clone(), expected_bytes, actual }
}

fn check(filename: &str, wanted: Option<Digest>, actual: Digest) -> Result<(), IndexError> {
    match wanted {
        Some(expected) if expected != actual => {
            Err(IndexError::HashMismatch { filename: filename.to_owned(), expected, actual })
        }
        _ => Ok(()),
    }
}
