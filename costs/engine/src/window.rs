//! Stretches of time as people name them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// An hour.
pub const HOUR_MS: u64 = 3_600_000;
const MINUTE_MS: u64 = 60_000;
/// The longest window.
const MAX_DAYS: u64 = 3_660;

/// From (included) to (excluded), Unix milliseconds. Rows belong to it by the begin of their window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Included.
    pub from_ms: u64,
    /// Excluded.
    pub to_ms: u64,
}

/// Why a text is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no window: {problem}")]
pub struct WindowError {
    text: String,
    problem: &'static str,
}

impl WindowError {
    /// What to write.
    pub fn hint(&self) -> &'static str {
        "write 90m, 24h or 7d (back from now), or 2026-11-01..2026-11-08 (the second day is not in it), UTC"
    }
}

impl Window {
    /// `90m`, `24h`, `7d` back from `now_ms`; `A..B` with days or minutes, UTC.
    ///
    /// Windows begin at full minutes, as rows do, so that a worker's row and its parts stay together.
    ///
    /// ```
    /// use costs_engine::Window;
    /// let window = Window::parse("24h", 1_795_000_000_000)?;
    /// assert_eq!((window.from_ms, window.to_ms), (1_794_913_560_000, 1_795_000_000_000));
    /// let november = Window::parse("2026-11-01..2026-12-01", 0)?;
    /// assert_eq!(november.to_ms - november.from_ms, 30 * 86_400_000);
    /// # Ok::<(), costs_engine::WindowError>(())
    /// ```
    pub fn parse(text: &str, now_ms: u64) -> Result<Self, WindowError> {
        let wrong = |problem| WindowError { text: text.to_owned(), problem };
        if let Some((from, to)) = text.split_once("..") {
            let from_ms = instant_ms(from).ok_or_else(|| wrong("what is before `..` is no day or minute"))?;
            let to_ms = instant_ms(to).ok_or_else(|| wrong("what is after `..` is no day or minute"))?;
            if from_ms >= to_ms {
                return Err(wrong("it ends before it begins"));
            }
            if to_ms - from_ms > MAX_DAYS * 24 * HOUR_MS {
                return Err(wrong("it is longer than ten years"));
            }
            return Ok(Self { from_ms, to_ms });
        }
        let unit_ms = match text.chars().last() {
            Some('m') => MINUTE_MS,
            Some('h') => HOUR_MS,
            Some('d') => 24 * HOUR_MS,
            _ => return Err(wrong("its unit is none of m, h and d")),
        };
        let count: u64 =
            text[..text.len() - 1].parse().map_err(|_| wrong("its number is no whole number"))?;
        let length = count.saturating_mul(unit_ms);
        if length == 0 || length > MAX_DAYS * 24 * HOUR_MS {
            return Err(wrong("it is empty or longer than ten years"));
        }
        let from_ms = now_ms.saturating_sub(length) / MINUTE_MS * MINUTE_MS;
        Ok(Self { from_ms, to_ms: now_ms.max(from_ms + 1) })
    }

    /// Whether a time is in it.
    pub fn contains(&self, at_ms: u64) -> bool {
        (self.from_ms..self.to_ms).contains(&at_ms)
    }

    /// The window grown to full hours, for what is kept per hour.
    #[must_use]
    pub fn full_hours(&self) -> Self {
        Self { from_ms: self.from_ms / HOUR_MS * HOUR_MS, to_ms: self.to_ms.div_ceil(HOUR_MS) * HOUR_MS }
    }

    /// Length in milliseconds.
    pub fn length_ms(&self) -> u64 {
        self.to_ms - self.from_ms
    }
}

/// `2026-11-01`, `2026-11-01T06:30` or with a Z, UTC, as Unix milliseconds.
pub(crate) fn instant_ms(text: &str) -> Option<u64> {
    let plain = text.strip_suffix('Z').unwrap_or(text);
    let civil = match plain.parse::<Date>() {
        Ok(date) if !plain.contains('T') => date.to_datetime(jiff::civil::Time::midnight()),
        _ => plain.parse::<DateTime>().ok()?,
    };
    let at = civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
    u64::try_from(at).ok()
}

/// `2026-11-01 06:30` in UTC.
pub fn minute_text(at_ms: u64) -> String {
    let at = Timestamp::from_millisecond(i64::try_from(at_ms).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX);
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// The begin of a time's month, UTC; both Unix milliseconds.
pub fn month_start_ms(at_ms: u64) -> u64 {
    let at = Timestamp::from_millisecond(i64::try_from(at_ms).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX);
    let first = at.to_zoned(TimeZone::UTC).date().first_of_month();
    instant_ms(&first.to_string()).unwrap_or(at_ms)
}

/// `2026-11-01` in UTC.
pub fn day_text(at_ms: u64) -> String {
    minute_text(at_ms).chars().take("2026-11-01".len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_window_is_said() {
        let said = ["", "7", "d", "7w", "0d", "2026-11-08..2026-11-01", "yesterday..2026-11-01", "ü"]
            .map(|text| Window::parse(text, 0).unwrap_err().to_string())
            .join("\n");
        insta::assert_snapshot!(said, @"
        `` is no window: its unit is none of m, h and d
        `7` is no window: its unit is none of m, h and d
        `d` is no window: its number is no whole number
        `7w` is no window: its unit is none of m, h and d
        `0d` is no window: it is empty or longer than ten years
        `2026-11-08..2026-11-01` is no window: it ends before it begins
        `yesterday..2026-11-01` is no window: what is before `..` is no day or minute
        `ü` is no window: its unit is none of m, h and d
        ");
    }
}
