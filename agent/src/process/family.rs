use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use super::members::Members;
use super::table::{Process, ProcessTable, own_group, start_ticks};

/// The variable by which processes of a worker are found again when both its agent and the worker were killed.
pub const MARK: &str = "UPDRAFT_WORKER_MARK";

/// Everything alive that came from an agent's workers and components, also from those of an agent before it; or what
/// of it belongs to one worker among several.
#[derive(Debug, Clone, Default)]
pub struct Family {
    inherited: Arc<Mutex<Inherited>>,
    /// Absent: everything.
    members: Option<Arc<Mutex<Members>>>,
}

#[derive(Debug, Default)]
struct Inherited {
    /// A worker that an earlier agent started: not below this process.
    adopted: Option<(u32, u64)>,
    /// The mark of what an earlier agent's worker may have left behind.
    mark: Option<String>,
}

impl Family {
    /// Only the processes of one worker among several.
    pub fn of_one_worker() -> Self {
        Self { members: Some(Arc::default()), ..Self::default() }
    }

    /// The worker was started, or started again: what it left behind before stays in the family.
    pub fn rooted(&self, main: u32) {
        if let Some(members) = &self.members {
            self.processes();
            members.lock().unwrap_or_else(PoisonError::into_inner).main = Some(main);
        }
    }

    /// The process that started at `ticks` belongs to it, with all that is below it.
    pub fn adopt(&self, pid: u32, ticks: u64) {
        self.inherited.lock().unwrap_or_else(PoisonError::into_inner).adopted = Some((pid, ticks));
        self.rooted(pid);
    }

    /// There was an agent before this one: what carries `mark` in its environment belongs to it, wherever it hangs.
    pub fn inherit(&self, mark: &str) {
        self.inherited.lock().unwrap_or_else(PoisonError::into_inner).mark = Some(mark.to_owned());
    }

    /// Pids below which all of it hangs at this moment; the agent itself first.
    pub fn roots(&self) -> Vec<u32> {
        self.roots_in(&ProcessTable::read())
    }

    /// All of it that is alive, without the agent and its own helpers.
    pub fn processes(&self) -> Vec<Process> {
        let table = ProcessTable::read();
        let mut found = BTreeSet::new();
        let mut all = Vec::new();
        let roots = self.roots_in(&table);
        for root in &roots {
            for process in table.below(*root, own_group()) {
                if !process.zombie && found.insert(process.pid) {
                    all.push(process);
                }
            }
        }
        match &self.members {
            None => all,
            // The agent itself comes first; what hangs elsewhere was found by the marks of this worker.
            Some(members) => members.lock().unwrap_or_else(PoisonError::into_inner).among(all, &roots[1..]),
        }
    }

    /// The process ids of [`Family::processes`].
    pub fn pids(&self) -> Vec<u32> {
        self.processes().iter().map(|process| process.pid).collect()
    }

    fn roots_in(&self, table: &ProcessTable) -> Vec<u32> {
        let (adopted, mark) = {
            let inherited = self.inherited.lock().unwrap_or_else(PoisonError::into_inner);
            (inherited.adopted, inherited.mark.clone())
        };
        let mut roots = vec![std::process::id()];
        roots.extend(adopted.filter(|(pid, ticks)| start_ticks(*pid) == Some(*ticks)).map(|(pid, _)| pid));
        let Some(mark) = mark else { return roots };
        let known: BTreeSet<u32> =
            roots.iter().flat_map(|root| table.below(*root, 0)).map(|process| process.pid).collect();
        let wanted = format!("{MARK}={mark}");
        let strangers = table.all().filter(|process| !known.contains(&process.pid) && !process.zombie);
        roots.extend(strangers.filter(|process| is_marked(process.pid, &wanted)).map(|process| process.pid));
        roots
    }
}

/// Celery overwrites its environment with its title; what a task starts keeps it.
fn is_marked(pid: u32, wanted: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;

    #[test]
    fn what_a_killed_worker_left_behind_is_found_by_its_mark() {
        let mark = format!("/tmp/mark-{}", std::process::id());
        let mut shell = std::process::Command::new("sh");
        // Both end up below init (or the next subreaper), in groups of their own.
        let output = shell
            .args(["-c", "setsid sleep 601 >/dev/null 2>&1 & echo $!"])
            .env(MARK, &mark)
            .process_group(0)
            .output()
            .unwrap();
        let pid: u32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        let family = Family::default();
        assert!(!family.pids().contains(&pid));
        family.inherit(&mark);
        assert!(family.pids().contains(&pid));
        assert!(family.roots().contains(&pid));
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid.cast_signed()),
            nix::sys::signal::Signal::SIGKILL,
        )
        .unwrap();
    }
}
