//! The pages: questions, frame, HTML.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use costs_engine::window::minute_text;
use costs_engine::{By, Window};
use costs_web::{AttemptLine, Dag, Frame, Notice, Overview, RenderError, Tiles, error_page};
use serde::Deserialize;

use super::api::Parameters;
use super::state::Shared;
use super::views;
use crate::clock::unix_ms;
use crate::database::DatabaseError;
use crate::database::queries::{Filter, State as Known};

/// Without rows from the store for so long people are told.
const STALE_MS: u64 = 10 * 60_000;

/// What a page is asked with; anything unknown is left to other programs.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct PageParameters {
    window: Option<String>,
    share_idle: Option<String>,
    run_id: Option<String>,
}

impl PageParameters {
    fn filter(&self, by: By, dag: Option<&str>) -> Result<Filter, String> {
        let parameters = Parameters {
            by: None,
            window: self.window.clone(),
            share_idle: self.share_idle.clone(),
            dag_id: dag.map(ToOwned::to_owned),
            top: None,
        };
        parameters.filter(by)
    }
}

pub(super) async fn overview(
    State(shared): State<Arc<Shared>>,
    Query(parameters): Query<PageParameters>,
) -> Response {
    let frame = frame(&shared, &parameters, "/");
    let filter = match parameters.filter(By::Dag, None) {
        Ok(filter) => filter,
        Err(reason) => return not_found(&frame, &reason),
    };
    answer(overview_page(&shared, frame.clone(), filter).await, &frame)
}

async fn overview_page(shared: &Arc<Shared>, frame: Frame, filter: Filter) -> Result<String, PageError> {
    let window = filter.window;
    let by_task = Filter { by: By::Task, ..filter.clone() };
    let (dags, tasks, points, zombies, now, identity, known) = tokio::try_join!(
        views::allocation(shared, filter),
        views::allocation(shared, by_task),
        views::trend(shared, window),
        views::zombies(shared),
        views::now(shared),
        views::identity(shared, window),
        views::state(shared),
    )?;
    let tiles = Tiles {
        now_ms: now.now_ms,
        running: now.running,
        running_per_hour: now.running_per_hour,
        workers: now.workers,
        slots: now.slots,
        workers_per_hour: now.workers_per_hour,
        today: now.today,
        month: now.month,
        month_projected: now.month_projected,
    };
    let overview = Overview {
        tiles: &tiles,
        dags: &dags,
        tasks: &tasks,
        points: &points,
        step_ms: views::step_ms(window),
        zombies: &zombies,
        identity: &identity,
    };
    Ok(overview.render(&informed(frame, shared, window, &known))?)
}

pub(super) async fn dag(
    State(shared): State<Arc<Shared>>,
    Path(dag_id): Path<String>,
    Query(parameters): Query<PageParameters>,
) -> Response {
    let frame = frame(&shared, &parameters, &format!("/dags/{dag_id}"));
    let filters = parameters
        .filter(By::Task, Some(&dag_id))
        .and_then(|tasks| Ok((tasks, parameters.filter(By::Run, Some(&dag_id))?)));
    let filters = match filters {
        Ok(filters) => filters,
        Err(reason) => return not_found(&frame, &reason),
    };
    answer(dag_page(&shared, frame.clone(), dag_id, parameters.run_id, filters).await, &frame)
}

async fn dag_page(
    shared: &Arc<Shared>,
    frame: Frame,
    dag_id: String,
    run_id: Option<String>,
    (by_task, by_run): (Filter, Filter),
) -> Result<String, PageError> {
    let window = by_task.window;
    let (tasks, runs, attempts, known) = tokio::try_join!(
        views::allocation(shared, by_task),
        views::allocation(shared, by_run),
        views::attempts(shared, window, dag_id.clone(), run_id.clone()),
        views::state(shared),
    )?;
    if tasks.lines.is_empty() && attempts.is_empty() {
        let message =
            format!("There is no usage of the DAG {dag_id} in this window. A longer one may show some.");
        return Err(PageError::NotFound(message));
    }
    let line =
        |(row, cost): (crate::database::queries::AttemptRow, _)| AttemptLine { suspect: row.suspect, cost };
    let attempts: Vec<AttemptLine> = attempts.into_iter().map(line).collect();
    let owner = shared.prices().owners.of(&dag_id).to_owned();
    let page = Dag {
        dag_id: &dag_id,
        owner: &owner,
        run: run_id.as_deref(),
        tasks: &tasks,
        runs: &runs,
        attempts: &attempts,
    };
    Ok(page.render(&informed(frame, shared, window, &known))?)
}

fn frame(shared: &Shared, parameters: &PageParameters, path: &str) -> Frame {
    let window = parameters.window.as_deref().unwrap_or("24h");
    let share = parameters.share_idle.as_deref().unwrap_or("none");
    Frame { path: path.to_owned(), ..Frame::new(&shared.prices().currency, window, share) }
}

/// The frame with what must be known before figures are believed.
fn informed(mut frame: Frame, shared: &Shared, window: Window, known: &Known) -> Frame {
    let hours = window.full_hours();
    let (from, to) = (minute_text(hours.from_ms), minute_text(hours.to_ms.min(unix_ms())));
    frame.span = format!("{from} to {to} UTC, in full hours");
    frame.foot = format!("{} rows in {} files, {} live", known.rows, known.files, known.live_rows);
    for (key, problem) in &known.refused {
        let text = format!(
            "A file of usage cannot be read, its rows are missing: {key}. {problem}. Restore it from a copy, then start with --rebuild."
        );
        frame.notices.push(Notice { loud: true, text });
    }
    if known.missing > 0 {
        let text = format!(
            "{} rows are missing: their writers numbered them, no file has brought them. Figures are too low.",
            known.missing
        );
        frame.notices.push(Notice { loud: true, text });
    }
    let progress = shared.progress();
    if progress.done < progress.all {
        let text = format!(
            "Reading the store: {} of {} files. Figures grow until it is done.",
            progress.done, progress.all
        );
        frame.notices.push(Notice { loud: false, text });
    } else if progress.looked_ms > 0 && progress.looked_ms + STALE_MS < unix_ms() {
        let text = format!(
            "The store has not answered since {} UTC. Live figures go on.",
            minute_text(progress.looked_ms)
        );
        frame.notices.push(Notice { loud: true, text });
    }
    frame
}

#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Render(#[from] RenderError),
    #[error("{0}")]
    NotFound(String),
}

fn answer(page: Result<String, PageError>, frame: &Frame) -> Response {
    match page {
        Ok(page) => html(StatusCode::OK, page),
        Err(PageError::NotFound(message)) => not_found(frame, &message),
        Err(error) => {
            tracing::error!(error = daemon::chain(&error), "a page was not answered");
            let message = "The figures cannot be read just now; the log of updraft-costs says why.";
            html(StatusCode::SERVICE_UNAVAILABLE, error_page(frame, message).unwrap_or_default())
        }
    }
}

fn not_found(frame: &Frame, message: &str) -> Response {
    html(StatusCode::NOT_FOUND, error_page(frame, message).unwrap_or_default())
}

/// Nothing is loaded from elsewhere, and no other site may frame the pages or keep them.
fn html(status: StatusCode, page: String) -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                  connect-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'";
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, Html(page)).into_response()
}
