use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::output::{Line, LineCutter};

/// Between two looks at the file: a begun task is known, and its log shipped, this much later at most.
const LOOK: Duration = Duration::from_millis(100);
/// After a read that failed.
const RETRY: Duration = Duration::from_secs(1);
/// One read.
const CHUNK_BYTES: usize = 64 << 10;
/// What was read is given back to the disk in steps of this size: the file stays this small on disk.
const RELEASE_BYTES: u64 = 1 << 20;
/// Disk space held for the worker's next lines: a disk that gets full must not make it fail at a log line.
const RESERVE_BYTES: u64 = 512 << 10;
/// The position is written down this often; after a kill that much is passed on twice.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// Where a worker writes: a file that outlives the agent. A pipe would end with the agent, and Celery's next log
/// line, and the task that caused it, with the pipe.
#[derive(Debug, Clone)]
pub struct Spool {
    path: PathBuf,
}

impl Spool {
    /// A spool at `path`; its position is kept beside it.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An empty file for a process that is about to start. What an earlier one left open is not in it.
    pub fn begin(&self) -> io::Result<File> {
        self.remove()?;
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create_new(true).append(true).open(&self.path)?;
        reserve(&file, 0);
        Ok(file)
    }

    /// What is written there, from where the last reader was; `None`: nothing was ever written.
    pub fn tail(&self) -> io::Result<Option<Tail>> {
        let file = match OpenOptions::new().read(true).write(true).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let saved = fs::read_to_string(self.position()).ok().and_then(|text| text.trim().parse().ok());
        // A position beyond the end is of another file.
        let position =
            saved.filter(|saved| file.metadata().is_ok_and(|data| *saved <= data.len())).unwrap_or(0);
        Ok(Some(Tail {
            file,
            position,
            released: position,
            reserved: 0,
            saved: position,
            saved_at: Instant::now(),
            record: self.position(),
            lines: LineCutter::default(),
        }))
    }

    /// Forgets file and position.
    pub fn remove(&self) -> io::Result<()> {
        for path in [&self.position(), &self.path] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn position(&self) -> PathBuf {
        let mut path = self.path.as_os_str().to_owned();
        path.push(".read");
        path.into()
    }
}

/// A reader of a [`Spool`].
#[derive(Debug)]
pub struct Tail {
    file: File,
    position: u64,
    released: u64,
    reserved: u64,
    saved: u64,
    saved_at: Instant,
    record: PathBuf,
    lines: LineCutter,
}

impl Tail {
    /// Copies what is new, up to a chunk, to the agent's stderr and answers its whole lines; `None`: nothing new.
    pub fn read(&mut self) -> io::Result<Option<Vec<Line>>> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let count = self.file.read_at(&mut chunk, self.position)?;
        if count == 0 {
            self.keep(false);
            return Ok(None);
        }
        // A worker must not fail because nobody reads the agent's stderr.
        drop(std::io::stderr().write_all(&chunk[..count]));
        self.position += count as u64;
        self.keep(false);
        Ok(Some(self.lines.take(&chunk[..count])))
    }

    /// Bounds the file and remembers the position. All of it is a service: a failure costs disk or repeated lines.
    fn keep(&mut self, last: bool) {
        if self.position.saturating_sub(self.released) >= RELEASE_BYTES {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            if let Err(error) = fallocate(&self.file, flags, self.released, self.position - self.released) {
                tracing::debug!(%error, "the worker's output is not given back to the disk");
            }
            self.released = self.position;
        }
        if self.position + RESERVE_BYTES / 2 >= self.reserved {
            reserve(&self.file, self.position);
            self.reserved = self.position + RESERVE_BYTES;
        }
        if self.saved != self.position && (last || self.saved_at.elapsed() >= SAVE_EVERY) {
            // Between whole lines: what comes after it is read again.
            let position = self.position - self.lines.pending_bytes();
            let temporary = self.record.with_extension("new");
            if let Err(error) = fs::write(&temporary, position.to_string())
                .and_then(|()| fs::rename(&temporary, &self.record))
            {
                tracing::debug!(%error, "the position in the worker's output is not remembered");
            }
            (self.saved, self.saved_at) = (self.position, Instant::now());
        }
    }
}

fn reserve(file: &File, from: u64) {
    if let Err(error) = fallocate(file, FallocateFlags::KEEP_SIZE, from, RESERVE_BYTES) {
        tracing::debug!(%error, "no disk space is held for the worker's output");
    }
}

/// Hands on the lines of a worker until `ended`, then what is left.
pub async fn follow(tail: Tail, lines: mpsc::Sender<Line>, ended: CancellationToken) -> io::Result<()> {
    let mut tail = Some(tail);
    loop {
        let last = ended.is_cancelled();
        while let Some(mut reading) = tail.take() {
            let read = move || (reading.read(), reading);
            let (found, reading) = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?;
            tail = Some(reading);
            let found = match found {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(error) if last => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "the worker's output cannot be read; trying again");
                    tokio::time::sleep(RETRY).await;
                    break;
                }
            };
            for line in found {
                if lines.send(line).await.is_err() {
                    return Ok(());
                }
            }
        }
        if last {
            if let Some(tail) = &mut tail {
                tail.keep(true);
            }
            return Ok(());
        }
        // Either way it is time to look again.
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = ended.cancelled() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn all(tail: &mut Tail) -> Vec<String> {
        let mut found = Vec::new();
        while let Some(lines) = tail.read().unwrap() {
            found.extend(lines.into_iter().map(|line| line.0));
        }
        found
    }

    #[test]
    fn the_next_reader_goes_on_at_a_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::at(dir.path().join("w.output"));
        assert!(spool.tail().unwrap().is_none());
        let mut worker = spool.begin().unwrap();
        worker.write_all(b"one\ntwo\nthr").unwrap();
        let mut first = spool.tail().unwrap().unwrap();
        assert_eq!(all(&mut first), ["one", "two"]);
        first.keep(true);
        worker.write_all(b"ee\nfour\n").unwrap();
        assert_eq!(all(&mut spool.tail().unwrap().unwrap()), ["three", "four"]);
        // A new worker begins anew.
        spool.begin().unwrap().write_all(b"five\n").unwrap();
        assert_eq!(all(&mut spool.tail().unwrap().unwrap()), ["five"]);
    }

    #[test]
    fn what_was_read_takes_no_disk() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::at(dir.path().join("w.output"));
        let mut worker = spool.begin().unwrap();
        let mut tail = spool.tail().unwrap().unwrap();
        let line = format!("{}\n", "x".repeat(1023));
        for _ in 0..8 {
            (0..1024).for_each(|_| worker.write_all(line.as_bytes()).unwrap());
            assert_eq!(all(&mut tail).len(), 1024);
        }
        let file = fs::metadata(spool.path()).unwrap();
        assert_eq!(file.len(), 8 << 20);
        assert!(file.blocks() * 512 <= 3 << 20, "{} bytes on disk", file.blocks() * 512);
    }
}
