use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// When it started, in clock ticks since boot: with the pid, this process and no later one.
    pub start_ticks: u64,
    /// It has ended and waits for its parent.
    pub zombie: bool,
    /// Its title: the command line with blanks between the words.
    pub title: String,
}

/// Every process at one moment, by parent.
#[derive(Debug)]
pub(super) struct ProcessTable {
    children: BTreeMap<u32, Vec<Process>>,
}

impl ProcessTable {
    /// Reads `/proc`. Processes that end meanwhile are left out.
    pub(super) fn read() -> Self {
        let mut children: BTreeMap<u32, Vec<Process>> = BTreeMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if let Some(process) = read(pid) {
                children.entry(process.parent).or_default().push(process);
            }
        }
        Self { children }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Process> {
        self.children.values().flatten()
    }

    /// Processes below `root`, that one included, without those of the process group `own_group`.
    ///
    /// By descent and not by group or session: children of a BashOperator have their own.
    pub(super) fn below(&self, root: u32, own_group: u32) -> Vec<Process> {
        let itself = self.all().find(|process| process.pid == root);
        let mut found: Vec<Process> =
            itself.filter(|process| process.group != own_group).cloned().into_iter().collect();
        let (mut next, mut seen) = (vec![root], BTreeSet::from([root]));
        while let Some(parent) = next.pop() {
            for process in self.children.get(&parent).into_iter().flatten() {
                if seen.insert(process.pid) {
                    next.push(process.pid);
                    if process.group != own_group {
                        found.push(process.clone());
                    }
                }
            }
        }
        found
    }
}

/// The group of the agent's own helpers.
pub(super) fn own_group() -> u32 {
    u32::try_from(rustix::process::getpgrp().as_raw_nonzero().get()).unwrap_or_default()
}

/// Processes below `root`, that one included, without those of the process group `own_group`.
pub fn descendants(root: u32, own_group: u32) -> Vec<Process> {
    ProcessTable::read().below(root, own_group)
}

/// Everything alive that came from the agent's components, orphans included.
pub fn pids_below_agent() -> Vec<u32> {
    let found = descendants(std::process::id(), own_group());
    found.iter().filter(|process| !process.zombie).map(|process| process.pid).collect()
}

/// The kernel's start time of a process, in clock ticks since boot: with it a pid is one process for ever.
/// `None`: there is none, or only its exit status is left.
pub fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

fn read(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold blanks and parentheses itself.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    // Field 22 of all, the first two of which are gone.
    let start_ticks = fields.nth(16)?.parse().ok()?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = command.split(|byte| *byte == 0).filter(|word| !word.is_empty()).collect();
    let title = words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ");
    Some(Process { pid, parent, group, start_ticks, zombie: state == "Z", title })
}

/// Ends the processes that `find` names: SIGTERM, then after `grace` SIGKILL, until none is left.
/// Answers how many were sent SIGKILL.
pub async fn end_all(find: impl Fn() -> Vec<u32>, grace: Duration) -> usize {
    /// Between two looks.
    const PAUSE: Duration = Duration::from_millis(50);
    /// Rounds of SIGKILL; a fork between look and signal escapes one round, not many.
    const ROUNDS: usize = 40;
    let asked = find();
    signal(&asked, Signal::SIGTERM);
    let deadline = tokio::time::Instant::now() + grace;
    while !find().is_empty() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
    }
    let mut killed = BTreeSet::new();
    for _ in 0..ROUNDS {
        let left = find();
        if left.is_empty() {
            break;
        }
        signal(&left, Signal::SIGKILL);
        killed.extend(left);
        tokio::time::sleep(PAUSE).await;
    }
    killed.len()
}

fn signal(pids: &[u32], signal: Signal) {
    for pid in pids {
        if let Ok(pid) = i32::try_from(*pid)
            && pid > 1
            && let Err(error) = kill(Pid::from_raw(pid), signal)
        {
            tracing::debug!(pid, %signal, %error, "the process had ended already");
        }
    }
}
