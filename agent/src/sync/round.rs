//! One round: where git is, where the ref is, and the next step between them.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use agent_gitsync::{Commit, CommitId, Limits, Login, Mirror, Remote};
use domain::{BaseId, Publication, PublicationId};
use objectstore::Store;
use tokio::task::spawn_blocking;

use super::airflow::Airflow;
use super::announce::{Announcer, Listening};
use super::bases::{self, LiveBase};
use super::build::Builder;
use super::candidate::{Bench, Proof};
use super::error::{disk, store};
use super::flip::{Flip, Proposed, Settled, Standing, Step};
use super::publication::serves;
use super::status::{Outcome, Status, Verdict, now};
use super::{SyncError, SyncSettings};

/// How often the store is looked at while git stands still: for new bases, and flips of other syncs.
const STORE_LOOK: Duration = Duration::from_secs(5);
/// How often the own bases are registered again; the record says the day.
const REGISTER_EVERY: Duration = Duration::from_hours(1);

/// A commit on its way to an outcome, with what the outcome will say.
struct Attempt {
    commit: Commit,
    started: Instant,
    bases: Vec<String>,
    warnings: Vec<String>,
}

/// Everything that rounds share.
pub(super) struct Follower {
    settings: SyncSettings,
    mirror: Mirror,
    builder: Builder,
    announcer: Announcer,
    airflow: Option<Airflow>,
    store: Option<Store>,
    own_bases: Option<(Instant, Vec<LiveBase>)>,
    /// Commit after which everything was settled, and when.
    settled: Option<(CommitId, Instant)>,
    /// Candidate seen beside a current publication of git's commit.
    stale: Option<PublicationId>,
    pub(super) status: Status,
}

impl Follower {
    /// Opens what is on this machine; nothing is connected yet.
    pub(super) fn open(settings: SyncSettings) -> Result<Self, SyncError> {
        let missing = |setting| SyncError::Missing { setting };
        let url = settings.git_url.clone().ok_or(missing("--git-url (UPDRAFT_GIT_URL)"))?;
        let address = settings.store.clone().ok_or(missing("--store (UPDRAFT_STORE)"))?;
        let state = &settings.state_dir;
        let candidates = state.join("candidates");
        // What a run that was killed left.
        match std::fs::remove_dir_all(&candidates) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(disk(&candidates)(error));
            }
            _ => std::fs::create_dir_all(&candidates).map_err(disk(&candidates))?,
        }
        let mut remote = Remote::new(url);
        if let (Some(username), Some(path)) = (&settings.git_username, &settings.git_password_file) {
            remote =
                remote.with_login(Login::PasswordFile { username: username.clone(), path: path.clone() });
        }
        let mirror = Mirror::open(&state.join("mirror"), remote, Limits::default())?;
        let builder = Builder {
            program: settings.depcache.clone().unwrap_or_else(beside_this_program),
            store: address,
            volume: settings.candidates_volume(),
            limit: Duration::from_secs(settings.build_timeout_s),
        };
        let announcer = Announcer::new(
            settings.broker_url.clone(),
            settings.release.clone(),
            settings.repository.clone(),
        );
        let status = Status::load(state)?.filter(|status| status.repository == settings.repository);
        let status = status.unwrap_or_else(|| Status::new(settings.repository.clone()));
        let airflow = Airflow::of(&settings)?;
        Ok(Self {
            settings,
            mirror,
            builder,
            announcer,
            airflow,
            store: None,
            own_bases: None,
            settled: None,
            stale: None,
            status,
        })
    }

    /// Polls, and does what is to be done. `Err` is trouble: nothing flipped, the next round tries again.
    pub(super) async fn round(&mut self) -> Result<(), SyncError> {
        let started = Instant::now();
        let (mirror, name) = (self.mirror.clone(), self.settings.git_ref.clone());
        let id = spawn_blocking(move || mirror.poll(&name)).await.map_err(SyncError::Ended)??;
        let quiet = |(commit, at): &(CommitId, Instant)| *commit == id && at.elapsed() < STORE_LOOK;
        if self.status.trouble.is_none() && self.settled.as_ref().is_some_and(quiet) {
            return Ok(());
        }
        let objects = self.objects().await?;
        let bases = self.bases(&objects).await?;
        let ids: Vec<BaseId> = bases.iter().map(|base| base.id).collect();
        let names: Vec<String> = ids.iter().map(BaseId::short).collect();
        let repository = self.settings.repository.clone();
        let reference = self.settings.reference.clone();
        let go_on = |_: Step| -> ControlFlow<()> { ControlFlow::Continue(()) };
        let flip = Flip { store: &objects, repository: &repository, reference: &reference, after: &go_on };
        let standing = flip.read().await?;
        let served = |publication: &Option<Publication>| {
            publication.as_ref().is_some_and(|publication| serves(publication, id.as_str(), &ids))
        };
        if served(&standing.current) {
            self.withdraw_stale(flip, &standing).await?;
            self.announce_current(&standing).await;
        } else if let (true, Some(candidate)) = (served(&standing.candidate), &standing.reference.candidate) {
            // A run ended between candidate and current: it was proved before it was written.
            let sequence = standing.reference.sequence;
            let commit = self.commit(&id).await?;
            let attempt = Attempt { commit, started, bases: names, warnings: Vec::new() };
            let listening = self.announcer.listen().await;
            self.finish(flip, listening, candidate, sequence, attempt).await?;
        } else if !self.status.is_refused(id.as_str(), &names) {
            let commit = self.commit(&id).await?;
            let attempt = Attempt { commit, started, bases: names, warnings: Vec::new() };
            self.publish(flip, &standing, &bases, attempt).await?;
        }
        self.settled = Some((id, Instant::now()));
        Ok(())
    }

    async fn publish(
        &mut self,
        flip: Flip<'_>,
        standing: &Standing,
        bases: &[LiveBase],
        mut attempt: Attempt,
    ) -> Result<(), SyncError> {
        let commit = &attempt.commit;
        tracing::info!(commit = %commit.id, author = commit.author, "a new commit: {}", commit.summary);
        let parent = self.settings.state_dir.join("candidates");
        let scratch = tempfile::tempdir_in(&parent).map_err(disk(&parent))?;
        let bench = Bench {
            mirror: &self.mirror,
            store: flip.store,
            builder: &self.builder,
            repository: flip.repository,
            dags_subdir: &self.settings.dags_subdir,
            bases,
            volume: self.settings.candidates_volume(),
        };
        match bench.prove(commit, standing.current.as_ref(), scratch.path()).await? {
            Proof::Refused(reason) => self.note(attempt, Verdict::Refused { reason }),
            Proof::Proved { proved, tree, warnings } => {
                attempt.warnings = warnings;
                tree.upload(flip.store, flip.repository, attempt.commit.id.as_str()).await?;
                flip.done(Step::Tree)?;
                let now_s = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
                let listening = self.announcer.listen().await;
                match flip.propose(&proved, now_s).await? {
                    Proposed::Current(publication) => self.note(attempt, Verdict::Published { publication }),
                    Proposed::Candidate(publication, sequence) => {
                        self.finish(flip, listening, &publication, sequence, attempt).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A candidate beside a current publication of the commit that git is at was left by a run that ended before
    /// git went back. Seen at two looks in a row it is not another sync's work of this moment.
    async fn withdraw_stale(&mut self, flip: Flip<'_>, standing: &Standing) -> Result<(), SyncError> {
        let candidate = standing.reference.candidate.clone();
        if let Some(id) = candidate.as_ref().filter(|_| candidate == self.stale) {
            tracing::info!(publication = %id, "a candidate that was left is taken back");
            flip.withdraw(id).await?;
        }
        self.stale = candidate;
        Ok(())
    }

    /// From candidate to current, told to everybody.
    async fn finish(
        &mut self,
        flip: Flip<'_>,
        listening: Option<Listening>,
        id: &PublicationId,
        sequence: u64,
        attempt: Attempt,
    ) -> Result<(), SyncError> {
        let limit = Duration::from_secs(self.settings.flip_wait_s);
        let (ready, asked) = self.announcer.make_ready(listening, sequence, limit).await;
        tracing::info!(publication = %id, ready, asked, "candidate");
        match flip.settle(id).await? {
            Settled::Superseded => tracing::info!(publication = %id, "another candidate took its place"),
            Settled::Current(_) => {
                self.note(attempt, Verdict::Published { publication: id.clone() });
                let standing = flip.read().await?;
                self.announce_current(&standing).await;
            }
        }
        Ok(())
    }

    /// Tells readers and Airflow about the current publication, unless they were told.
    async fn announce_current(&mut self, standing: &Standing) {
        let (Some(id), Some(publication)) = (&standing.reference.current, &standing.current) else { return };
        if self.status.announced.as_ref() == Some(id) {
            return;
        }
        self.announcer.current(standing.reference.sequence).await;
        if let Some(airflow) = &self.airflow {
            let previous = self.previous(publication).await;
            if let Err(error) = airflow.parse(id, publication, previous.as_ref()).await {
                let error = daemon::chain(&error);
                tracing::warn!(error, "Airflow was not told; it parses in its own time");
            }
        }
        self.status.announced = Some(id.clone());
        self.save_status();
    }

    async fn previous(&self, publication: &Publication) -> Option<Publication> {
        let key = domain::keys::publication(&publication.repository, publication.previous.as_ref()?);
        let object = self.store.as_ref()?.get(&key).await.ok()??;
        serde_json::from_slice(&object.bytes).ok()
    }

    fn note(&mut self, attempt: Attempt, verdict: Verdict) {
        self.status.note(Outcome {
            commit: attempt.commit.id.to_string(),
            author: attempt.commit.author,
            summary: attempt.commit.summary,
            at: now(),
            verdict,
            warnings: attempt.warnings,
            took_ms: u64::try_from(attempt.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            bases: attempt.bases,
        });
        self.save_status();
    }

    async fn commit(&self, id: &CommitId) -> Result<Commit, SyncError> {
        let (mirror, id) = (self.mirror.clone(), id.clone());
        Ok(spawn_blocking(move || mirror.commit(&id)).await.map_err(SyncError::Ended)??)
    }

    async fn objects(&mut self) -> Result<Store, SyncError> {
        if let Some(objects) = &self.store {
            return Ok(objects.clone());
        }
        let objects = Store::open(&self.builder.store).await.map_err(store("opening it"))?;
        self.store = Some(objects.clone());
        Ok(objects)
    }

    async fn bases(&mut self, objects: &Store) -> Result<Vec<LiveBase>, SyncError> {
        let fresh = |(at, _): &(Instant, _)| at.elapsed() < REGISTER_EVERY;
        if !self.own_bases.as_ref().is_some_and(fresh) {
            let mut own = Vec::new();
            for python in &self.settings.base_python {
                let base = bases::describe(python.clone()).await?;
                bases::register(objects, &base).await?;
                own.push(base);
            }
            self.own_bases = Some((Instant::now(), own));
        }
        let own = self.own_bases.as_ref().map_or(&[][..], |(_, own)| own);
        let (live, elsewhere) = bases::live(objects, own).await?;
        if !elsewhere.is_empty() {
            tracing::warn!(bases = ?elsewhere, "live bases whose interpreter is not on this machine are not built for");
        }
        if live.is_empty() { Err(SyncError::NoBase) } else { Ok(live) }
    }

    /// Saves the status; failing to is told, never fatal.
    pub(super) fn save_status(&self) {
        if let Err(error) = self.status.save(&self.settings.state_dir) {
            tracing::warn!(error = daemon::chain(&error), "the status is not saved");
        }
    }
}

/// `depcache` in the folder of this program, else the one on `PATH`.
fn beside_this_program() -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("depcache")));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from("depcache"))
}
