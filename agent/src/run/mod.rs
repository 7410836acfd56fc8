//! `updraft-agent run`: a component inside the current environment of a repository.
//!
//! At a flip to another environment the new process is started first; the old one is ended only after the
//! new one has stayed up. A flip that keeps the environment restarts nothing.

mod instance;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use daemon::{Backoff, CancellationToken};
use domain::EnvId;
use tokio::sync::watch;

use crate::process::{Adopted, Program, SpawnError, end_all, pids_below_agent};
use crate::volume::{EnvironmentReady, Followed};
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
            let wanted = self.wanted();
            let in_place =
                running.as_ref().is_some_and(|instance| instance.env_id() == env_id(wanted.as_ref()));
            if !in_place {
                match self.replace(running.take(), wanted, &mut backoff, &stop).await? {
                    Some(instance) => running = Some(instance),
                    None if stop.is_cancelled() => return Ok(()),
                    None => continue,
                }
            }
            let Some(instance) = &mut running else { continue };
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

    fn wanted(&mut self) -> Place {
        let followed = self.followed.as_mut()?.borrow_and_update();
        let (_, ready) = followed.current.as_ref()?;
        ready.environments.iter().find(|(name, _)| *name == self.environment).map(|(_, ready)| ready.clone())
    }

    /// Starts the component in its new place, and ends the old one after the new one has stayed up.
    /// `None`: the new one did not, and there is no old one that could go on.
    async fn replace(
        &self,
        old: Option<Instance>,
        place: Place,
        backoff: &mut Backoff,
        stop: &CancellationToken,
    ) -> Result<Option<Instance>, SpawnError> {
        let mut new = match Instance::start(&self.program_in(place.as_ref()), place, &self.adopted) {
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

    /// The program with the environment's interpreter and scripts first.
    fn program_in(&self, place: Option<&EnvironmentReady>) -> Program {
        let mut program = self.program.clone();
        if let Some(place) = place {
            program.variables.extend(inside(place, std::env::var_os("PATH")));
        }
        program
    }
}

fn inside(place: &EnvironmentReady, path: Option<OsString>) -> BTreeMap<String, Option<OsString>> {
    let mut folders = vec![place.path.join("bin")];
    folders.extend(std::env::split_paths(&path.unwrap_or_default()));
    // A folder with a colon in its name cannot stand on PATH at all.
    let path = std::env::join_paths(folders).ok();
    BTreeMap::from([
        ("PATH".to_owned(), path),
        ("VIRTUAL_ENV".to_owned(), Some(place.path.clone().into_os_string())),
        ("PYTHONHOME".to_owned(), None),
    ])
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
