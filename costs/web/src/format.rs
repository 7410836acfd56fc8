//! Figures as people read them.

use costs_engine::Money;
use costs_engine::money::decimal;

/// A currency's sign where everybody knows it, else its code.
fn sign(currency: &str) -> String {
    match currency {
        "USD" => "$".to_owned(),
        "EUR" => "€".to_owned(),
        "GBP" => "£".to_owned(),
        code => format!("{code}\u{a0}"),
    }
}

/// Decimals that suit the largest amount of a column.
pub(crate) fn decimals(largest: Money) -> u32 {
    match largest.rounded(6).abs() {
        units if units >= 1_000_000 => 2,
        units if units >= 10_000 => 4,
        0 => 2,
        _ => 6,
    }
}

/// Decimals that suit an amount that stands alone: three figures, as a rule.
fn decimals_alone(amount: Money) -> u32 {
    match amount.rounded(6).abs() {
        units if units >= 1_000_000 => 2,
        units if units >= 100_000 => 3,
        units if units >= 10_000 => 4,
        0 => 2,
        _ => 6,
    }
}

/// `$1,234.50`.
pub(crate) fn money(amount: Money, decimals: u32, currency: &str) -> String {
    let (sign, text) = (sign(currency), grouped(&amount.to_decimal(decimals)));
    match text.strip_prefix('-') {
        Some(text) => format!("−{sign}{text}"),
        None => format!("{sign}{text}"),
    }
}

/// An amount alone, in the decimals that suit it.
pub(crate) fn alone(amount: Money, currency: &str) -> String {
    money(amount, decimals_alone(amount), currency)
}

/// Units of `10^-decimals` without a sign of currency: a cell of a column.
pub(crate) fn cell(units: i128, decimals: u32) -> String {
    grouped(&decimal(units, decimals))
}

/// Thousands in groups: `1,234,567.8`.
pub(crate) fn grouped(text: &str) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (minus, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{minus}{grouped}{point}{fraction}")
}

/// A part of a whole in percent, one decimal: `12.3`.
pub(crate) fn percent(part: Money, whole: Money) -> String {
    decimal(i128::from(permille(part, whole)), 1)
}

/// A part of a whole in thousandths.
pub(crate) fn permille(part: Money, whole: Money) -> u32 {
    let whole = whole.weight();
    let permille = (part.weight() * 1_000 + whole / 2).checked_div(whole).unwrap_or(0);
    u32::try_from(permille).unwrap_or(u32::MAX)
}

/// `3 d 4 h`, `2 h 5 min`, `7 min`, `12 s`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min"),
        3_600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// A quantity in units of `scale`, one decimal.
pub(crate) fn tenths(quantity: i128, scale: i128) -> String {
    grouped(&decimal((quantity * 10 + scale / 2).div_euclid(scale), 1))
}

/// Nanoseconds in a core-hour.
pub(crate) const CORE_HOUR: i128 = 3_600_000_000_000;
/// Byte-seconds in a GiB-hour.
pub(crate) const GIB_HOUR: i128 = 3_600 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped() {
        assert_eq!(
            [grouped("1234567.80"), grouped("-123"), grouped("1000")],
            ["1,234,567.80", "-123", "1,000"]
        );
        assert_eq!(
            [duration(59_999), duration(61_000), duration(7_500_000), duration(90_000_000)],
            ["59 s", "1 min", "2 h 5 min", "1 d 1 h"]
        );
    }
}
