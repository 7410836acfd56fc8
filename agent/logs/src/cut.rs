//! Where a log's bytes are cut into parts, and what of them is sent.

use std::borrow::Cow;

use domain::log_part::SEAL_SIZE_BYTES;

/// How much goes into one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// A part is full at this size.
    pub(crate) part_bytes: usize,
    /// A line longer than this is sent before its end has come: people wait for it.
    pub(crate) line_bytes: usize,
}

impl Limits {
    #[expect(clippy::cast_possible_truncation, reason = "5 MiB fits in any usize")]
    pub(crate) const DEFAULT: Self = Self { part_bytes: SEAL_SIZE_BYTES as usize, line_bytes: 1 << 20 };

    /// Bytes to look at for one part: one more than it may hold shows that it is full.
    pub(crate) const fn window_bytes(self) -> usize {
        self.part_bytes + 1
    }
}

/// What to make of a part's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// How many of the bytes belong to the part; never fewer than were sent before.
    pub(crate) length: usize,
    /// Whether the part is full: what follows begins the next one.
    pub(crate) sealed: bool,
}

/// Cuts a part off `bytes`, which begin where the part begins and hold at most [`Limits::window_bytes`].
///
/// `sent` bytes are in the store already. `over`: nothing will follow, so that an unfinished last line
/// goes too; else the cut is after a newline (or, in an overlong line, between characters).
pub(crate) fn cut(bytes: &[u8], sent: usize, over: bool, limits: Limits) -> Cut {
    let full = bytes.len() > limits.part_bytes;
    let window = &bytes[..bytes.len().min(limits.part_bytes)];
    let new = &window[sent.min(window.len())..];
    let after_newline = new.iter().rposition(|byte| *byte == b'\n').map(|at| sent + at + 1);
    let length = match after_newline {
        _ if over && !full => window.len(),
        Some(length) => length,
        // Full, and all that is new is the beginning of a line: it fits into the next part whole,
        // unless there is nothing else in this one.
        None if full && sent > 0 => sent,
        None if full || new.len() > limits.line_bytes => sent.max(between_characters(window)),
        None => sent,
    };
    Cut { length, sealed: full }
}

/// The longest prefix that does not end inside a UTF-8 character.
fn between_characters(bytes: &[u8]) -> usize {
    // A character has at most three continuation bytes; more of them are no UTF-8 anyway.
    let lead = bytes.iter().rev().take(4).position(|byte| byte & 0b1100_0000 != 0b1000_0000);
    match lead {
        // A lead byte whose character is not complete: cut before it.
        Some(back) if std::str::from_utf8(&bytes[bytes.len() - back - 1..]).is_err() => {
            bytes.len() - back - 1
        }
        _ => bytes.len(),
    }
}

/// What is sent for a part's bytes: Airflow shows an error instead of a log that is not UTF-8.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, [u8]> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(_) => Cow::Borrowed(bytes),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// How many of `bytes` became `sent` (the store's content of this part); `None` when it is something else.
pub(crate) fn sent_length(bytes: &[u8], sent: &[u8]) -> Option<usize> {
    if bytes.starts_with(sent) {
        return Some(sent.len());
    }
    let (mut length, mut rest) = (0, sent);
    while !rest.is_empty() {
        let line = bytes[length..].split_inclusive(|byte| *byte == b'\n').next()?;
        rest = rest.strip_prefix(&*text(line))?;
        length += line.len();
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Small, so that every rule shows in a few bytes.
    const SMALL: Limits = Limits { part_bytes: 40, line_bytes: 20 };

    fn cut(bytes: &[u8], sent: usize, over: bool) -> Cut {
        super::cut(bytes, sent, over, SMALL)
    }

    #[test]
    fn a_running_log_is_cut_after_its_last_newline() {
        assert_eq!(cut(b"a\nb\nc", 0, false), Cut { length: 4, sealed: false });
        assert_eq!(cut(b"a\nb\nc", 4, false), Cut { length: 4, sealed: false });
        assert_eq!(cut(b"abc", 0, false), Cut { length: 0, sealed: false });
        assert_eq!(cut(b"", 0, false), Cut { length: 0, sealed: false });
    }

    #[test]
    fn a_finished_log_is_sent_to_its_last_byte() {
        assert_eq!(cut(b"a\nb", 2, true), Cut { length: 3, sealed: false });
        // It was not over after all: the line goes on in the same part.
        assert_eq!(cut(b"a\nb c", 3, false), Cut { length: 3, sealed: false });
        assert_eq!(cut(b"a\nb c\n", 3, false), Cut { length: 6, sealed: false });
    }

    #[test]
    fn a_full_part_ends_at_a_line() {
        let mut bytes = [b'x'; 41];
        bytes[30] = b'\n';
        assert_eq!(cut(&bytes, 0, true), Cut { length: 31, sealed: true });
        assert_eq!(cut(&bytes, 31, false), Cut { length: 31, sealed: true });
        assert_eq!(cut(&bytes[..40], 31, true), Cut { length: 40, sealed: false });
    }

    #[test]
    fn an_overlong_line_is_cut_between_characters() {
        let line = "日".repeat(20);
        assert_eq!(cut(&line.as_bytes()[..20], 0, false), Cut { length: 0, sealed: false });
        assert_eq!(cut(&line.as_bytes()[..22], 0, false), Cut { length: 21, sealed: false });
        assert_eq!(cut(&line.as_bytes()[..41], 0, false), Cut { length: 39, sealed: true });
    }

    #[test]
    fn what_is_no_utf8_is_replaced() {
        assert_eq!(&*text(b"a\xff\n"), "a\u{fffd}\n".as_bytes());
        assert_eq!(sent_length(b"a\xff\nb\nc\n", "a\u{fffd}\nb\n".as_bytes()), Some(5));
        assert_eq!(sent_length(b"a\nb\n", b"a\nc\n"), None);
        assert_eq!(sent_length(b"a\n", b"a\nb\n"), None);
    }

    proptest! {
        #[test]
        fn what_was_sent_is_found_again(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200)) {
            let Cut { length, .. } = cut(&bytes, 0, false);
            let sent = text(&bytes[..length]);
            prop_assert!(std::str::from_utf8(&sent).is_ok());
            let found = sent_length(&bytes, &sent).unwrap();
            prop_assert_eq!(&*text(&bytes[..found]), &*sent);
        }

        #[test]
        fn a_cut_is_never_before_what_was_sent(bytes in "[a\nü]{0,60}", sent in 0usize..60, over: bool) {
            let sent = sent.min(bytes.len());
            let Cut { length, .. } = cut(bytes.as_bytes(), sent, over);
            prop_assert!(length >= sent && length <= bytes.len());
            prop_assert!(length == sent || over || bytes.as_bytes()[length - 1] == b'\n');
        }
    }
}
