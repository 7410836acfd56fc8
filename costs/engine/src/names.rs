use std::collections::HashMap;

/// A text's number in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Name(pub u32);

/// Texts, each kept once: keys of rollups are numbers, so that a million rows copy no text.
#[derive(Debug, Clone)]
pub struct Names {
    numbers: HashMap<String, Name>,
    texts: Vec<String>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self { numbers: HashMap::new(), texts: Vec::new() };
        names.of("");
        names
    }
}

impl Names {
    /// The number of the empty text.
    pub const NONE: Name = Name(0);

    /// The number of a text, a new one for a new text.
    pub fn of(&mut self, text: &str) -> Name {
        if let Some(name) = self.numbers.get(text) {
            return *name;
        }
        // 2^32 different names do not fit into memory; the last number would be shared.
        let name = Name(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), name);
        name
    }

    /// The text of a number.
    pub fn text(&self, name: Name) -> &str {
        self.texts.get(name.0 as usize).map_or("", String::as_str)
    }
}
