use serde::{Deserialize, Serialize};

/// The highest value of the last while. Holds at most one entry for each distinct value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HighWater {
    /// (when, value): times grow, values fall.
    entries: Vec<(u64, u32)>,
}

impl HighWater {
    /// Adds what is wanted now and forgets what is older than `span_ms`.
    pub fn push(&mut self, now_ms: u64, value: u32, span_ms: u64) {
        // A value that lasts keeps its place: only its latest sight counts.
        while self.entries.last().is_some_and(|&(_, last)| last <= value) {
            self.entries.pop();
        }
        self.entries.push((now_ms, value));
        self.entries.retain(|&(at, _)| at + span_ms > now_ms || at == now_ms);
    }

    /// The highest value, and when it was seen last.
    pub fn highest(&self) -> Option<(u64, u32)> {
        self.entries.first().copied()
    }

    /// Whether nothing was pushed yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_of_the_span_counts() {
        let mut window = HighWater::default();
        for (at, value, highest) in [(0, 3, 3), (5, 1, 3), (9, 2, 3), (10, 0, 2), (18, 0, 2), (19, 0, 0)] {
            window.push(at, value, 10);
            assert_eq!(window.highest().map(|(_, value)| value), Some(highest), "at {at}");
        }
    }

    #[test]
    fn constant_values_take_one_entry() {
        let mut window = HighWater::default();
        for at in 0..1000 {
            window.push(at, 7, 100);
        }
        assert_eq!(window.entries, [(999, 7)]);
    }
}
