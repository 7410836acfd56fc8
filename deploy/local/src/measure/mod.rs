//! Figures of what runs: side by side with the peer, with the command that made them kept beside.

mod environment;
mod from_zero;

use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;
use crate::ledger::write_json;
use crate::progress::Progress;
use crate::state::State;

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum What {
    /// From no worker: a task is queued → it runs.
    FromZero {
        /// Rounds; each waits until no worker is left.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
    },
    /// The current environment from S3, cold and warm, beside `uv pip install` of the same packages.
    Environment {
        /// Rounds of each.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
        rounds: u32,
    },
}

/// Measures, prints, and leaves the figures in the state folder.
pub(crate) async fn run(what: What, state: &State, progress: &Progress) -> Result<u8, Failure> {
    let (name, figures) = match what {
        What::FromZero { rounds } => ("from-zero", from_zero::measure(state, progress, rounds).await?),
        What::Environment { rounds } => ("environment", environment::measure(state, progress, rounds).await?),
    };
    write_json(&state.path(&format!("measured-{name}.json")), &figures)?;
    progress.say(&format!("{figures:#}"));
    Ok(domain::exit::OK)
}

/// Minimum, p50, p95, maximum (nearest rank) and every sample, in milliseconds.
fn summary(samples: &[Duration]) -> Value {
    let mut sorted: Vec<u128> = samples.iter().map(Duration::as_millis).collect();
    sorted.sort_unstable();
    let rank = |percent: usize| {
        let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(index).copied().unwrap_or_default()
    };
    serde_json::json!({
        "min_ms": rank(0),
        "p50_ms": rank(50),
        "p95_ms": rank(95),
        "max_ms": rank(100),
        "samples_ms": samples.iter().map(Duration::as_millis).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_nearest() {
        let samples: Vec<_> = (1..=10).rev().map(Duration::from_millis).collect();
        let figures = summary(&samples);
        assert_eq!(
            (&figures["min_ms"], &figures["p50_ms"], &figures["p95_ms"], &figures["max_ms"]),
            (&1.into(), &5.into(), &10.into(), &10.into())
        );
    }
}
