//! Numbers, texts and digests as bytes; a checksum over all of them.

use std::ops::Range;

use domain::Digest;

/// Form and checksum.
const HEAD_BYTES: usize = 9;

/// Reads what [`Writer`] wrote. Every answer is `None` when bytes are missing.
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Behind form and checksum, when both are right.
    pub(super) fn checked(bytes: &'b [u8], form: u8) -> Option<Self> {
        let (head, body) = bytes.split_at_checked(HEAD_BYTES)?;
        let sum = u64::from_le_bytes(head[1..].try_into().ok()?);
        (head[0] == form && sum == checksum(body)).then_some(Self { bytes, at: HEAD_BYTES })
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let bytes = self.skip(8)?;
        Some(i64::from_le_bytes(self.bytes.get(bytes)?.try_into().ok()?))
    }

    /// Where the next `length` bytes lie.
    pub(super) fn skip(&mut self, length: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        let range = self.at..end;
        self.at = end;
        Some(range)
    }

    /// Where the next text lies.
    pub(super) fn range(&mut self) -> Option<Range<usize>> {
        let length = usize::try_from(self.number()?).ok()?;
        self.skip(length)
    }

    pub(super) fn text(&mut self) -> Option<&'b str> {
        let range = self.range()?;
        std::str::from_utf8(self.bytes.get(range)?).ok()
    }

    pub(super) fn digest(&mut self) -> Option<Digest> {
        let range = self.skip(32)?;
        Some(Digest::from_bytes(self.bytes.get(range)?.try_into().ok()?))
    }
}

/// Writes what [`Reader`] reads.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                return self.0.push(low & 0x7f);
            }
            self.0.push(low | 0x80);
        }
    }

    pub(super) fn signed(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn digest(&mut self, digest: &Digest) {
        self.0.extend_from_slice(digest.as_bytes());
    }
}

/// `body` behind its form and checksum.
pub(super) fn sealed(form: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.push(form);
    bytes.extend_from_slice(&checksum(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Against torn files, not against people: whoever writes into the cache can write wheels too. Four lanes, so that
/// the processor can work on them at once.
fn checksum(bytes: &[u8]) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| (state ^ word).wrapping_mul(STEP).rotate_left(29);
    let word = |bytes: &[u8]| {
        let mut padded = [0; 8];
        padded[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(padded)
    };
    let mut lanes = [1u64, 2, 3, 4];
    let mut pieces = bytes.chunks_exact(32);
    for piece in &mut pieces {
        for (lane, part) in lanes.iter_mut().zip(piece.chunks_exact(8)) {
            *lane = mix(*lane, word(part));
        }
    }
    for part in pieces.remainder().chunks(8) {
        lanes[0] = mix(lanes[0], word(part));
    }
    lanes.into_iter().fold(bytes.len() as u64, mix)
}
