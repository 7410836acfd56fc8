//! Money as an exact integer.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};

/// Prices have at most this many decimals.
pub const PRICE_DECIMALS: u32 = 9;

/// Units of a [`Money`] in one unit of currency: `10^9 × 3600 × 2^30 × 5^9`. Nanoseconds of a core and bytes of memory
/// over seconds, both priced per hour with nine decimals, are whole numbers of it.
const GRAINS: i128 = 1_000_000_000 * GRAINS_PER_NANO;
/// `3600 × 2^30 × 5^9`.
const GRAINS_PER_NANO: i128 = 7_549_747_200_000_000_000;
/// A nanosecond of a core at a price of 10⁻⁹ per core-hour.
pub(crate) const GRAINS_PER_CPU_NS: i128 = 1 << 21;
/// A byte-second at a price of 10⁻⁹ per GiB-hour.
pub(crate) const GRAINS_PER_BYTE_S: i128 = 1_953_125;

/// An amount in the currency of the prices, exact up to about ±2·10¹⁰ units of it; beyond, it stays at the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Money(i128);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    pub(crate) const fn from_grains(grains: i128) -> Self {
        Self(grains)
    }

    /// From units of 10⁻⁹ of the currency.
    pub fn from_nano(units: i128) -> Self {
        Self(units.saturating_mul(GRAINS_PER_NANO))
    }

    /// `part` of `whole` parts of this amount, rounded down; nothing of no parts.
    #[must_use]
    pub fn portion(self, part: u128, whole: u128) -> Self {
        let (Ok(part), Ok(whole)) = (i128::try_from(part), i128::try_from(whole)) else { return self };
        if whole == 0 {
            return Self::ZERO;
        }
        // Split, so that large amounts do not overflow on the way.
        let (quotient, rest) = (self.0.div_euclid(whole), self.0.rem_euclid(whole));
        Self(quotient.saturating_mul(part).saturating_add(rest.saturating_mul(part).div_euclid(whole)))
    }

    /// This amount in 10⁻¹² of the currency, rounded down; not below zero. A weight for shares.
    pub fn weight(self) -> u128 {
        u128::try_from(self.0 / (GRAINS_PER_NANO / 1_000)).unwrap_or(0)
    }

    /// The amount in units of `10^-decimals` (at most nine decimals), rounded half away from zero.
    pub fn rounded(self, decimals: u32) -> i128 {
        let unit = unit(decimals);
        let half = if self.0 < 0 { -unit / 2 } else { unit / 2 };
        self.0.saturating_add(half) / unit
    }

    /// `12.34`, with exactly `decimals` decimals (at most nine).
    pub fn to_decimal(self, decimals: u32) -> String {
        decimal(self.rounded(decimals), decimals)
    }

    /// This amount over `elapsed_ms`, per hour.
    #[must_use]
    pub fn per_hour(self, elapsed_ms: u64) -> Self {
        self.portion(3_600_000, u128::from(elapsed_ms))
    }

    /// Decimals with which an amount of this size is shown: more the smaller it is.
    pub fn decimals(self) -> u32 {
        match self.0.abs() {
            0 => 2,
            grains if grains >= 100 * GRAINS => 2,
            grains if grains >= GRAINS => 4,
            grains if grains >= GRAINS / 1_000 => 6,
            _ => PRICE_DECIMALS,
        }
    }
}

fn unit(decimals: u32) -> i128 {
    GRAINS / 10_i128.pow(decimals.min(PRICE_DECIMALS))
}

/// Parts in units of `10^-decimals` that add up to their rounded sum, each less than one unit from its exact amount:
/// what rounding down leaves goes to the parts that lost most.
///
/// ```
/// use costs_engine::money::{Money, shown};
/// let third = Money::ZERO; // three equal parts are shown as equal
/// assert_eq!(shown(&[third, third, third], 2), [0, 0, 0]);
/// ```
pub fn shown(parts: &[Money], decimals: u32) -> Vec<i128> {
    let unit = unit(decimals);
    let total = parts.iter().copied().sum::<Money>().rounded(decimals);
    let mut shown: Vec<i128> = parts.iter().map(|part| part.0.div_euclid(unit)).collect();
    let missing = total - shown.iter().sum::<i128>();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(parts[at].0.rem_euclid(unit)));
    for at in order.into_iter().take(usize::try_from(missing).unwrap_or(0)) {
        shown[at] += 1;
    }
    shown
}

/// `1234` with two decimals: `12.34`.
pub fn decimal(units: i128, decimals: u32) -> String {
    let scale = 10_u128.pow(decimals);
    let sign = if units < 0 { "-" } else { "" };
    let (whole, rest) = (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
    if decimals == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{rest:0width$}", width = decimals as usize)
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_unit_holds_both_prices_exactly() {
        // One core-hour and one GiB-hour at 10⁻⁹.
        assert_eq!(GRAINS_PER_CPU_NS * 3_600_000_000_000, GRAINS_PER_NANO);
        assert_eq!(GRAINS_PER_BYTE_S * 3_600 * (1 << 30), GRAINS_PER_NANO);
    }

    #[test]
    fn amounts_are_written_with_their_decimals() {
        let cent = Money(GRAINS / 100);
        assert_eq!(cent.to_decimal(2), "0.01");
        assert_eq!((-cent).to_decimal(4), "-0.0100");
        assert_eq!(Money(GRAINS * 1_234 + GRAINS / 2).to_decimal(0), "1235");
        assert_eq!(Money(GRAINS).per_hour(60_000).to_decimal(2), "60.00");
    }

    proptest! {
        #[test]
        fn shown_parts_add_up(parts in prop::collection::vec(-1_i128 << 100..1_i128 << 100, 0..40), decimals in 0_u32..=9) {
            let parts: Vec<Money> = parts.into_iter().map(Money).collect();
            let shown = shown(&parts, decimals);
            let total: Money = parts.iter().copied().sum();
            prop_assert_eq!(shown.iter().sum::<i128>(), total.rounded(decimals));
            for (part, shown) in parts.iter().zip(&shown) {
                prop_assert!((part.0 - shown * unit(decimals)).abs() < unit(decimals));
            }
        }

        #[test]
        fn a_portion_is_within_its_bounds(amount in 0_i128..1 << 110, part in 0_u128..1 << 60, more in 0_u128..1 << 60) {
            let portion = Money(amount).portion(part, part + more);
            prop_assert!(portion >= Money::ZERO && portion <= Money(amount));
        }
    }
}
