//! The small HTTP server that probes and Prometheus read.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::health::Health;

/// Histograms are folded this often; between folds each sample costs memory.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Installs the process's metrics recorder: once, from `main`.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new().install_recorder()
}

/// Serves `/livez`, `/readyz` and `/metrics` on `listener` until `stop` is cancelled.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let upkeep = async {
        let mut every = tokio::time::interval(UPKEEP_EVERY);
        loop {
            every.tick().await;
            metrics.run_upkeep();
        }
    };
    let app = router(health, metrics.clone());
    tokio::select! {
        result = async { axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await } => result,
        () = upkeep => Ok(()),
    }
}

/// The routes, for programs that serve them beside their own.
pub fn router(health: Health, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route(
            "/livez",
            get(|State(health): State<Health>| async move { answer("alive", health.not_alive()) }),
        )
        .route(
            "/readyz",
            get(|State(health): State<Health>| async move { answer("ready", health.not_ready()) }),
        )
        .with_state(health)
        .route(
            "/metrics",
            get(|State(metrics): State<PrometheusHandle>| async move { metrics.render() })
                .with_state(metrics),
        )
}

#[derive(Serialize)]
struct Answer {
    status: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    reasons: BTreeMap<String, String>,
}

fn answer(good: &str, reasons: BTreeMap<String, String>) -> Response {
    let (code, status) = if reasons.is_empty() {
        (StatusCode::OK, good.to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not {good}"))
    };
    (code, Json(Answer { status, reasons })).into_response()
}
