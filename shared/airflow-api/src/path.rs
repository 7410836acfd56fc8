//! Path segments: run ids contain `+`, `:` and anything else.

/// One path segment, percent-encoded: everything but RFC 3986's unreserved characters.
pub(crate) fn segment(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.push('%');
            out.extend(digits.map(char::from));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn reserved_characters_do_not_leave_the_segment() {
        assert_eq!(segment("manual__2026-11-23T03:00:00+00:00"), "manual__2026-11-23T03%3A00%3A00%2B00%3A00");
        assert_eq!(segment("../a?b#c"), "..%2Fa%3Fb%23c");
        assert_eq!(segment("é"), "%C3%A9");
    }
}
