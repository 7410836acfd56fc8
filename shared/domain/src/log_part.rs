//! Names of shipped log parts, placed where Airflow's reader finds them.
//!
//! Airflow lists every object under the prefix `…/attempt=T.log` and merges them, so a part is
//! `…/attempt=T.log.<start_ms, 13 digits>.<host>.<seq, 8 digits>`, never the key `attempt=T.log` itself.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes after which a part is sealed and the next one begun.
pub const SEAL_SIZE_BYTES: u64 = 5 << 20;

/// One part of one attempt's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogPart {
    /// Path of the attempt's log below the log folder, `dag_id=…/run_id=…/task_id=…/attempt=1.log`.
    pub log_path: String,
    /// When shipping of this attempt began, Unix milliseconds.
    pub start_ms: u64,
    /// Host that ships.
    pub host: String,
    /// Position among the parts, from 0.
    pub seq: u32,
}

/// Text that is no part name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a log part: expected <path>.log.<start_ms, 13 digits>.<host>.<seq, 8 digits>")]
pub struct LogPartError(pub String);

impl fmt::Display for LogPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:013}.{}.{:08}", self.log_path, self.start_ms, self.host, self.seq)
    }
}

impl FromStr for LogPart {
    type Err = LogPartError;

    fn from_str(text: &str) -> Result<Self, LogPartError> {
        let refuse = || LogPartError(text.to_owned());
        let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
        let name = text.rfind('/').map_or(0, |slash| slash + 1);
        let log_end = name + text[name..].find(".log.").ok_or_else(refuse)? + ".log".len();
        let (start, rest) = text[log_end + 1..].split_once('.').ok_or_else(refuse)?;
        let (host, seq) = rest.rsplit_once('.').ok_or_else(refuse)?;
        if !digits(start, 13) || !digits(seq, 8) || host.is_empty() {
            return Err(refuse());
        }
        Ok(Self {
            log_path: text[..log_end].to_owned(),
            start_ms: start.parse().map_err(|_| refuse())?,
            host: host.to_owned(),
            seq: seq.parse().map_err(|_| refuse())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_read_back(
            run in "[a-zA-Z0-9_+:. =-]{1,20}",
            start_ms in 0u64..=9_999_999_999_999,
            host in "[a-z0-9][a-z0-9.-]{0,20}",
            seq in 0u32..=99_999_999,
        ) {
            let log_path = format!("dag_id=d/run_id={run}/task_id=t/attempt=1.log");
            let part = LogPart { log_path, start_ms, host, seq };
            prop_assert_eq!(part.to_string().parse::<LogPart>().unwrap(), part);
        }
    }

    #[test]
    fn the_attempt_itself_is_no_part() {
        assert!("dag_id=d/run_id=r/task_id=t/attempt=1.log".parse::<LogPart>().is_err());
    }
}
