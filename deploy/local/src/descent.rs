//! Which processes come from ours: those that carry our mark in their environment, and all that descend from them.
//!
//! The mark alone is not enough: a process that sets its title (Celery's) loses its environment. Descent alone is not
//! either: what outlives its parent descends from init. A worker whose agent was killed has neither; it still writes
//! into the state folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::ledger::{Entry, start_ticks};
use crate::process::MARKER;

/// A process of the family.
#[derive(Debug)]
pub(crate) struct Member {
    pub entry: Entry,
    /// It carries the mark: one of our programs or an agent, not something inside it.
    pub marked: bool,
}

/// The family of a state folder. This program is never in it.
pub(crate) fn family(state_dir: &Path, started: &[Entry]) -> Vec<Member> {
    let wanted = format!("{MARKER}={}", state_dir.display());
    let me = std::process::id();
    let (mut parents, mut marked, mut writers) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Some(parent) = parent(pid) else { continue };
        parents.insert(pid, parent);
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|&byte| byte == 0).any(|variable| variable == wanted.as_bytes()) {
            marked.insert(pid);
        }
        if pid != me && fs::read_link(entry.path().join("fd/1")).is_ok_and(|path| path.starts_with(state_dir))
        {
            writers.insert(pid);
        }
    }
    let mut roots: BTreeSet<u32> =
        started.iter().filter(|entry| entry.is_running()).map(|entry| entry.pid).collect();
    roots.extend(&marked);
    roots.extend(&writers);
    members(&parents, &roots)
        .into_iter()
        .filter(|&pid| pid != me)
        .filter_map(|pid| {
            let entry = Entry { name: format!("process {pid}"), pid, start_ticks: start_ticks(pid)? };
            Some(Member { entry, marked: marked.contains(&pid) })
        })
        .collect()
}

/// `roots` and everything below them.
fn members(parents: &BTreeMap<u32, u32>, roots: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut found = roots.clone();
    loop {
        let more: Vec<u32> = parents
            .iter()
            .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
            .map(|(&pid, _)| pid)
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_generations_belong_and_strangers_do_not() {
        let parents = BTreeMap::from([(2, 1), (3, 2), (4, 3), (5, 1), (6, 5)]);
        assert_eq!(members(&parents, &BTreeSet::from([2])), BTreeSet::from([2, 3, 4]));
    }

    #[test]
    fn a_marked_process_is_found_with_its_child() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = std::process::Command::new("sh")
            .args(["-c", "sleep 600 & wait"])
            .env(MARKER, folder.path())
            .spawn()
            .unwrap();
        let found = loop {
            let found = family(folder.path(), &[]);
            if found.len() == 2 {
                break found;
            }
            std::thread::yield_now();
        };
        assert!(found.iter().all(|member| member.marked));
        for member in found {
            crate::process::signal(&member.entry, nix::sys::signal::Signal::SIGKILL);
        }
        shell.wait().unwrap();
    }
}
