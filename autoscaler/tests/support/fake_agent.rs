//! A worker agent for tests: the real socket API over a worker that takes real messages from a real Redis and
//! keeps them in `unacked` as Celery does, but runs nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use autoscaler::fleet::unix_ms;
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::control::{DrainRequest, SCHEMA, WorkerState, WorkerStatus};
use redis::Commands;
use tokio::signal::unix::{SignalKind, signal};

/// How the test binary starts itself as an agent; see `the_fake_agent`.
pub(crate) const SOCKET: &str = "FAKE_AGENT_SOCKET";

struct FakeWorker {
    status: WorkerStatus,
    consuming: bool,
    tasks: BTreeMap<String, String>,
}

type Shared = Arc<Mutex<FakeWorker>>;

/// Runs until SIGTERM. `<directory>/release-<kind>` ends tasks of a kind; a task of kind `crash` ends the agent.
pub(crate) async fn run(socket: &Path) {
    let variable = |name: &str| std::env::var(name).unwrap();
    let directory = PathBuf::from(variable("FAKE_DIRECTORY"));
    let queues: Vec<String> = variable("FAKE_QUEUES").split(',').map(str::to_owned).collect();
    let slots: usize = variable("FAKE_SLOTS").parse().unwrap();
    let mut redis = redis::Client::open(variable("FAKE_REDIS")).unwrap().get_connection().unwrap();
    let status = WorkerStatus {
        schema: SCHEMA,
        worker: format!("celery@{}", variable("FAKE_WORKER")),
        state: WorkerState::Ready,
        epoch: 0,
        active: 0,
        reserved: 0,
        since_ms: unix_ms(),
        reason: None,
    };
    let shared: Shared = Arc::new(Mutex::new(FakeWorker { status, consuming: true, tasks: BTreeMap::new() }));
    let (reader, writer) = (Arc::clone(&shared), Arc::clone(&shared));
    let router = Router::new()
        .route("/v1/worker", get(move || async move { Json(reader.lock().unwrap().status.clone()) }))
        .route(
            "/v1/drain",
            post(move |Json(request): Json<DrainRequest>| async move { Json(drain(&writer, &request)) }),
        );
    // Of one that was killed.
    drop(std::fs::remove_file(socket));
    let listener = tokio::net::UnixListener::bind(socket).unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let work = async {
        loop {
            ticks.tick().await;
            turn(&mut shared.lock().unwrap(), &mut redis, &directory, &queues, slots);
        }
    };
    tokio::select! {
        _ = axum::serve(listener, router).into_future() => {}
        () = work => {}
        _ = terminate.recv() => {
            let left = shared.lock().unwrap().tasks.len();
            if left > 0 {
                append(&directory, "lost", &format!("{left} tasks"));
            }
            std::fs::remove_file(socket).unwrap();
        }
    }
}

fn drain(shared: &Shared, request: &DrainRequest) -> WorkerStatus {
    let mut worker = shared.lock().unwrap();
    if request.epoch > worker.status.epoch {
        worker.status.epoch = request.epoch;
        worker.consuming = request.cancel;
        enter(&mut worker, if request.cancel { WorkerState::Ready } else { WorkerState::Draining });
    }
    worker.status.clone()
}

fn enter(worker: &mut FakeWorker, state: WorkerState) {
    if worker.status.state != state {
        (worker.status.state, worker.status.since_ms) = (state, unix_ms());
    }
}

fn turn(
    worker: &mut FakeWorker,
    redis: &mut redis::Connection,
    directory: &Path,
    queues: &[String],
    slots: usize,
) {
    let released = |kind: &String| directory.join(format!("release-{kind}")).exists();
    let ended: Vec<String> =
        worker.tasks.iter().filter(|(_, kind)| released(kind)).map(|(tag, _)| tag.clone()).collect();
    for tag in ended {
        worker.tasks.remove(&tag);
        let Ok(()) = redis.hdel::<_, _, ()>("unacked", &tag) else { continue };
        append(directory, "done", &tag);
    }
    for queue in queues {
        if !worker.consuming || worker.tasks.len() >= slots {
            break;
        }
        let Ok(Some(message)) = redis.rpop::<_, Option<String>>(queue, None) else { continue };
        let parsed: serde_json::Value = serde_json::from_str(&message).unwrap();
        let tag = parsed["headers"]["id"].as_str().unwrap().to_owned();
        let kind = tag.split('-').next().unwrap().to_owned();
        assert_ne!(kind, "crash", "as asked");
        // One task of a kind per worker, so that tests know who has what.
        if kind.starts_with("one") && worker.tasks.values().any(|taken| *taken == kind) {
            let _: u64 = redis.lpush(queue, message).unwrap();
            continue;
        }
        let _: () = redis.hset("unacked", &tag, format!("[{message},\"\",\"{queue}\"]")).unwrap();
        append(directory, "started", &format!("{tag} {}", unix_ms()));
        worker.tasks.insert(tag, kind);
    }
    worker.status.active = u32::try_from(worker.tasks.len()).unwrap();
    if worker.status.state == WorkerState::Draining && worker.tasks.is_empty() {
        enter(worker, WorkerState::Drained);
    }
}

fn append(directory: &Path, name: &str, line: &str) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(directory.join(name)).unwrap();
    writeln!(file, "{line}").unwrap();
}
