use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use depcache::environment::Way;
use domain::control::{DrainRequest, WorkerStatus};
use domain::{BaseId, EnvId, PublicationId, RepositoryName};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};

use crate::usage::{Report, Usage};
use crate::volume::{Followed, PrepareError, Preparer};
use crate::worker::Request;

/// What the API answers from.
#[derive(Clone)]
pub struct Api {
    /// Makes trees and environments usable; absent without a store.
    pub preparer: Option<Arc<Preparer>>,
    /// Followed repositories.
    pub followed: BTreeMap<String, watch::Receiver<Followed>>,
    /// The worker; absent in `run`.
    pub worker: Option<WorkerApi>,
    /// What its tasks use.
    pub usage: Option<Arc<Usage>>,
}

/// The part of the API that only a worker's agent has.
#[derive(Clone)]
pub struct WorkerApi {
    /// Its state.
    pub status: watch::Receiver<WorkerStatus>,
    /// Takes drains.
    pub requests: mpsc::Sender<Request>,
}

impl Api {
    /// With the state and the drains of a worker.
    #[must_use]
    pub fn with_worker(
        mut self,
        status: watch::Receiver<WorkerStatus>,
        requests: mpsc::Sender<Request>,
        usage: Arc<Usage>,
    ) -> Self {
        self.worker = Some(WorkerApi { status, requests });
        self.usage = Some(usage);
        self
    }
}

/// The routes.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/v1/health", get(|State(api): State<Api>| async move { health(&api) }))
        .route("/v1/worker", get(|State(api): State<Api>| async move { worker(api) }))
        .route("/v1/usage", get(usage))
        .route("/v1/drain", post(drain))
        .route("/v1/trees/{repository}/{publication}", put(tree))
        .route("/v1/environments/{environment}", put(environment))
        .with_state(api)
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_id: Option<BaseId>,
    repositories: BTreeMap<String, Repository>,
}

#[derive(Serialize)]
struct Repository {
    current: Option<PublicationId>,
    candidate: Option<PublicationId>,
    sequence: u64,
    problem: Option<String>,
}

fn health(api: &Api) -> Json<Health> {
    let repository = |followed: &watch::Receiver<Followed>| {
        let followed = followed.borrow();
        Repository {
            current: followed.current.as_ref().map(|(id, _)| id.clone()),
            candidate: followed.candidate.clone(),
            sequence: followed.sequence,
            problem: followed.problem.clone(),
        }
    };
    Json(Health {
        status: "ok",
        base_id: api.preparer.as_ref().map(|preparer| preparer.base_id()),
        repositories: api
            .followed
            .iter()
            .map(|(name, followed)| (name.clone(), repository(followed)))
            .collect(),
    })
}

fn worker(api: Api) -> Result<Json<WorkerStatus>, Refusal> {
    let worker = api.worker.ok_or(Refusal::NoWorker)?;
    Ok(Json(worker.status.borrow().clone()))
}

async fn usage(State(api): State<Api>) -> Result<Json<Report>, Refusal> {
    let usage = api.usage.ok_or(Refusal::NoWorker)?;
    // Waits for a look that is under way: some milliseconds.
    let report = tokio::task::spawn_blocking(move || usage.report()).await;
    report.map(Json).map_err(|_| Refusal::Ending)
}

async fn drain(
    State(api): State<Api>,
    request: Result<Json<DrainRequest>, JsonRejection>,
) -> Result<Json<WorkerStatus>, Refusal> {
    let Json(drain) = request.map_err(|error| Refusal::Malformed(error.body_text()))?;
    let worker = api.worker.ok_or(Refusal::NoWorker)?;
    let (answer, status) = oneshot::channel();
    // Both fail only once supervision has ended, and the program with it.
    worker.requests.send(Request { drain, answer }).await.map_err(|_| Refusal::Ending)?;
    status.await.map(Json).map_err(|_| Refusal::Ending)
}

async fn tree(
    State(api): State<Api>,
    Path((repository, publication)): Path<(String, String)>,
) -> Result<Json<crate::volume::Ready>, Refusal> {
    let repository: RepositoryName = repository.parse().map_err(|error| Refusal::malformed(&error))?;
    let publication: PublicationId = publication.parse().map_err(|error| Refusal::malformed(&error))?;
    let preparer = api.preparer.ok_or(Refusal::NoStore)?;
    preparer
        .publication(&repository, &publication)
        .await
        .map(Json)
        .map_err(|error| Refusal::not_ready(&error))
}

#[derive(Serialize)]
struct EnvironmentAnswer {
    path: PathBuf,
    mode: Way,
    took_ms: u64,
}

async fn environment(
    State(api): State<Api>,
    Path(environment): Path<String>,
) -> Result<Json<EnvironmentAnswer>, Refusal> {
    let env_id: EnvId = environment.parse().map_err(|error| Refusal::malformed(&error))?;
    let preparer = api.preparer.ok_or(Refusal::NoStore)?;
    let (ready, took_ms) = preparer.environment(env_id).await.map_err(|error| Refusal::not_ready(&error))?;
    Ok(Json(EnvironmentAnswer { path: ready.path, mode: ready.mode, took_ms }))
}

/// Why a request is refused; the body is `{"reason": …}`.
enum Refusal {
    Malformed(String),
    NoWorker,
    NoStore,
    NotReady(String),
    Ending,
}

impl Refusal {
    fn malformed(error: &dyn std::error::Error) -> Self {
        Self::Malformed(error.to_string())
    }

    fn not_ready(error: &PrepareError) -> Self {
        Self::NotReady(crate::chain(error))
    }
}

#[derive(Serialize)]
struct Reason {
    reason: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (code, reason) = match self {
            Self::Malformed(reason) => (StatusCode::BAD_REQUEST, reason),
            Self::NoWorker => (StatusCode::NOT_FOUND, "this agent supervises no worker".to_owned()),
            Self::NoStore => {
                (StatusCode::SERVICE_UNAVAILABLE, "this agent has no store (UPDRAFT_STORE)".to_owned())
            }
            Self::NotReady(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason),
            Self::Ending => (StatusCode::SERVICE_UNAVAILABLE, "the agent is ending".to_owned()),
        };
        (code, Json(Reason { reason })).into_response()
    }
}
