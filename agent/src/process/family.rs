use std::sync::{Arc, Mutex, PoisonError};

use super::members::Members;
use super::table::{Process, below_agent};

/// The processes of one of an agent's workers, orphans included.
#[derive(Debug, Clone, Default)]
pub struct Family(Option<Arc<Mutex<Members>>>);

impl Family {
    /// Everything below the agent: it has one worker.
    pub fn whole() -> Self {
        Self(None)
    }

    /// Only the processes of one worker among several.
    pub fn own() -> Self {
        Self(Some(Arc::default()))
    }

    /// The worker was started, or started again: what it left behind before stays in the family.
    pub fn rooted(&self, main: u32) {
        if let Some(members) = &self.0 {
            self.processes();
            members.lock().unwrap_or_else(PoisonError::into_inner).main = Some(main);
        }
    }

    /// Its processes that are alive.
    pub fn processes(&self) -> Vec<Process> {
        let all = below_agent();
        match &self.0 {
            None => all,
            Some(members) => members.lock().unwrap_or_else(PoisonError::into_inner).among(all),
        }
    }

    /// Their ids.
    pub fn pids(&self) -> Vec<u32> {
        self.processes().iter().map(|process| process.pid).collect()
    }
}
