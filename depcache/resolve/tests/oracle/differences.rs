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
        name: "arbitrary-equality",
        example: || json!(["specifiers", "===1.00", grammar::PROBES]),
        holds: |question, _, _| !is("marker", question) && before_marker(question).contains("==="),
    },
    Known {
        name: "arbitrary-equality-in-markers",
        example: || marker("python_version === '3.11'"),
        holds: |question, ours, _| ours.is_null() && any_atom(question, |atom| atom.operator == "==="),
    },
    Known {
        name: "empty-parentheses",
        example: || json!(["specifiers", "()", grammar::PROBES]),
        holds: |question, ours, _| {
            let bare: String = before_marker(question).chars().filter(|c| !c.is_whitespace()).collect();
            ours.is_null() && bare.contains("()")
        },
    },
    Known {
        name: "addresses-are-read",
        example: || json!(["specifiers", "@ htpts://host.example/a.zip", grammar::PROBES]),
        holds: |question, ours, theirs| {
            before_marker(question).contains('@') && (ours.is_null() || theirs.is_null())
        },
    },
    Known {
        name: "names-that-end-with-a-sign",
        example: || json!(["requirement", "x[b_]", grammar::PROBES, []]),
        holds: |_, ours, theirs| {
            let extras = theirs["extras"].as_array().into_iter().flatten();
            let mut names = extras.chain([&theirs["name"]]).filter_map(Value::as_str);
            ours.is_null() && names.any(|name| name.starts_with('-') || name.ends_with('-'))
        },
    },
    Known {
        name: "mended-requires-python",
        example: || json!(["requires_python", ">=\"3.8\"", grammar::PYTHONS]),
        holds: |question, ours, theirs| {
            let text = question[1].as_str().unwrap().trim();
            let is_missed = ours.is_null()
                && (text.is_empty() || text.starts_with(',') || text.ends_with(',') || text.contains(",,"));
            is("requires_python", question) && (theirs.is_null() || is_missed)
        },
    },
    Known {
        name: "undefined-comparison",
        example: || marker("python_version ~= '3'"),
        holds: |question, _, _| {
            any_atom(question, |atom| {
                let is_defined =
                    is_version_key(atom.key) && is_plain_version(atom.value) && release_parts(atom.value) > 1;
                atom.operator == "~=" && !is_defined
            })
        },
    },
    Known {
        name: "no-blank-after-and",
        example: || marker("os_name == 'posix' and(python_version > '3')"),
        holds: |question, ours, _| {
            let glued = ["and(", "or(", "and'", "or'", "and\"", "or\""];
            ours.is_null() && glued.iter().any(|glued| question[1].as_str().unwrap().contains(glued))
        },
    },
    Known {
        name: "parts-that-python-version-has-not",
        example: || marker("python_version != '2.1.1.*'"),
        holds: |question, _, _| {
            any_atom(question, |atom| {
                let (prefix, is_prefix) = match atom.value.strip_suffix(".*") {
                    Some(prefix) => (prefix, true),
                    None => (atom.value, false),
                };
                let is_release = prefix.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
                atom.key == "python_version" && (!is_release || is_prefix && release_parts(prefix) > 2)
            })
        },
    },
    Known {
        name: "prefix-elsewhere",
        example: || marker("python_version < '3.*'"),
        holds: |question, _, _| {
            any_atom(question, |atom| {
                let is_understood = matches!(atom.operator, "==" | "!=") && !atom.is_reversed;
                atom.value.contains('*') && !is_understood
            })
        },
    },
    Known {
        name: "lists-of-versions",
        example: || marker("python_full_version in '3.10, 3.11'"),
        holds: |question, _, _| any_atom(question, |atom| atom.operator == "in" && is_version_key(atom.key)),
    },
    Known {
        name: "no-release-number",
        example: || marker("python_full_version < '1!2'"),
        holds: |question, _, _| {
            any_atom(question, |atom| {
                let prefix = atom.value.strip_suffix(".*").unwrap_or(atom.value);
                is_version_key(atom.key) && !is_plain_version(prefix)
            })
        },
    },
    Known {
        name: "release-candidates-of-python",
        example: || {
            let mut question = marker("python_full_version >= '3.13.0'");
            question[2]["python_full_version"] = json!("3.13.0rc1");
            question
        },
        holds: |question, _, _| {
            let environments = match question[0].as_str() {
                Some("marker") => std::slice::from_ref(&question[2]),
                _ => question[3].as_array().map(Vec::as_slice).unwrap_or_default(),
            };
            let is_candidate = |one: &Value| {
                let full = one["python_full_version"].as_str().unwrap_or_default();
                full.contains(|c: char| c.is_alphabetic())
            };
            environments.iter().any(is_candidate)
                && any_atom(question, |atom| {
                    matches!(atom.key, "python_full_version" | "implementation_version")
                })
        },
    },
    Known {
        name: "order-of-texts",
        example: || marker("platform_version < 'x'"),
        holds: |question, _, _| {
            any_atom(question, |atom| {
                matches!(atom.operator, "<" | "<=" | ">" | ">=") && !is_version_key(atom.key)
            })
        },
    },
    Known {
        name: "empty-extra",
        example: || marker("extra == ''"),
        holds: |question, _, _| {
            any_atom(question, |atom| {
                atom.key == "extra" && atom.value.parse::<uv_normalize::ExtraName>().is_err()
            })
        },
    },
    Known {
        name: "no-blank-after-not-in",
        example: || marker("'lin' not inplatform_version"),
        holds: |question, _, theirs| {
            let mut rests = question[1].as_str().unwrap().split("not in").skip(1);
            theirs.is_null() && rests.any(|rest| rest.starts_with(char::is_alphabetic))
        },
    },
    Known {
        name: "search-in-extra",
        example: || marker("extra not in 'x'"),
        holds: |question, _, _| any_atom(question, |atom| atom.key == "extra" && atom.operator == "in"),
    },
    Known {
        name: "release-of-the-kernel",
        example: || marker("platform_release != '6.1.0'"),
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
    is_reversed: bool,
}

fn is_version_key(key: &str) -> bool {
    grammar::VERSION_KEYS.contains(&key)
}

/// A version without epoch and local part, written without blanks.
fn is_plain_version(text: &str) -> bool {
    !text.contains(['!', '+'])
        && !text.contains(char::is_whitespace)
        && text.parse::<pep440_rs::Version>().is_ok()
}

fn release_parts(text: &str) -> usize {
    text.parse::<pep440_rs::Version>().map_or(0, |version| version.release().len())
}

fn is(kind: &str, question: &Value) -> bool {
    question[0] == kind
}

/// The requirement's text without its marker.
fn before_marker(question: &Value) -> &str {
    let text = question[1].as_str().unwrap();
    if is("requirement", question) { text.split(';').next().unwrap_or_default() } else { text }
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
        [Token::Word(key), Token::Operator(operator), Token::Text(value)] => {
            is(&Atom { key, operator, value, is_reversed: false })
        }
        [Token::Text(value), Token::Operator(operator), Token::Word(key)] => {
            is(&Atom { key, operator, value, is_reversed: true })
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
