use std::collections::BTreeSet;

use super::table::Process;

/// Which processes belong together when several workers live below one agent.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Main process of the worker; its pool children and their supervisors are in its process group.
    pub(super) main: Option<u32>,
    /// Members by pid and start, as last seen: a member that lost its parent (Airflow 2's tasks survive their
    /// worker) hangs below the agent and can be told by nothing else.
    seen: BTreeSet<(u32, u64)>,
}

impl Members {
    /// Those of `all` that are members, `marked` ones too; they are remembered.
    pub(super) fn among(&mut self, all: Vec<Process>, marked: &[u32]) -> Vec<Process> {
        let own = |process: &Process| {
            self.main.is_some_and(|main| process.pid == main || process.group == main)
                || self.seen.contains(&(process.pid, process.start_ticks))
                || marked.contains(&process.pid)
        };
        let mut pids: BTreeSet<u32> =
            all.iter().filter(|process| own(process)).map(|process| process.pid).collect();
        loop {
            let before = pids.len();
            let below = all.iter().filter(|process| pids.contains(&process.parent));
            let below: Vec<_> = below.map(|process| process.pid).collect();
            pids.extend(below);
            if pids.len() == before {
                break;
            }
        }
        let members: Vec<_> = all.into_iter().filter(|process| pids.contains(&process.pid)).collect();
        self.seen = members.iter().map(|process| (process.pid, process.start_ticks)).collect();
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, group: u32) -> Process {
        Process { pid, parent, group, start_ticks: 1, zombie: false, title: String::new() }
    }

    fn pids(members: &mut Members, all: &[Process]) -> Vec<u32> {
        members.among(all.to_vec(), &[]).iter().map(|process| process.pid).collect()
    }

    #[test]
    fn orphans_stay_in_the_family_of_their_worker() {
        let mut members = Members { main: Some(10), seen: BTreeSet::new() };
        let other = process(20, 1, 20);
        let runner = process(12, 11, 12);
        let all =
            [process(10, 1, 10), process(11, 10, 10), runner.clone(), process(13, 12, 13), other.clone()];
        assert_eq!(pids(&mut members, &all), [10, 11, 12, 13]);
        // The main process and the runner's parent are gone; the runner is the agent's child now.
        let orphans = [process(12, 1, 12), process(13, 12, 13), other.clone()];
        members.main = Some(30);
        assert_eq!(pids(&mut members, &orphans), [12, 13]);
        // The same pid later is another process.
        let reused = [Process { start_ticks: 9, ..runner }, other];
        assert_eq!(pids(&mut members, &reused), [] as [u32; 0]);
    }
}
