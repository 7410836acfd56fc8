//! Metrics of serving.

use std::time::Duration;

use daemon::{BoxError, CancellationToken};
use metrics_exporter_prometheus::PrometheusHandle;

/// Histograms are folded this often; between folds each sample costs memory.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Rows that were taken, by how they came.
pub(super) fn rows(source: &'static str, count: usize) {
    metrics::counter!("updraft_costs_rows_total", "source" => source).increment(count as u64);
}

/// Files that were refused.
pub(super) fn refused_file() {
    metrics::counter!("updraft_costs_refused_files_total").increment(1);
}

/// The greatest identity error of the last full day, in parts per million.
pub(super) fn identity(ppm: u64) {
    metrics::gauge!("updraft_costs_identity_error_ppm")
        .set(f64::from(u32::try_from(ppm).unwrap_or(u32::MAX)));
}

/// How long a question took.
pub(super) fn query(took: Duration) {
    metrics::histogram!("updraft_costs_query_seconds").record(took.as_secs_f64());
}

pub(super) async fn upkeep(metrics: PrometheusHandle, stop: CancellationToken) -> Result<(), BoxError> {
    let mut every = tokio::time::interval(UPKEEP_EVERY);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        metrics.run_upkeep();
    }
    Ok(())
}
