use std::collections::BTreeMap;

/// Who owns a DAG that nobody is known to own.
const UNKNOWN: &str = "(unknown)";

/// Owners by patterns of DAG ids: `*` stands for any text, `?` for one character.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    /// Exact names first: what Airflow says, then the longest pattern.
    exact: BTreeMap<String, String>,
    patterns: Vec<(String, String)>,
}

impl Owners {
    /// Owners by pattern; of several patterns that fit, the longest counts.
    pub fn new(patterns: BTreeMap<String, String>) -> Self {
        let mut patterns: Vec<_> = patterns.into_iter().collect();
        patterns.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        Self { exact: BTreeMap::new(), patterns }
    }

    /// What Airflow says about its DAGs goes before the patterns.
    pub fn learn(&mut self, owners: impl IntoIterator<Item = (String, String)>) {
        self.exact.extend(owners);
    }

    /// Takes over what another one learned.
    pub fn keep_learned(&mut self, from: &Self) {
        self.exact.clone_from(&from.exact);
    }

    /// The owner of a DAG, `(unknown)` when there is none.
    pub fn of(&self, dag_id: &str) -> &str {
        let by_pattern = || {
            let mut patterns = self.patterns.iter();
            patterns.find(|(pattern, _)| fits(pattern.as_bytes(), dag_id.as_bytes())).map(|(_, owner)| owner)
        };
        self.exact.get(dag_id).or_else(by_pattern).map_or(UNKNOWN, String::as_str)
    }
}

/// Greedy with one way back: linear in practice, quadratic at worst.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match &mut back {
                Some((star, taken)) => {
                    *taken += 1;
                    (p, t) = (*star + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pattern_counts_and_airflow_goes_first() {
        let patterns = [("*", "Platform"), ("sales_*", "Sales"), ("sales_eu_?", "Sales EU")];
        let mut owners =
            Owners::new(patterns.map(|(pattern, owner)| (pattern.to_owned(), owner.to_owned())).into());
        owners.learn([("sales_us".to_owned(), "Maria".to_owned())]);
        let of = |dag| owners.of(dag).to_owned();
        assert_eq!(
            [of("sales_us"), of("sales_eu_1"), of("sales_eu_12"), of("x")],
            ["Maria", "Sales EU", "Sales", "Platform"]
        );
        assert_eq!(Owners::default().of("x"), "(unknown)");
        assert!(fits(b"*a*b", b"xxaxxbxb") && !fits(b"*a*b", b"xxaxxbx"));
    }
}
