//! Where the resolver and `packaging` are known to differ. Every entry stands in
//! `docs/reference/python-versions-and-markers.md` with the same name.

use serde_json::{Value, json};

use crate::grammar;

/// One known difference.
pub(crate) struct Known {
    /// As the document names it.
    pub(crate) name: &'static str,
    /// A question to which the answers differ.
    pub(crate) example: fn() -> Value,
    /// Whether question, our answer and theirs are of this kind.
    pub(crate) holds: fn(&Value, &Value, &Value) -> bool,
}

pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: "arbitrary-equality-in-markers",
        example: || marker("python_version === '3.11'"),
        holds: |question, ours, _| ours.is_null() && any_atom(question, |atom| atom.operator == "==="),
    },
    Known {
        name: "undefined-comparison",
        example: || marker("python_version ~= '3'"),
        holds: |question, _, _| {
            any_atom(question, |atom| {
                atom.operator == "~=" && (!is_version(atom.value) || !atom.value.contains('.'))
            })
        },
    },
    Known {
        name: "prefix-with-order",
        example: || marker("python_version < '3.*'"),
        holds: |question, _, _| {
            any_atom(question, |atom| {
                matches!(atom.operator, "<" | "<=" | ">" | ">=") && atom.value.contains('*')
            })
        },
    },
    Known {
        name: "lists-of-versions",
        example: || marker("python_full_version in '3.10, 3.11'"),
        holds: |question, _, _| {
            any_atom(question, |atom| atom.operator.ends_with("in") && is_version_key(atom.key))
        },
    },
    Known {
        name: "release-of-the-kernel",
        example: || marker("platform_release >= '6'"),
        holds: |question, _, _| any_atom(question, |atom| atom.key == "platform_release"),
    },
];

/// The known difference that these answers show.
pub(crate) fn known(question: &Value, ours: &Value, theirs: &Value) -> Option<&'static Known> {
    KNOWN.iter().find(|known| (known.holds)(question, ours, theirs))
}

fn marker(text: &str) -> Value {
    let environment = json!({
        "implementation_name": "cpython",
        "implementation_version": "3.11.7",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "6.1.0-18-amd64",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": "3.11.7",
        "python_version": "3.11",
        "sys_platform": "linux",
    });
    json!(["marker", text, environment, ""])
}

/// One comparison of a marker.
struct Atom<'a> {
    key: &'a str,
    operator: &'a str,
    value: &'a str,
}

fn is_version_key(key: &str) -> bool {
    grammar::VERSION_KEYS.contains(&key)
}

fn is_version(text: &str) -> bool {
    text.parse::<pep440_rs::Version>().is_ok()
}

/// Whether a comparison of the question's marker is such a one. Damaged texts have comparisons too, roughly.
fn any_atom(question: &Value, is: impl Fn(&Atom<'_>) -> bool) -> bool {
    let text = question[1].as_str().unwrap();
    let text = match question[0].as_str() {
        Some("marker") => text,
        Some("requirement") => text.split_once(';').map_or("", |(_, marker)| marker),
        _ => "",
    };
    let tokens = tokens(text);
    tokens.windows(3).any(|three| match three {
        [Token::Word(key), Token::Operator(operator), Token::Text(value)]
        | [Token::Text(value), Token::Operator(operator), Token::Word(key)] => {
            is(&Atom { key, operator, value })
        }
        _ => false,
    })
}

#[derive(Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Operator(&'a str),
    Text(&'a str),
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end_of = |is: fn(char) -> bool| rest.find(|c: char| !is(c)).unwrap_or(rest.len());
        let end = match first {
            '\'' | '"' => {
                let end = rest[1..].find(first).map_or(rest.len(), |at| at + 2);
                found.push(Token::Text(rest[1..end].trim_end_matches(first)));
                end
            }
            '<' | '>' | '=' | '!' | '~' => {
                let end = end_of(|c| "<>=!~".contains(c));
                found.push(Token::Operator(&rest[..end]));
                end
            }
            _ if first.is_alphanumeric() || first == '_' => {
                let end = end_of(|c| c.is_alphanumeric() || "_.".contains(c));
                match &rest[..end] {
                    "not" => {}
                    "in" => found.push(Token::Operator("in")),
                    word => found.push(Token::Word(word)),
                }
                end
            }
            other => other.len_utf8(),
        };
        rest = rest[end..].trim_start();
    }
    found
}
