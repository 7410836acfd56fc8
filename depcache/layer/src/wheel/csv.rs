//! RECORD: comma-separated rows of path, hash and size, as Python's `csv` module writes them.

use std::fmt::Write as _;

use domain::Digest;

/// One row of a RECORD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// Path relative to the directory that holds the `.dist-info`; may climb (`../../../bin/x`).
    pub path: String,
    /// `algorithm=urlsafe base64 without padding`; empty when there is none.
    pub hash: String,
    /// Bytes; empty when there is none.
    pub size: String,
}

/// Reads a RECORD. Rows with one or two columns are accepted, as installers in the field accept them.
///
/// ```
/// let rows = depcache_layer::parse_record("\"a,b.py\",sha256=x,3\r\nREADME,,\n");
/// assert_eq!((rows[0].path.as_str(), rows[1].path.as_str()), ("a,b.py", "README"));
/// ```
pub fn parse_record(text: &str) -> Vec<RecordRow> {
    let mut rows = Vec::new();
    let mut columns = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let last = columns.len() - 1;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                columns[last].push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => columns.push(String::new()),
            '\r' if !quoted => {}
            '\n' if !quoted => finish_row(&mut columns, &mut rows),
            other => columns[last].push(other),
        }
    }
    finish_row(&mut columns, &mut rows);
    rows
}

fn finish_row(columns: &mut Vec<String>, rows: &mut Vec<RecordRow>) {
    let mut row = std::mem::replace(columns, vec![String::new()]).into_iter();
    let path = row.next().unwrap_or_default();
    if !path.is_empty() {
        rows.push(RecordRow {
            path,
            hash: row.next().unwrap_or_default(),
            size: row.next().unwrap_or_default(),
        });
    }
}

/// Appends one row.
pub(crate) fn write_row(out: &mut String, path: &str, hash_and_size: Option<(&Digest, u64)>) {
    if path.contains([',', '"']) {
        let _infallible = write!(out, "\"{}\"", path.replace('"', "\"\""));
    } else {
        out.push_str(path);
    }
    match hash_and_size {
        Some((digest, size)) => {
            let _infallible = writeln!(out, ",{},{size}", record_hash(digest));
        }
        None => out.push_str(",,\n"),
    }
}

/// A digest as RECORD writes it: `sha256=` and URL-safe base64 without padding.
pub fn record_hash(digest: &Digest) -> String {
    format!("sha256={}", base64_url(&bytes_of(digest)))
}

fn bytes_of(digest: &Digest) -> Vec<u8> {
    let hex = digest.hex().into_bytes();
    let nibble = |c: u8| if c < b'a' { c - b'0' } else { c - b'a' + 10 };
    hex.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect()
}

/// URL-safe base64 without padding.
pub(super) fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().enumerate().fold(0u32, |word, (i, byte)| word | u32::from(*byte) << (16 - 8 * i));
        for i in 0..=chunk.len() {
            out.push(char::from(ALPHABET[(word >> (18 - 6 * i) & 63) as usize]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_paths_survive() {
        let mut text = String::new();
        write_row(&mut text, "a \"b\", c.py", Some((&Digest::of(b""), 0)));
        write_row(&mut text, "x.dist-info/RECORD", None);
        assert_eq!(
            text,
            "\"a \"\"b\"\", c.py\",sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\nx.dist-info/RECORD,,\n"
        );
        let rows = parse_record(&text);
        assert_eq!(rows[0].path, "a \"b\", c.py");
        assert_eq!(
            rows[1],
            RecordRow { path: "x.dist-info/RECORD".into(), hash: String::new(), size: String::new() }
        );
    }

    #[test]
    fn base64_has_no_padding() {
        assert_eq!(base64_url(b"f"), "Zg");
        assert_eq!(base64_url(b"fo"), "Zm8");
        assert_eq!(base64_url(b"foo"), "Zm9v");
        assert_eq!(base64_url(&[0xfb, 0xff]), "-_8");
    }
}
