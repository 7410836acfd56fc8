//! Addresses.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Json, Router};

use super::state::Shared;
use super::{api, intake, openapi, pages};

/// Pages, API and intake; probes and metrics are merged beside.
pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(pages::overview))
        .route("/dags/{dag_id}", get(pages::dag))
        .route("/v1/costs", get(api::costs))
        .route("/v1/series", get(api::series))
        .route("/v1/identity", get(api::identity))
        .route("/v1/zombies", get(api::zombies))
        .route("/v1/now", get(api::now))
        .route("/openapi.json", get(|| async { Json(openapi::document()) }))
        .route("/v1/usage", post(intake::post).layer(DefaultBodyLimit::max(intake::REQUEST_LIMIT_BYTES)))
        .with_state(shared)
}
