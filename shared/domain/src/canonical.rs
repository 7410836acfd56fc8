//! Canonical JSON: RFC 8785 (JCS) without floating-point numbers.
//!
//! Keys are sorted by their UTF-16 code units, no white space, minimal escapes, integers only.

use serde::Serialize;
use serde_json::Value;

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The value could not be turned into JSON at all.
    #[error("the value cannot be written as JSON")]
    Serialize(#[source] serde_json::Error),
    /// Floating-point numbers have no place in an identity.
    #[error("the number {number} at {path} is not an integer; identities hold integers only")]
    Float {
        /// JSON pointer to the number.
        path: String,
        /// The number as JSON would print it.
        number: String,
    },
}

/// Serialises `value` canonically.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let value = serde_json::to_value(value).map_err(CanonicalError::Serialize)?;
    let mut out = Vec::new();
    write(&value, &mut String::new(), &mut out)?;
    Ok(out)
}

fn write(value: &Value, path: &mut String, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Number(number) if number.is_f64() => {
            return Err(CanonicalError::Float { path: path.clone(), number: number.to_string() });
        }
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => write_string(text, out)?,
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                nested(item, &index.to_string(), path, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            out.push(b'{');
            for (index, (key, item)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(key, out)?;
                out.push(b':');
                nested(item, key, path, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn nested(item: &Value, step: &str, path: &mut String, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    let length = path.len();
    path.push('/');
    path.push_str(step);
    write(item, path, out)?;
    path.truncate(length);
    Ok(())
}

// serde_json escapes exactly what RFC 8785 §3.2.2.2 escapes, in the same forms.
fn write_string(text: &str, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    serde_json::to_writer(&mut *out, text).map_err(CanonicalError::Serialize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn text(value: &Value) -> String {
        String::from_utf8(to_bytes(value).unwrap()).unwrap()
    }

    #[test]
    fn keys_are_sorted_by_utf16_code_units_as_in_rfc_8785() {
        // The example of RFC 8785 §3.2.3, as literals: U+1F600 sorts before U+FB33 by UTF-16.
        let value =
            json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7});
        assert_eq!(
            text(&value),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn strings_are_escaped_minimally() {
        assert_eq!(
            text(&json!("\u{20ac}$\u{f}\nA'B\"\\\\\"/")),
            "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\""
        );
    }

    #[test]
    fn floats_are_refused_with_their_place() {
        let error = to_bytes(&json!({"a": [1, {"b": 1.5}]})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the number 1.5 at /a/1/b is not an integer; identities hold integers only"
        );
    }

    proptest! {
        #[test]
        fn canonical_bytes_parse_back_to_the_same_value(keys in proptest::collection::btree_map(".{0,6}", -5i64..5, 0..6)) {
            let value = json!({"m": keys, "n": null, "t": true});
            let bytes = to_bytes(&value).unwrap();
            prop_assert_eq!(&serde_json::from_slice::<Value>(&bytes).unwrap(), &value);
            prop_assert_eq!(to_bytes(&serde_json::from_slice::<Value>(&bytes).unwrap()).unwrap(), bytes);
        }
    }
}
