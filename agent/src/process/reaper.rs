use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio_util::sync::CancellationToken;

use super::table::{descendants, own_group};
use crate::usage::Usage;

/// How often ended orphans are looked for: they cost a slot in the process table, nothing else.
const EVERY: Duration = Duration::from_secs(1);

/// Children that the agent started itself and awaits itself; everything else that ends below it was adopted.
#[derive(Debug, Clone, Default)]
pub struct Adopted {
    own: Arc<Mutex<BTreeSet<u32>>>,
    busy: Arc<Mutex<u32>>,
    usage: Arc<OnceLock<Arc<Usage>>>,
}

/// While this lives, nothing is reaped: a library starts and awaits processes of its own.
#[derive(Debug)]
pub struct Paused(Adopted);

impl Drop for Paused {
    fn drop(&mut self) {
        let mut busy = self.0.busy.lock().unwrap_or_else(PoisonError::into_inner);
        *busy = busy.saturating_sub(1);
    }
}

impl Adopted {
    /// Makes the agent the parent of every orphan below it.
    pub fn begin() -> std::io::Result<Self> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        Ok(Self::default())
    }

    /// What reaped orphans used is written down from now on.
    pub fn measure(&self, usage: Arc<Usage>) {
        // A second one changes nothing: an agent has one.
        drop(self.usage.set(usage));
    }

    /// A child that somebody awaits.
    pub fn own(&self, pid: u32) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
    }

    /// It was awaited.
    pub fn awaited(&self, pid: u32) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).remove(&pid);
    }

    /// Stops reaping while the answer lives.
    pub fn pause(&self) -> Paused {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Paused(self.clone())
    }

    fn reap_once(&self) {
        // Held over the whole look, so that no library starts a child between the look and the wait.
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if *busy > 0 {
            return;
        }
        let me = std::process::id();
        for process in descendants(me, own_group()) {
            let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            if !process.zombie || process.parent != me || own.contains(&process.pid) {
                continue;
            }
            if let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) {
                let wait = || match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
                    Ok(_) => {
                        tracing::debug!(pid = process.pid, "reaped an orphan");
                        true
                    }
                    Err(error) => {
                        tracing::debug!(pid = process.pid, %error, "an orphan was reaped by somebody else");
                        false
                    }
                };
                match self.usage.get() {
                    Some(usage) => usage.reap(process.pid, wait),
                    None => drop(wait()),
                }
            }
        }
    }
}

/// Reaps adopted processes that have ended, until `stop`.
pub async fn reap(adopted: Adopted, stop: CancellationToken) {
    let mut every = tokio::time::interval(EVERY);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        adopted.reap_once();
    }
    adopted.reap_once();
}
