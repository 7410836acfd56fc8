//! The verdict: claims, what was measured, and whether they hold.

use std::fmt::Write as _;

use serde::Serialize;

/// Version of `verdict.json`.
const SCHEMA: u32 = 1;

/// One claim of the demo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Claim {
    /// What is claimed.
    #[serde(rename = "claim")]
    pub says: String,
    /// What was seen.
    pub measured: String,
    /// Does it hold?
    pub holds: bool,
}

/// All claims, in the order in which they were tried.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    schema: u32,
    /// True when there are claims and all hold.
    holds: bool,
    claims: Vec<Claim>,
}

impl Verdict {
    /// Adds a claim.
    pub(crate) fn add(&mut self, claim: &str, measured: impl Into<String>, holds: bool) {
        self.schema = SCHEMA;
        self.holds = holds && (self.holds || self.claims.is_empty());
        self.claims.push(Claim { says: claim.to_owned(), measured: measured.into(), holds });
    }

    /// True when there are claims and all hold.
    pub(crate) fn holds(&self) -> bool {
        self.holds
    }

    /// A table of the claims.
    pub(crate) fn table(&self) -> String {
        let width = |of: fn(&Claim) -> &String| {
            self.claims.iter().map(|claim| of(claim).chars().count()).max().unwrap_or(0).max(8)
        };
        let (claims, measured) = (width(|claim| &claim.says), width(|claim| &claim.measured));
        let mut table = String::new();
        let mut line = |a: &str, b: &str, c: &str| {
            let _infallible = writeln!(table, "{a:claims$}  {b:measured$}  {c}");
        };
        line("claim", "measured", "holds?");
        line(&"-".repeat(claims), &"-".repeat(measured), "------");
        for claim in &self.claims {
            line(&claim.says, &claim.measured, if claim.holds { "yes" } else { "NO" });
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn one_claim_that_does_not_hold_decides() {
        let mut verdict = Verdict::default();
        assert!(!verdict.holds(), "no claims prove nothing");
        verdict.add("scales up", "5.1 s", true);
        assert!(verdict.holds());
        verdict.add("scales down to zero", "1 worker left", false);
        verdict.add("logs live", "12 lines", true);
        assert!(!verdict.holds());
        insta::assert_snapshot!(verdict.table(), @"
        claim                measured       holds?
        -------------------  -------------  ------
        scales up            5.1 s          yes
        scales down to zero  1 worker left  NO
        logs live            12 lines       yes
        ");
    }
}
