use std::collections::BTreeMap;

/// Sequence numbers seen, as runs without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seqs {
    /// First → last of each run; runs neither overlap nor touch.
    runs: BTreeMap<u64, u64>,
}

impl Seqs {
    /// Runs that were stored.
    pub fn from_runs(runs: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut seqs = Self::default();
        for (first, last) in runs {
            seqs.add(first, last);
        }
        seqs
    }

    /// The runs, ascending.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.runs.iter().map(|(&first, &last)| (first, last))
    }

    /// Whether the number was seen.
    pub fn contains(&self, seq: u64) -> bool {
        self.runs.range(..=seq).next_back().is_some_and(|(_, &last)| seq <= last)
    }

    /// Takes a number; `false` when it was seen before.
    pub fn insert(&mut self, seq: u64) -> bool {
        if self.contains(seq) {
            return false;
        }
        self.add(seq, seq);
        true
    }

    fn add(&mut self, mut first: u64, mut last: u64) {
        let touching: Vec<u64> = self
            .runs
            .range(..=last.saturating_add(1))
            .rev()
            .take_while(|&(_, &end)| end.saturating_add(1) >= first)
            .map(|(&start, _)| start)
            .collect();
        for start in touching {
            if let Some(end) = self.runs.remove(&start) {
                (first, last) = (first.min(start), last.max(end));
            }
        }
        self.runs.insert(first, last);
    }

    /// How many numbers between the first and the last seen are missing.
    pub fn missing(&self) -> u64 {
        let runs: Vec<_> = self.runs().collect();
        runs.windows(2).map(|pair| pair[1].0 - pair[0].1 - 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_as_a_set(numbers in prop::collection::vec(0_u64..60, 0..80)) {
            let (mut seqs, mut set) = (Seqs::default(), BTreeSet::new());
            for number in numbers {
                prop_assert_eq!(seqs.insert(number), set.insert(number));
            }
            prop_assert!((0..60).all(|number| seqs.contains(number) == set.contains(&number)));
            let span = set.last().zip(set.first()).map_or(0, |(last, first)| last - first + 1);
            prop_assert_eq!(seqs.missing(), span - set.len() as u64);
            prop_assert_eq!(Seqs::from_runs(seqs.runs()), seqs);
        }
    }
}
