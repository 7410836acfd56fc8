//! Everything up, everything down.

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::descent;
use crate::failure::Failure;
use crate::ledger::Entry;
use crate::process;
use crate::progress::Progress;
use crate::state::State;
use crate::{airflow, base, machine, programs, repository, services};

/// Polite time for each process; an Airflow component needs a few seconds, a worker in the middle of a task the rest.
const STOP: Duration = Duration::from_secs(20);
/// After a kill the kernel needs a moment only.
const REAP: Duration = Duration::from_secs(5);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Runs `work`; when it fails or Ctrl-C comes, ends what was started.
pub(crate) async fn guarded<T, F>(
    state: &State,
    progress: &Progress,
    work: impl FnOnce() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let listen = |kind| signal(kind).map_err(|source| Failure::Runtime { source });
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let result = tokio::select! {
        result = work() => result,
        _ = interrupt.recv() => Err(Failure::Interrupted),
        _ = terminate.recv() => Err(Failure::Interrupted),
    };
    if result.is_err() {
        down(state, progress).await?;
    }
    result
}

/// Starts everything; answers the base's prefix.
pub(crate) async fn up(state: &State, progress: &Progress) -> Result<PathBuf, Failure> {
    let running: Vec<String> =
        state.ledger().entries()?.into_iter().filter(Entry::is_running).map(|entry| entry.name).collect();
    if !running.is_empty() {
        return Err(Failure::Running { path: state.dir().to_owned(), names: running.join(", ") });
    }
    state.ledger().clear()?;
    machine::install().await?;
    fresh(state)?;
    let step = progress.step("services: Redis, PostgreSQL, S3");
    services::start(state).await?;
    step.done("");
    forget_publications(state).await?;
    let base = base::ready(state, progress).await?;
    let step = progress.step("Airflow: tables, API, scheduler");
    airflow::start(state, &base).await?;
    step.done(&state.airflow_url());
    repository::create(state).await?;
    let step = progress.step("Updraft: costs, sync, dag-processor, triggerer, autoscaler");
    programs::start(state, &base)?;
    step.done("");
    Ok(base)
}

/// Forgets what belongs to the last repository; layers, environments and caches stay.
fn fresh(state: &State) -> Result<(), Failure> {
    let gone = [
        "logs",
        "airflow",
        "sync",
        "autoscaler",
        "volume/trees",
        "volume/current",
        "volume/dags",
        "volume/workers",
    ];
    for path in gone.map(|name| state.path(name)).into_iter().chain([services::log_folder(state)]) {
        if path.exists() {
            fs::remove_dir_all(&path).map_err(Failure::file("remove", &path))?;
        }
    }
    for path in ["logs", "airflow", "volume", "sync", "autoscaler"].map(|name| state.path(name)) {
        fs::create_dir_all(&path).map_err(Failure::file("create", path))?;
    }
    Ok(())
}

/// A new repository starts at its first publication, and its bill at nothing; the base of the last time may be another
/// line's.
async fn forget_publications(state: &State) -> Result<(), Failure> {
    let store = services::store(state)?;
    let trees = format!("v1/trees/{}/", airflow::REPOSITORY);
    // The usage of the last bring-up goes with its repository: a bill is of one demo.
    for prefix in [&trees, domain::keys::USAGE, domain::keys::BASES] {
        for listed in store.list(prefix).await? {
            store.delete(&listed.key).await?;
        }
    }
    Ok(())
}

/// Ends exactly what was started, youngest first, and what that left behind.
pub(crate) async fn down(state: &State, progress: &Progress) -> Result<(), Failure> {
    let mut entries = state.ledger().entries()?;
    entries.retain(Entry::is_running);
    entries.reverse();
    // The autoscaler's agents outlive it by design, and so do the tasks of a killed worker.
    let family = descent::family(state.dir(), &entries);
    let step = progress.step("ending what was started");
    for entry in &entries {
        process::signal(entry, Signal::SIGTERM);
    }
    for agent in family.iter().filter(|process| process.marked && !entries.contains(&process.entry)) {
        process::signal(&agent.entry, Signal::SIGTERM);
    }
    let all = || entries.iter().chain(family.iter().map(|process| &process.entry));
    let started = Instant::now();
    while started.elapsed() < STOP && all().any(Entry::is_running) {
        tokio::time::sleep(LOOK).await;
    }
    let started = Instant::now();
    loop {
        // Looked up again each time: what is killed may have started something a moment before.
        let rest: Vec<Entry> = descent::family(state.dir(), &entries)
            .into_iter()
            .map(|process| process.entry)
            .chain(all().cloned())
            .filter(Entry::is_running)
            .collect();
        if rest.is_empty() || started.elapsed() > REAP {
            break;
        }
        for entry in &rest {
            process::signal(entry, Signal::SIGKILL);
        }
        tokio::time::sleep(LOOK).await;
    }
    state.ledger().clear()?;
    step.done(&format!("{} processes", all().count()));
    Ok(())
}

/// Addresses on standard output, one per line.
#[expect(clippy::print_stdout, reason = "data that scripts read")]
pub(crate) fn print_urls(state: &State) {
    let ports = state.ports();
    println!("airflow\t{}", state.airflow_url());
    println!("costs\t{}", state.costs_url());
    println!("redis\t{}", state.redis_url());
    println!("s3\thttp://127.0.0.1:{}", ports.s3);
    println!("postgres\tpostgresql://postgres@127.0.0.1:{}/postgres", ports.postgres);
    println!("repository\t{}", repository::bare(state).display());
    println!("logs\t{}", state.path("logs").display());
}
