//! The little HTML that index pages need: attributes of `<a>` and `<base>`, comments skipped.

use std::collections::BTreeMap;

/// What was found.
pub(super) struct Page {
    pub(super) base: Option<String>,
    pub(super) anchors: Vec<Anchor>,
}

/// Attributes of one `<a>`, names in lower case, values with character references resolved.
pub(super) struct Anchor(BTreeMap<String, String>);

impl Anchor {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Never fails: what is no tag is skipped, as browsers do.
pub(super) fn parse(text: &str) -> Page {
    let mut page = Page { base: None, anchors: Vec::new() };
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        rest = &rest[open + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let name_end =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '/' && c != '!').unwrap_or(rest.len());
        let name = rest[..name_end].to_ascii_lowercase();
        rest = &rest[name_end..];
        let attributes = take_attributes(&mut rest);
        match name.as_str() {
            "a" => page.anchors.push(Anchor(attributes)),
            "base" => page.base = page.base.or_else(|| attributes.get("href").cloned()),
            _ => {}
        }
    }
    page
}

fn take_attributes(rest: &mut &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    loop {
        *rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return found;
        }
        if let Some(after) = rest.strip_prefix('>') {
            *rest = after;
            return found;
        }
        let name_end = rest.find(|c: char| c.is_whitespace() || "=>/".contains(c)).unwrap_or(rest.len());
        if name_end == 0 {
            // A stray `=`: step over it, or this loop would never end.
            *rest = &rest[1..];
            continue;
        }
        let name = rest[..name_end].to_ascii_lowercase();
        *rest = rest[name_end..].trim_start();
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let (raw, left) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let body = &after[1..];
                    body.find(quote).map_or((body, ""), |end| (&body[..end], &body[end + 1..]))
                }
                _ => {
                    after.split_at(after.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(after.len()))
                }
            };
            value = unescaped(raw);
            *rest = left;
        }
        found.entry(name).or_insert(value);
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let reference = rest.find(';').filter(|end| *end <= 10).and_then(|end| {
            let name = &rest[1..end];
            let character = match name {
                "gt" => Some('>'),
                "lt" => Some('<'),
                "amp" => Some('&'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                _ => name
                    .strip_prefix('#')
                    .and_then(|number| match number.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok(),
                        None => number.parse().ok(),
                    })
                    .and_then(char::from_u32),
            };
            character.map(|c| (c, end + 1))
        });
        let (character, length) = reference.unwrap_or(('&', 1));
        out.push(character);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// `%2B` → `+`, as file names in links are written.
pub(super) fn percent_decoded(text: &str) -> String {
    super::credentials::percent_decoded(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes_in_every_notation() {
        let page =
            parse(r#"<base href="/x/"><A  HREF = 'a?b=1&amp;c' data-yanked  rel=z>t</a><a href=u&#62;v>"#);
        assert_eq!(page.base.as_deref(), Some("/x/"));
        assert_eq!(page.anchors[0].get("href"), Some("a?b=1&c"));
        assert_eq!(page.anchors[0].get("data-yanked"), Some(""));
        assert_eq!(page.anchors[0].get("rel"), Some("z"));
        assert_eq!(page.anchors[1].get("href"), Some("u>v"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_loop_or_panic(text in "[<>a=\"'/ &#;!-]{0,60}") {
            let _ = parse(&text);
        }
    }
}
