//! How far a proposal goes from what the user asked for: its rank, and honest words about it.

use std::fmt;

use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};
use pep508_rs::VersionOrUrl;

use super::cap::uploads;
use crate::facts::{Facts, Requirement};
use crate::input::Input;
use crate::resolution::ResolveError;

/// Major versions back from which a resolution proves little: releases of years ago declare few limits.
const FAR_BACK_MAJORS: u64 = 2;
/// Years back that prove as little, for packages whose major version hardly ever changes.
const FAR_BACK_MS: i64 = 3 * 365 * 86_400_000;

/// A version with the moment of its first upload, when the index tells it.
#[derive(Debug, Clone)]
struct Release {
    version: Version,
    uploaded_ms: Option<i64>,
}

/// What one line asked for, and what it is proposed to get.
#[derive(Debug)]
pub(super) struct Shift {
    /// The newest release that the line admits; absent: there is none.
    asked: Option<Release>,
    proposed: Release,
    /// The base has the proposed version.
    is_base: bool,
}

impl Shift {
    pub(super) fn new(
        facts: &dyn Facts,
        input: &Input,
        before: &Requirement,
        proposed: &Version,
    ) -> Result<Self, ResolveError> {
        let known = uploads(facts, &before.name)?;
        let release = |version: &Version| {
            let found = known.iter().find(|(other, _)| other == version);
            Release { version: version.clone(), uploaded_ms: found.and_then(|(_, uploaded_ms)| *uploaded_ms) }
        };
        let specifiers = match &before.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.clone(),
            _ => VersionSpecifiers::empty(),
        };
        let admitted: Vec<&Version> =
            known.iter().map(|(version, _)| version).filter(|version| specifiers.contains(version)).collect();
        let stable = admitted.iter().rev().find(|version| version.is_stable()).or(admitted.last()).copied();
        // A pin that no index has is still what was asked for.
        let is_pin =
            |one: &&VersionSpecifier| matches!(one.operator(), Operator::Equal | Operator::ExactEqual);
        let pinned = || specifiers.iter().find(is_pin).map(VersionSpecifier::version);
        let asked = stable.or_else(pinned).map(release);
        let installed = input.base.base.distribution(before.name.as_str());
        let is_base = installed
            .is_some_and(|one| one.version.parse::<Version>().is_ok_and(|version| version == *proposed));
        Ok(Self { asked, proposed: release(proposed), is_base })
    }

    fn is_older(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| self.proposed.version < asked.version)
    }

    fn majors(&self) -> u64 {
        let Some(asked) = &self.asked else { return 0 };
        major(&asked.version).abs_diff(major(&self.proposed.version))
    }

    fn is_far_back(&self) -> bool {
        let years = || {
            let asked = self.asked.as_ref()?.uploaded_ms?;
            Some(asked - self.proposed.uploaded_ms? >= FAR_BACK_MS)
        };
        self.is_older() && !self.is_base && (self.majors() >= FAR_BACK_MAJORS || years().unwrap_or(false))
    }

    /// The less the better.
    fn weight(&self) -> u8 {
        match (self.is_base, self.is_older(), self.majors()) {
            (true, ..) | (false, false, 0) => 0,
            (false, true, 0) => 1,
            (false, false, _) => 2,
            (false, true, _) => 3,
        }
    }
}

/// First part of the release; of versions before 1.0 the second, which is where they break.
fn major(version: &Version) -> u64 {
    let part = |at: usize| version.release().get(at).copied().unwrap_or(0);
    if part(0) == 0 { part(1) } else { part(0) }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proposed = &self.proposed;
        if self.is_base {
            return write!(f, "the base has {}, which works with everything else", proposed.version);
        }
        let Some(asked) = &self.asked else {
            return write!(f, "{proposed} works with everything else; no release is what you asked for");
        };
        let majors = match self.majors() {
            0 => String::new(),
            1 => " by a major version".into(),
            more => format!(" by {more} major versions"),
        };
        if self.is_far_back() {
            return write!(
                f,
                "only {proposed} resolves, far older{majors} than {asked} that you asked for: old releases declare \
                 few limits, so it may resolve and still not work; import it before you rely on it"
            );
        }
        match proposed.version.cmp(&asked.version) {
            std::cmp::Ordering::Equal => write!(f, "{proposed} works with everything else"),
            std::cmp::Ordering::Greater => {
                write!(
                    f,
                    "{proposed} works with everything else; it is newer{majors} than {asked} that you asked for"
                )
            }
            std::cmp::Ordering::Less => {
                write!(
                    f,
                    "{proposed} works with everything else; it is older{majors} than {asked} that you asked for"
                )
            }
        }
    }
}

/// `1.3.0 of 2023-06`.
impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.version)?;
        if let Some(uploaded_ms) = self.uploaded_ms {
            let (year, month) = month(uploaded_ms);
            write!(f, " of {year}-{month:02}")?;
        }
        Ok(())
    }
}

/// Year and month (from 1) of a moment, UTC. Gregorian calendar counted from the first of March.
fn month(moment_ms: i64) -> (i64, i64) {
    let days = moment_ms.div_euclid(86_400_000) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month)
}

/// Rank of a proposal; the least one is the best.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    is_far_back: bool,
    lines: usize,
    weight: u32,
    majors: u64,
}

impl Rank {
    pub(super) fn new(shifts: &[Shift]) -> Self {
        Self {
            is_far_back: shifts.iter().any(Shift::is_far_back),
            lines: shifts.len(),
            weight: shifts.iter().map(|shift| u32::from(shift.weight())).sum(),
            majors: shifts.iter().map(Shift::majors).sum(),
        }
    }

    pub(super) fn is_far_back(&self) -> bool {
        self.is_far_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(asked: (&str, i64), proposed: (&str, i64)) -> Shift {
        let release = |(version, days): (&str, i64)| Release {
            version: version.parse().unwrap(),
            uploaded_ms: (days > 0).then_some(days * 86_400_000),
        };
        Shift { asked: Some(release(asked)), proposed: release(proposed), is_base: false }
    }

    #[test]
    fn months_of_moments() {
        assert_eq!(month(0), (1970, 1));
        assert_eq!(month(19_538 * 86_400_000), (2023, 6));
        assert_eq!(month(19_782 * 86_400_000), (2024, 2));
        assert_eq!(month(-1), (1969, 12));
    }

    #[test]
    fn small_steps_go_before_large_ones_and_falls_far_back_go_last() {
        let ordered = [
            shift(("2.0", 0), ("2.1", 0)),
            shift(("2.1", 0), ("2.0", 0)),
            shift(("2.0", 0), ("3.0", 0)),
            shift(("2.0", 0), ("7.0", 0)),
            shift(("2.0", 0), ("1.0", 0)),
            shift(("10.1", 0), ("3.0", 0)),
        ];
        let ranks: Vec<Rank> = ordered.iter().map(|one| Rank::new(std::slice::from_ref(one))).collect();
        assert!(ranks.is_sorted(), "{ranks:?}");
        let two = Rank::new(&[shift(("2.0", 0), ("2.1", 0)), shift(("2.0", 0), ("3.0", 0))]);
        assert!(ranks[4] < two && two < ranks[5]);
    }

    #[test]
    fn a_fall_far_back_is_called_one() {
        let text = shift(("10.1.0", 19_500), ("3.0.0", 18_600)).to_string();
        assert!(
            text.starts_with(
                "only 3.0.0 of 2020-12 resolves, far older by 7 major versions than 10.1.0 of 2023-05"
            ),
            "{text}"
        );
        assert!(shift(("2.9", 20_000), ("2.1", 18_000)).is_far_back(), "years count too");
        assert!(!shift(("2.9", 20_000), ("2.1", 19_900)).is_far_back());
    }
}
