//! The JSON API.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use costs_engine::{By, ShareIdle, Window};
use schemars::JsonSchema;
use serde::Deserialize;

use super::intake::refuse;
use super::state::Shared;
use super::views;
use crate::clock::unix_ms;
use crate::database::DatabaseError;
use crate::database::queries::Filter;
use crate::documents::live::{NowDocument, SeriesDocument, ZombiesDocument};
use crate::documents::{Content, Costs, IdentityDocument};
use crate::usage::Found;

/// What is asked, in the address.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// dag (default), task, run, queue, owner, pool, worker or env.
    pub(crate) by: Option<String>,
    /// 24h (default), 90m, 7d, 2026-11-01..2026-11-08; taken in full hours, UTC.
    pub(crate) window: Option<String>,
    /// none (default), slots or cost.
    pub(crate) share_idle: Option<String>,
    /// Only this DAG.
    pub(crate) dag_id: Option<String>,
    /// Only so many lines.
    pub(crate) top: Option<usize>,
}

impl Parameters {
    /// Reads the texts.
    pub(super) fn filter(&self, default_by: By) -> Result<Filter, String> {
        let by = self.by.as_deref().map_or(Ok(default_by), str::parse);
        let share = self.share_idle.as_deref().map_or(Ok(ShareIdle::None), str::parse);
        let window = Window::parse(self.window.as_deref().unwrap_or("24h"), unix_ms());
        let by = by.map_err(|error| error.to_string())?;
        let share = share.map_err(|error| error.to_string())?;
        let has_dags = !matches!(by, By::Pool | By::Worker);
        let is_of_dag = matches!(by, By::Dag | By::Task | By::Run);
        if self.dag_id.is_some() && (!has_dags || (share != ShareIdle::None && !is_of_dag)) {
            return Err(format!(
                "dag_id does not go with by={by} and this share_idle: ask by dag, task or run"
            ));
        }
        Ok(Filter {
            by,
            share,
            window: window.map_err(|error| format!("{error}; {}", error.hint()))?,
            dag: self.dag_id.clone(),
        })
    }
}

pub(super) fn failed(error: &DatabaseError) -> Response {
    tracing::error!(error = daemon::chain(error), hint = error.hint(), "a question was not answered");
    refuse(StatusCode::SERVICE_UNAVAILABLE, daemon::chain(error))
}

pub(super) async fn costs(
    State(shared): State<Arc<Shared>>,
    Query(parameters): Query<Parameters>,
) -> Response {
    let filter = match parameters.filter(By::Dag) {
        Ok(filter) => filter,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, reason),
    };
    let (window, by, share) = (filter.window.full_hours(), filter.by, filter.share);
    match views::costs(&shared, filter).await {
        Ok(view) => {
            let state = &view.state;
            let found = Found { files: state.files, rows: state.rows, missing: state.missing, repeated: 0 };
            let currency = &shared.prices().currency;
            let (allocation, identity) = (&view.allocation, &view.identity);
            let top = parameters.top;
            Json(Costs::new(&Content { window, by, share, currency, allocation, identity, found, top }))
                .into_response()
        }
        Err(error) => failed(&error),
    }
}

pub(super) async fn series(
    State(shared): State<Arc<Shared>>,
    Query(parameters): Query<Parameters>,
) -> Response {
    let window = match parameters.filter(By::Dag) {
        Ok(filter) => filter.window,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, reason),
    };
    match views::trend(&shared, window).await {
        Ok(points) => {
            let currency = shared.prices().currency.clone();
            Json(SeriesDocument::new(currency, views::step_ms(window), &points)).into_response()
        }
        Err(error) => failed(&error),
    }
}

pub(super) async fn identity(
    State(shared): State<Arc<Shared>>,
    Query(parameters): Query<Parameters>,
) -> Response {
    let window = match parameters.filter(By::Dag) {
        Ok(filter) => filter.window,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, reason),
    };
    match views::identity(&shared, window).await {
        Ok(identity) => Json(IdentityDocument::new(&identity)).into_response(),
        Err(error) => failed(&error),
    }
}

pub(super) async fn zombies(State(shared): State<Arc<Shared>>) -> Response {
    match views::zombies(&shared).await {
        Ok(zombies) => Json(ZombiesDocument::new(shared.prices().currency.clone(), &zombies)).into_response(),
        Err(error) => failed(&error),
    }
}

pub(super) async fn now(State(shared): State<Arc<Shared>>) -> Response {
    match views::now(&shared).await {
        Ok(now) => Json(NowDocument::new(shared.prices().currency.clone(), &now)).into_response(),
        Err(error) => failed(&error),
    }
}
