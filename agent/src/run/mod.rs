//! `updraft-agent run`: a component inside the current environment of a repository.
//!
//! At a flip to another environment the new process is started first; the old one is ended only after the
//! new one has stayed up. A flip that keeps the environment restarts nothing.
//!
//! Airflow 2 reads its code from one folder: each instance gets a link of its own, which moves with publications of
//! its environment. A dag-processor keeps one path and is ended before the next one starts.

mod code;
mod instance;

use std::time::Duration;

use daemon::{Backoff, CancellationToken};
use domain::{EnvId, PublicationId};
use tokio::sync::watch;

use crate::place::inside;
use crate::process::{Adopted, Program, SpawnError, end_all, pids_below_agent};
use crate::volume::{CodeLink, EnvironmentReady, Followed};
pub use code::Code;
pub use instance::Instance;

/// Waits before a component that died is started again.
const RESTART: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// A component that lived this long did not fail to start.
const HEALTHY_AFTER: Duration = Duration::from_mins(1);

/// What a component left behind gets this long from SIGTERM to SIGKILL.
const LEFTOVER_GRACE: Duration = Duration::from_secs(2);

/// A component to be run.
#[derive(Debug)]
pub struct Component {
    /// Its command and the variables that do not depend on the environment.
    pub program: Program,
    /// Environment of the repository, by name.
    pub environment: String,
    /// The repository; without one the component stays in the base.
    pub followed: Option<watch::Receiver<Followed>>,
    /// Its code, for an Airflow that reads it from one folder; absent: bundles bring it.
    pub code: Option<Code>,
    /// How long old and new run side by side.
    pub overlap: Duration,
    /// From SIGTERM to SIGKILL.
    pub stop_timeout: Duration,
    /// Who reaps orphans.
    pub adopted: Adopted,
}

/// What a component runs in; `None`: the base.
pub type Place = Option<EnvironmentReady>;

impl Component {
    /// Runs until `stop`, then ends the component. An error means that it can never be started.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), SpawnError> {
        let mut backoff = Backoff::new(RESTART.0, RESTART.1);
        let mut running: Option<Instance> = None;
        loop {
            let (publication, wanted) = match self.wanted() {
                Some((publication, place)) => (Some(publication), place),
                None => (None, None),
            };
            if publication.is_none() && self.code.is_some() && running.is_none() {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = changed(&mut self.followed) => continue,
                }
            }
            let in_place =
                running.as_ref().is_some_and(|instance| instance.env_id() == env_id(wanted.as_ref()));
            if !in_place {
                match self.replace(running.take(), wanted, publication.as_ref(), &mut backoff, &stop).await? {
                    Some(instance) => running = Some(instance),
                    None if stop.is_cancelled() => return Ok(()),
                    None => continue,
                }
            }
            let Some(instance) = &mut running else { continue };
            if let Some(publication) = publication.filter(|_| in_place) {
                instance.move_code(&publication);
            }
            tokio::select! {
                () = stop.cancelled() => {
                    instance.end(self.stop_timeout).await;
                    end_all(pids_below_agent, LEFTOVER_GRACE).await;
                    return Ok(());
                }
                () = changed(&mut self.followed) => {}
                ending = instance.ended() => {
                    let lived = instance.lived();
                    if lived >= HEALTHY_AFTER {
                        backoff.reset();
                    }
                    let wait = backoff.next_wait();
                    tracing::error!(ending, lived_s = lived.as_secs(), wait_ms = wait.as_millis(), "the component died by itself");
                    running = None;
                    if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The current publication, and where it runs.
    fn wanted(&mut self) -> Option<(PublicationId, Place)> {
        let followed = self.followed.as_mut()?.borrow_and_update();
        let (publication, ready) = followed.current.as_ref()?;
        let place = ready.environments.iter().find(|(name, _)| *name == self.environment);
        Some((publication.clone(), place.map(|(_, ready)| ready.clone())))
    }

    /// Starts the component in its new place, and ends the old one after the new one has stayed up.
    /// `None`: the new one did not, and there is no old one that could go on.
    async fn replace(
        &mut self,
        mut old: Option<Instance>,
        place: Place,
        publication: Option<&PublicationId>,
        backoff: &mut Backoff,
        stop: &CancellationToken,
    ) -> Result<Option<Instance>, SpawnError> {
        if self.code.as_ref().is_some_and(Code::one_path)
            && let Some(mut old) = old.take()
        {
            old.end(self.stop_timeout).await;
        }
        let code = self.next_code(publication);
        let program = self.program_in(place.as_ref(), code.as_ref().map(|(link, _)| link));
        let code = code.and_then(|(link, moved)| Some((link, moved?)));
        let mut new = match Instance::start(&program, place, code, &self.adopted) {
            Ok(instance) => instance,
            Err(error) if old.is_none() && !error.is_retryable() => return Err(error),
            Err(error) => {
                tracing::error!(error = crate::chain(&error), "the component cannot be started");
                stop.run_until_cancelled(tokio::time::sleep(backoff.next_wait())).await;
                return Ok(old);
            }
        };
        let Some(mut old) = old else { return Ok(Some(new)) };
        let ended = tokio::select! {
            ending = new.ended() => Some(ending),
            () = tokio::time::sleep(self.overlap) => None,
            () = stop.cancelled() => None,
        };
        if let Some(ending) = ended {
            tracing::error!(
                ending,
                "the component did not stay up in its new environment; the old one goes on"
            );
            // Ended by `stop` too; the caller looks at it next.
            stop.run_until_cancelled(tokio::time::sleep(backoff.next_wait())).await;
            return Ok(Some(old));
        }
        old.end(self.stop_timeout).await;
        Ok(Some(new))
    }

    /// The link of the next instance, and the publication to which it was moved, unless it is another component's.
    fn next_code(
        &mut self,
        publication: Option<&PublicationId>,
    ) -> Option<(CodeLink, Option<PublicationId>)> {
        let (code, publication) = (self.code.as_mut()?, publication?);
        let (link, own) = code.next_link();
        if own && let Err(error) = link.move_to(publication) {
            tracing::error!(error = crate::chain(&error), "the component has no code");
        }
        Some((link, own.then(|| publication.clone())))
    }

    /// The program with the environment's interpreter and scripts first.
    fn program_in(&self, place: Option<&EnvironmentReady>, code: Option<&CodeLink>) -> Program {
        let mut program = self.program.clone();
        if let Some(place) = place {
            program.variables.extend(inside(&place.path, std::env::var_os("PATH")));
        }
        if let Some(code) = code {
            let path = Some(code.path().as_os_str().to_owned());
            program.variables.insert("AIRFLOW__CORE__DAGS_FOLDER".to_owned(), path);
        }
        program
    }
}

fn env_id(place: Option<&EnvironmentReady>) -> Option<EnvId> {
    place.map(|place| place.id)
}

/// Pends for ever without a repository, and once nobody follows it any more.
async fn changed(followed: &mut Option<watch::Receiver<Followed>>) {
    if let Some(followed) = followed
        && followed.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}
