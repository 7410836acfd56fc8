use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_core::{Policy, State};
use daemon::{OnFailure, Outcome, SecondSignal, Signals, Stage, Supervisor};
use tokio::sync::{mpsc, watch};

use super::delivery::{Deliver, StartError};
use super::rolling::Supervised;
use super::shipping::Shipping;
use super::usage;
use crate::process::{Family, MARK, Program};
use crate::settings::WorkerSettings;
use crate::socket;
use crate::worker::{CommandLogs, Control, NodeName, RecordFile, Request, RunningFile, Worker, node_name};

/// Drain requests that wait: they are answered within a moment.
const REQUESTS: usize = 16;
/// By this variable the autoscaler finds an agent whose pid it did not write down.
const FLEET_MARKER: &str = "UPDRAFT_AUTOSCALER_WORKER";
/// After the worker's own deadlines, for everything else to end.
const LAST_STAGES: Duration = Duration::from_mins(2);

/// `updraft-agent worker`: supervises until it is told to stop and the worker has ended.
pub async fn worker(settings: WorkerSettings, signals: Signals) -> Result<Outcome, StartError> {
    let host = host_name();
    let NodeName { node, command } = node_name(&settings.command, settings.worker_name.as_deref(), &host);
    let mut deliver = Deliver::prepare(&settings.delivery, &settings.repository, &command).await?;
    let socket = match &settings.socket {
        Some(path) => {
            let failed = |source| StartError::System { step: "the socket has no absolute path", source };
            Some(std::path::absolute(path).map_err(failed)?)
        }
        None => None,
    };
    let listener = match &socket {
        Some(path) => Some(socket::bind(path).await?),
        None => None,
    };
    let mut variables = deliver.variables(socket.as_ref());
    if settings.remote_log_folder.is_some() {
        // The agent ships the logs; the worker must not upload them a second time.
        variables.insert("AIRFLOW__LOGGING__REMOTE_LOGGING".to_owned(), Some("False".into()));
    }
    let running = running_file(&settings, socket.as_deref(), deliver.volume.root(), &node);
    variables.insert(MARK.to_owned(), Some(running.path().as_os_str().to_owned()));
    // What finds this agent again must not find its worker.
    variables.insert(FLEET_MARKER.to_owned(), None);
    let shipping = Shipping::prepare(&settings, deliver.volume.root(), &node).await?;
    let measured = usage::prepare(&settings, &deliver, &node, &host, &command).await?;
    let usage = measured.usage.clone();
    let policy = Policy {
        drain_timeout_ms: settings.drain_timeout_s.saturating_mul(1_000),
        has_control: deliver.link.is_some(),
        ..Policy::default()
    };
    let (status, statuses) = watch::channel(State::new(policy.clone(), 0).status(&node));
    let (requests, taken) = mpsc::channel::<Request>(REQUESTS);
    let record = record_file(&settings, socket.as_deref(), deliver.volume.root(), &node);
    tracing::info!(worker = node, pool = settings.pool, base = deliver.base.id.short(), "supervising");
    let mut supervisor = Supervisor::new();
    if let Some(shipping) = &shipping {
        shipping.spawn(&mut supervisor);
    }
    usage::spawn(&mut supervisor, measured);
    // Before the worker: what fails here must not leave a worker without an agent.
    deliver.spawn(&mut supervisor, &settings.repository, &node).await?;
    let handle = supervisor.handle();
    let family = Family::default();
    let worker = Worker {
        program: Program { command, variables, slots: None },
        node: node.clone(),
        control: Control::new(deliver.link.clone(), node.clone(), family.clone(), Some(usage.clone())),
        record,
        running,
        adopted: deliver.adopted.clone(),
        command_logs: CommandLogs::new(settings.base_log_folder.clone(), family.clone()),
        family,
        policy,
        status,
        ready: deliver.health.component("worker"),
        logs: shipping.as_ref().map(|shipping| shipping.shipper.clone()),
        usage: Some(usage.clone()),
    };
    let worker = Supervised::of(worker, &settings, &deliver)?;
    let mut once = Some((worker, taken));
    supervisor.spawn("worker", Stage::Intake, OnFailure::ShutDown, move |stop| {
        let (once, handle) = (once.take(), handle.clone());
        async move {
            if let Some((worker, taken)) = once {
                worker.supervise(taken, stop).await?;
            }
            handle.shut_down("the worker was stopped");
            Ok(())
        }
    });
    if let Some(listener) = listener {
        let (api, mut listener) = (deliver.api().with_worker(statuses, requests, usage), Some(listener));
        // Answers until the end: whoever drains watches the worker stop.
        supervisor.spawn("socket", Stage::Flush, OnFailure::ShutDown, move |stop| {
            let (api, listener) = (api.clone(), listener.take());
            async move {
                if let Some(listener) = listener {
                    socket::serve(listener, api, stop).await?;
                }
                Ok(())
            }
        });
    }
    let grace = Duration::from_secs(settings.drain_timeout_s).saturating_add(LAST_STAGES);
    let outcome =
        supervisor.run(signals, daemon::Policy { grace, second_signal: SecondSignal::Ignore }).await;
    if let Some(shipping) = shipping {
        shipping.end().await;
    }
    if let Some(path) = &socket
        && let Err(error) = std::fs::remove_file(path)
    {
        tracing::debug!(path = %path.display(), %error, "the socket stays");
    }
    Ok(outcome)
}

fn record_file(settings: &WorkerSettings, socket: Option<&Path>, volume: &Path, node: &str) -> RecordFile {
    let outlives_stop = settings.state_dir.is_some();
    RecordFile::new(state_file(settings, socket, volume, node, "drain.json"), outlives_stop)
}

fn running_file(settings: &WorkerSettings, socket: Option<&Path>, volume: &Path, node: &str) -> RunningFile {
    RunningFile::at(state_file(settings, socket, volume, node, "worker.json"))
}

/// A file of this worker: in its state folder, else beside its socket, else on the volume.
fn state_file(
    settings: &WorkerSettings,
    socket: Option<&Path>,
    volume: &Path,
    node: &str,
    kind: &str,
) -> PathBuf {
    let beside = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{kind}"));
        PathBuf::from(name)
    };
    match (&settings.state_dir, socket) {
        (Some(folder), _) => folder.join(kind),
        (None, Some(socket)) => beside(socket),
        (None, None) => beside(&volume.join("workers").join(node)),
    }
}

/// As Celery sees it (`socket.gethostname()`).
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}
