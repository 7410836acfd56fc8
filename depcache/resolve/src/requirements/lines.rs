//! Bytes to logical lines: encoding, continuation, comments; as pip reads them.

/// A logical line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// First physical line, from 1.
    pub(super) number: usize,
    /// Last physical line.
    pub(super) last: usize,
    /// Joined text without comment and surrounding white space; never empty.
    pub(super) text: String,
}

/// Text of a file: UTF-8, or UTF-16 or UTF-32 with byte order mark. `None`: none of them.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        if !rest.is_empty() {
            return None;
        }
        String::from_utf16(&pairs.iter().map(|pair| unit(*pair)).collect::<Vec<_>>()).ok()
    };
    let full = |bytes: &[u8], unit: fn([u8; 4]) -> u32| {
        let (words, rest) = bytes.as_chunks::<4>();
        let text = words.iter().map(|word| char::from_u32(unit(*word))).collect::<Option<String>>();
        text.filter(|_| rest.is_empty())
    };
    match bytes {
        // Before UTF-16: the mark of the one begins with that of the other.
        [0xFF, 0xFE, 0, 0, rest @ ..] => full(rest, u32::from_le_bytes),
        [0, 0, 0xFE, 0xFF, rest @ ..] => full(rest, u32::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

/// Physical lines with their ends: `\n`, `\r\n` and, as old Macs wrote, `\r`.
pub(crate) fn physical(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest
            .find(['\n', '\r'])
            .map_or(rest.len(), |at| at + if rest[at..].starts_with("\r\n") { 2 } else { 1 });
        let (line, after) = rest.split_at(end);
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

/// Splits into logical lines.
pub(super) fn logical(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut last = 0;
    for (index, line) in physical(text).enumerate() {
        let line = line.trim_end_matches(['\n', '\r']);
        last = index + 1;
        let (number, mut joined) = open.take().unwrap_or((last, String::new()));
        // A comment line ends a continuation, even when it ends with a backslash.
        if line.trim_start().starts_with('#') {
            joined.push(' ');
            joined.push_str(line);
        } else if let Some(continued) = line.strip_suffix('\\') {
            joined.push_str(continued);
            open = Some((number, joined));
            continue;
        } else {
            joined.push_str(line);
        }
        push(&mut lines, number, last, &joined);
    }
    if let Some((number, joined)) = open {
        push(&mut lines, number, last, &joined);
    }
    lines
}

fn push(lines: &mut Vec<Line>, number: usize, last: usize, joined: &str) {
    let text = without_comment(joined).trim();
    if !text.is_empty() {
        lines.push(Line { number, last, text: text.to_owned() });
    }
}

/// A comment starts at `#` at the beginning or after white space: `pkg#egg` is none.
pub(crate) fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        if character == '#' && before.is_whitespace() {
            return &line[..at];
        }
        before = character;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(usize, usize, String)> {
        logical(text).into_iter().map(|line| (line.number, line.last, line.text)).collect()
    }

    #[test]
    fn joins_continuations_with_either_line_end() {
        let lines = texts("a==1 \\\r\n  --hash=sha256:00\r\nb\n");
        assert_eq!(lines, [(1, 2, "a==1   --hash=sha256:00".into()), (3, 3, "b".into())]);
    }

    #[test]
    fn every_line_end_ends_a_line() {
        assert_eq!(
            texts("a\rb\r\nc\n\nd"),
            [(1, 1, "a".into()), (2, 2, "b".into()), (3, 3, "c".into()), (5, 5, "d".into())]
        );
        assert_eq!(physical("a\r\n\rb").collect::<Vec<_>>(), ["a\r\n", "\r", "b"]);
    }

    #[test]
    fn a_comment_needs_white_space_before_it() {
        assert_eq!(texts("a#b\na #b\n#c\n  # d\n"), [(1, 1, "a#b".into()), (2, 2, "a".into())]);
    }

    #[test]
    fn a_comment_line_ends_a_continuation() {
        assert_eq!(texts("a\\\n# c \\\nb"), [(1, 2, "a".into()), (3, 3, "b".into())]);
    }

    #[test]
    fn an_open_continuation_at_the_end_counts() {
        assert_eq!(texts("a\\"), [(1, 1, "a".into())]);
    }

    #[test]
    fn byte_order_marks() {
        assert_eq!(decode(b"\xEF\xBB\xBFa").as_deref(), Some("a"));
        assert_eq!(decode(b"\xFF\xFEa\0").as_deref(), Some("a"));
        assert_eq!(decode(b"\xFE\xFF\0a").as_deref(), Some("a"));
        assert_eq!(decode(b"\xFE\xFF\0"), None);
        assert_eq!(decode(b"\xFF"), None);
        assert_eq!(decode(b"\xFF\xFE\0\0a\0\0\0").as_deref(), Some("a"));
        assert_eq!(decode(b"\0\0\xFE\xFF\0\0\0a").as_deref(), Some("a"));
    }
}
