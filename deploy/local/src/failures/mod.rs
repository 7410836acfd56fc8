//! The failure table: each kind of failure is provoked on the real thing, and what comes of it is measured.

mod interruptions;
mod kills;
mod outages;
mod resources;
mod scene;
mod sources;
mod table;

use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::bring_up;
use crate::demo::Watch;
use crate::failure::Failure;
use crate::ledger::write_json;
use crate::process::until;
use crate::progress::Progress;
use crate::repository;
use crate::state::{Overrides, State};
use scene::{DAG, Scene};
use table::{Seen, Table};

/// A first publication without packages: fetched, checked, flipped.
const PUBLICATION: Duration = Duration::from_mins(5);
/// Airflow parses it.
const PARSED: Duration = Duration::from_mins(3);
/// The repository of the failures.
const FILES: [(&str, &str); 2] = [
    ("requirements.txt", include_str!("../../failures-repo/requirements.txt")),
    ("dags/ticks.py", include_str!("../../failures-repo/dags/ticks.py")),
];

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// kill -9 of an agent.
    Agent,
    /// kill -9 of a Celery worker.
    Worker,
    /// kill -9 of agent and worker.
    Both,
    /// kill -9 of a pool child.
    PoolChild,
    /// kill -9 of a task's process.
    Task,
    /// Redis loses everything.
    RedisEmpty,
    /// Redis does not answer for 20 s.
    RedisAway,
    /// PostgreSQL is away for 10 s.
    Postgres,
    /// The store is away for 30 s.
    S3,
    /// The repository is away.
    Git,
    /// The package index is away.
    Index,
    /// The volume's disk is full.
    Disk,
    /// A task takes too much memory.
    Memory,
    /// A second bring-up beside the first, interrupted at several steps.
    Second,
}

impl Kind {
    const ALL: [Self; 14] = [
        Self::Agent,
        Self::Worker,
        Self::Both,
        Self::PoolChild,
        Self::Task,
        Self::RedisEmpty,
        Self::RedisAway,
        Self::Postgres,
        Self::S3,
        Self::Git,
        Self::Index,
        Self::Disk,
        Self::Memory,
        Self::Second,
    ];

    fn cause(self) -> &'static str {
        match self {
            Self::Agent => "`kill -9` of an agent",
            Self::Worker => "`kill -9` of a Celery worker",
            Self::Both => "`kill -9` of agent and worker",
            Self::PoolChild => "`kill -9` of a pool child",
            Self::Task => "`kill -9` of a task's process",
            Self::RedisEmpty => "Redis is killed and comes back empty",
            Self::RedisAway => "Redis does not answer for 20 s",
            Self::Postgres => "PostgreSQL is away for 10 s",
            Self::S3 => "the store (S3) is away for 30 s",
            Self::Git => "the git repository is away",
            Self::Index => "the package index is away when a push needs it",
            Self::Disk => "the volume's disk is full",
            Self::Memory => "a task takes more memory than its cgroup has",
            Self::Second => "Ctrl-C during a second bring-up, then both side by side",
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    async fn provoke(self, scene: &Scene<'_>) -> Result<Seen, Failure> {
        match self {
            Self::Agent => kills::agent(scene).await,
            Self::Worker => kills::worker(scene).await,
            Self::Both => kills::both(scene).await,
            Self::PoolChild => kills::pool_child(scene).await,
            Self::Task => kills::task(scene).await,
            Self::RedisEmpty => outages::redis_empty(scene).await,
            Self::RedisAway => outages::redis_away(scene).await,
            Self::Postgres => outages::postgres(scene).await,
            Self::S3 => outages::s3(scene).await,
            Self::Git => sources::git(scene).await,
            Self::Index => sources::index(scene).await,
            Self::Disk => resources::disk(scene).await,
            Self::Memory => resources::memory(scene).await,
            Self::Second => interruptions::second(scene).await,
        }
    }
}

/// Airflow's own patience, shortened: a table that waits five minutes for each lost heartbeat is run by nobody. And a
/// package index that can be away.
pub(crate) fn overrides(state: &State) -> Overrides {
    let airflow = [
        ("SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT", "15"),
        ("SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL", "2"),
        ("SCHEDULER__TASK_QUEUED_TIMEOUT", "45"),
        ("SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL", "2"),
    ];
    let index = format!("http://127.0.0.1:{}/simple/", state.ports().index);
    Overrides {
        airflow: airflow.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        sync: [("UPDRAFT_INDEX_URL".to_owned(), index)].into(),
    }
}

/// Provokes `kinds` (all when none is named); exit code 0 only when every row holds.
pub(crate) async fn run(state: &State, progress: &Progress, kinds: &[Kind]) -> Result<u8, Failure> {
    let kinds = if kinds.is_empty() { &Kind::ALL } else { kinds };
    if kinds.contains(&Kind::Disk) && !resources::own_disk(state)? {
        progress.say(
            "only root can give the volume a disk of its own: the row `disk` fills the disk that is there",
        );
    }
    let own_disk = kinds.contains(&Kind::Disk) && resources::own_disk(state)?;
    let table = bring_up::guarded(state, progress, || rows(state, progress, kinds, own_disk)).await?;
    bring_up::down(state, progress).await?;
    write_json(&state.path("failures.json"), &table)?;
    print(&table.text());
    Ok(if table.holds() { domain::exit::OK } else { domain::exit::NOTHING })
}

#[expect(clippy::print_stdout, reason = "the table is this command's data")]
fn print(text: &str) {
    print!("{text}");
}

async fn rows(state: &State, progress: &Progress, kinds: &[Kind], own_disk: bool) -> Result<Table, Failure> {
    let base = bring_up::up(state, progress).await?;
    let watch = Watch::new(state, &base).await?;
    let step = progress.step("the repository of the failures is published and parsed");
    for (path, text) in FILES {
        repository::write(state, path, text)?;
    }
    repository::push(state, "A task that ticks").await?;
    watch.published(None, PUBLICATION).await?;
    parsed(&watch).await?;
    step.done("");
    let scene = Scene { watch, own_disk };
    let mut table = Table::default();
    for kind in kinds {
        let step = progress.step(kind.cause());
        let started = Instant::now();
        let seen = match kind.provoke(&scene).await {
            Ok(seen) => seen,
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            // A row that cannot go on ends itself, not the table.
            Err(failure) => {
                failure.tell(progress);
                let words = failure.to_string().lines().next().unwrap_or_default().to_owned();
                Seen { users: words, tasks: String::new(), recovery: Duration::ZERO, holds: Some(false) }
            }
        };
        table.add(&kind.name(), kind.cause(), &seen, started.elapsed());
        step.done(match seen.holds {
            Some(true) => "as it should be",
            Some(false) => "NOT as it should be",
            None => "not provoked here",
        });
    }
    Ok(table)
}

/// Waits until Airflow has the DAG of the current publication.
async fn parsed(watch: &Watch<'_>) -> Result<(), Failure> {
    let wanted = watch.current().await?.map(|id| id.to_string());
    until("Airflow parses the DAG", PARSED, || async {
        let dag = watch.airflow.dag(DAG).await.map_err(|error| error.to_string())?;
        if dag.bundle_version == wanted && !dag.has_import_errors {
            Ok(())
        } else {
            Err(dag.bundle_version.unwrap_or_default())
        }
    })
    .await
}
