use std::time::{Duration, Instant};

use depcache::environment::{Hold, hold};
use domain::{EnvId, PublicationId};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::task::JoinSet;

use super::Place;
use crate::process::{Adopted, Program, SpawnError, Started, descendants, end_all, pass_through};
use crate::volume::CodeLink;

/// One process of a component.
#[derive(Debug)]
pub struct Instance {
    started: Started,
    place: Place,
    code: Option<(CodeLink, PublicationId)>,
    since: Instant,
    adopted: Adopted,
    /// Its environment stays on the volume as long as it runs.
    _hold: Option<Hold>,
    _output: JoinSet<std::io::Result<()>>,
}

impl Instance {
    /// Starts it.
    pub fn start(
        program: &Program,
        place: Place,
        code: Option<(CodeLink, PublicationId)>,
        adopted: &Adopted,
    ) -> Result<Self, SpawnError> {
        // Until it is known as awaited, a child that ends at once must not be reaped as an orphan.
        let _paused = adopted.pause();
        let mut started = program.start()?;
        adopted.own(started.pid);
        let mut output = JoinSet::new();
        if let Some(stdout) = started.child.stdout.take() {
            output.spawn(pass_through(stdout));
        }
        if let Some(stderr) = started.child.stderr.take() {
            output.spawn(pass_through(stderr));
        }
        let environment = place.as_ref().map_or_else(|| "base".to_owned(), |place| place.id.short());
        tracing::info!(pid = started.pid, environment, "component started");
        let held = place.as_ref().and_then(|place| hold(&place.path).ok().flatten());
        Ok(Self {
            started,
            place,
            code,
            since: Instant::now(),
            adopted: adopted.clone(),
            _hold: held,
            _output: output,
        })
    }

    /// The environment it runs in; `None`: the base.
    pub fn env_id(&self) -> Option<EnvId> {
        self.place.as_ref().map(|place| place.id)
    }

    /// Moves its code to another publication of its environment, where it has code of its own.
    pub fn move_code(&mut self, to: &PublicationId) {
        let Some((code, publication)) = &mut self.code else { return };
        if publication == to {
            return;
        }
        match code.move_to(to) {
            Ok(()) => {
                tracing::info!(pid = self.started.pid, publication = %to, "new code, same environment");
                *publication = to.clone();
            }
            Err(error) => tracing::error!(error = crate::chain(&error), "the component keeps its old code"),
        }
    }

    /// How long it has lived.
    pub fn lived(&self) -> Duration {
        self.since.elapsed()
    }

    /// Waits for its end; answers how it ended, in words. Cancel-safe.
    pub async fn ended(&mut self) -> String {
        match self.started.child.wait().await {
            Ok(status) => {
                self.adopted.awaited(self.started.pid);
                status.to_string()
            }
            Err(error) => error.to_string(),
        }
    }

    /// SIGTERM, then after `timeout` its whole tree is ended.
    pub async fn end(&mut self, timeout: Duration) {
        let pid = self.started.pid;
        // By descent from this process: while it lives, its tree hangs below it.
        let tree = || {
            let processes = descendants(pid, 0);
            processes.iter().filter(|process| !process.zombie).map(|process| process.pid).collect::<Vec<_>>()
        };
        if let Ok(raw) = i32::try_from(pid)
            && let Err(error) = kill(Pid::from_raw(raw), Signal::SIGTERM)
        {
            tracing::debug!(pid, %error, "the component had ended already");
        }
        match tokio::time::timeout(timeout, self.ended()).await {
            Ok(ending) => tracing::info!(pid, ending, "component ended"),
            Err(_late) => {
                tracing::warn!(pid, timeout_s = timeout.as_secs(), "the component did not end in time");
                end_all(tree, Duration::ZERO).await;
                let ending = self.ended().await;
                tracing::info!(pid, ending, "component ended");
            }
        }
    }
}
