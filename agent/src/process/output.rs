use std::io::Write;

use tokio::io::{AsyncRead, AsyncReadExt, BufReader};
use tokio::sync::mpsc;

/// Lines that wait for their reader. The worker is held up for a moment when it writes faster than they are
/// read, which keeps lines rather than memory.
pub const OUTPUT_LINES: usize = 1_024;

/// A line longer than this is passed on whole, but only its start is looked at.
const LOOKED_AT_BYTES: usize = 64 << 10;

/// One line of a child's output, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(pub String);

/// Copies a child's output to the agent's stderr byte for byte and hands on its lines. Ends with the output.
pub async fn pass_through(
    output: impl AsyncRead + Unpin,
    lines: Option<mpsc::Sender<Line>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(output);
    let mut chunk = vec![0; 16 << 10];
    let mut line = Vec::new();
    loop {
        let count = reader.read(&mut chunk).await?;
        if count == 0 {
            break;
        }
        // A worker must not fail because nobody reads the agent's stderr.
        drop(std::io::stderr().write_all(&chunk[..count]));
        let Some(lines) = &lines else { continue };
        for part in chunk[..count].split_inclusive(|byte| *byte == b'\n') {
            let room = LOOKED_AT_BYTES.saturating_sub(line.len());
            line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
                line.clear();
                if lines.send(Line(text)).await.is_err() {
                    tracing::debug!("nobody looks at the output any more");
                }
            }
        }
    }
    Ok(())
}
