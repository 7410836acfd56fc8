use std::io::Write;

use tokio::io::{AsyncRead, AsyncReadExt, BufReader};

/// Lines that wait for their reader; then the reading of the output waits, which keeps lines rather than memory.
pub const OUTPUT_LINES: usize = 1_024;

/// A line longer than this is passed on whole, but only its start is looked at.
const LOOKED_AT_BYTES: usize = 64 << 10;

/// One line of a worker's output, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(pub String);

/// Cuts an output that comes in pieces into lines.
#[derive(Debug, Default)]
pub(super) struct LineCutter {
    line: Vec<u8>,
    /// Bytes since the last line end, also those that are not looked at.
    pending_bytes: u64,
}

impl LineCutter {
    /// The lines that end in `chunk`.
    pub(super) fn take(&mut self, chunk: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            let room = LOOKED_AT_BYTES.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            self.pending_bytes += part.len() as u64;
            if part.ends_with(b"\n") {
                let text = String::from_utf8_lossy(&self.line).trim_end_matches(['\n', '\r']).to_owned();
                self.line.clear();
                self.pending_bytes = 0;
                lines.push(Line(text));
            }
        }
        lines
    }

    /// Bytes of the line that has not ended yet.
    pub(super) fn pending_bytes(&self) -> u64 {
        self.pending_bytes
    }
}

/// Copies a child's output to the agent's stderr byte for byte. Ends with the output.
pub async fn pass_through(output: impl AsyncRead + Unpin) -> std::io::Result<()> {
    let mut reader = BufReader::new(output);
    let mut chunk = vec![0; 16 << 10];
    loop {
        let count = reader.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        // A component must not fail because nobody reads the agent's stderr.
        drop(std::io::stderr().write_all(&chunk[..count]));
    }
}
