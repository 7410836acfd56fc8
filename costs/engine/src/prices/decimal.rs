//! Decimal text, read exactly.

/// Why a text is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    Negative,
    TooFine,
    TooLarge,
    Malformed,
}

/// Largest price; far above any machine's, far below what arithmetic holds.
const MAX_WHOLE: u64 = 1_000_000;

/// `0.0316` in 10⁻⁹.
pub(super) fn nano(text: &str) -> Result<u64, Problem> {
    if let Some(rest) = text.strip_prefix('-') {
        return Err(nano(rest)
            .err()
            .filter(|problem| *problem == Problem::Malformed)
            .unwrap_or(Problem::Negative));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(Problem::Malformed);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return Err(Problem::TooFine);
    }
    let whole: u64 = whole.parse().map_err(|_| Problem::TooLarge)?;
    if whole > MAX_WHOLE {
        return Err(Problem::TooLarge);
    }
    let fraction: u64 = format!("{fraction:0<9}").parse().map_err(|_| Problem::Malformed)?;
    Ok(whole * 1_000_000_000 + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_price_is_said() {
        assert_eq!(nano("-1"), Err(Problem::Negative));
        assert_eq!(nano("-x"), Err(Problem::Malformed));
        assert_eq!(nano("0.0000000001"), Err(Problem::TooFine));
        assert_eq!(nano("1000001"), Err(Problem::TooLarge));
        for text in ["", ".", "1.", ".5", "1e3", "+1", "1,5", " 1", "١"] {
            assert_eq!(nano(text), Err(Problem::Malformed), "{text}");
        }
        assert_eq!(nano("0.1000000000000"), Ok(100_000_000));
    }

    proptest! {
        #[test]
        fn every_digit_counts(nanos in 0_u64..1_000_000_000_000_000) {
            let text = crate::money::decimal(i128::from(nanos), 9);
            prop_assert_eq!(nano(&text), Ok(nanos));
        }
    }
}
