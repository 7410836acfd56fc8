//! Where the resolver and `packaging` are known to differ. Every entry stands in
//! `docs/reference/python-versions-and-markers.md` with the same name.

use serde_json::{Value, json};

/// One known difference.
pub(crate) struct Known {
    /// As the document names it.
    pub(crate) name: &'static str,
    /// A question to which the answers differ.
    pub(crate) example: fn() -> Value,
    /// Whether question, our answer and theirs are of this kind.
    pub(crate) holds: fn(&Value, &Value, &Value) -> bool,
}

pub(crate) const KNOWN: &[Known] = &[];

/// The known difference that these answers show.
pub(crate) fn known(question: &Value, ours: &Value, theirs: &Value) -> Option<&'static Known> {
    KNOWN.iter().find(|known| (known.holds)(question, ours, theirs))
}

fn unused() -> Value {
    json!(null)
}
