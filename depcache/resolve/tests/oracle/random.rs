//! Numbers that look random and are the same in every run.

/// SplitMix64: small, good enough to pick among grammar rules, and its sequence never changes.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// True once in `times`.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// Text with a few characters taken out, put in, doubled or exchanged.
    pub(crate) fn mutated(&mut self, text: &str) -> String {
        const ALPHABET: &str = " \t()[]<>=!~.,;'\"@0159abcrvxdeposty-_+*/:AV\u{e9}\u{660}";
        let mut characters: Vec<char> = text.chars().collect();
        for _ in 0..=self.below(2) {
            let at = self.below(characters.len() + 1);
            let new = ALPHABET.chars().nth(self.below(ALPHABET.chars().count())).unwrap();
            match self.below(4) {
                0 if at < characters.len() => drop(characters.remove(at)),
                1 if at < characters.len() => characters[at] = new,
                2 if at + 1 < characters.len() => characters.swap(at, at + 1),
                _ => characters.insert(at, new),
            }
        }
        characters.into_iter().collect()
    }
}
