//! The process table as `agent_usage` wants it: from `/proc`, parents before children.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;

use agent_usage::{Counters, Observed, ProcessId, Table};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::details::Details;

/// The unit of times in `/proc`: the kernel converts to 100 per second for user space, whatever it uses itself.
const TICK_NS: u64 = 10_000_000;
const TICK_MS: u64 = 10;

/// One line of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) id: ProcessId,
    pub(super) parent: u32,
    pub(super) group: u32,
    pub(super) session: u32,
    pub(super) ended: bool,
    pub(super) own: Counters,
    pub(super) reaped: Counters,
}

impl Stat {
    pub(super) fn of(pid: u32) -> Option<Self> {
        parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }
}

fn parse(pid: u32, text: &str) -> Option<Stat> {
    // The name stands in parentheses and may hold blanks and parentheses itself.
    let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_ascii_whitespace().collect();
    let number = |index: usize| -> Option<u64> { fields.get(index)?.parse().ok() };
    let small = |index: usize| -> Option<u32> { fields.get(index)?.parse().ok() };
    let cpu = |user: u64, system: u64| Counters {
        user_ns: user.saturating_mul(TICK_NS),
        system_ns: system.saturating_mul(TICK_NS),
        ..Counters::default()
    };
    Some(Stat {
        id: ProcessId { pid, start_ms: number(19)?.saturating_mul(TICK_MS) },
        parent: small(1)?,
        group: small(2)?,
        session: small(3)?,
        ended: matches!(*fields.first()?, "Z" | "X"),
        own: cpu(number(11)?, number(12)?),
        reaped: cpu(number(13)?, number(14)?),
    })
}

/// CPU time of all ended and awaited children of this process, exact to the microsecond.
pub(super) fn of_children() -> Counters {
    rusage(UsageWho::RUSAGE_CHILDREN)
}

fn rusage(who: UsageWho) -> Counters {
    let nanos = |time: TimeVal| {
        u64::try_from(time.tv_sec()).unwrap_or_default() * 1_000_000_000
            + u64::try_from(time.tv_usec()).unwrap_or_default() * 1_000
    };
    getrusage(who).map_or(Counters::default(), |used| Counters {
        user_ns: nanos(used.user_time()),
        system_ns: nanos(used.system_time()),
        ..Counters::default()
    })
}

/// Milliseconds since boot, on the clock of processes' starts.
pub(super) fn uptime_ms() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let Some((whole, rest)) = text.split_whitespace().next().and_then(|word| word.split_once('.')) else {
        return 0;
    };
    let hundredths: u64 = rest.get(..2).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    whole.parse::<u64>().unwrap_or(0) * 1_000 + hundredths * 10
}

/// Reads this process's tree, and the processes of `follow` and `workers` with theirs.
///
/// Twice: first to see who is whose child, then the counters, parents first. Who is reaped in between is missing for
/// one table; were children read before their parents, it would be counted twice.
pub(super) fn read(follow: &[ProcessId], workers: &[u32], details: &mut Details) -> Table {
    let agent = std::process::id();
    let uptime_ms = uptime_ms();
    let all: BTreeMap<u32, Stat> = pids().filter_map(|pid| Some((pid, Stat::of(pid)?))).collect();
    let order = order(agent, follow, workers, &all);
    let mut processes = Vec::with_capacity(order.len());
    for pid in order {
        if let Some(process) = observe(pid, agent, &all, details) {
            processes.push(process);
        }
    }
    details.keep_only(&processes);
    Table { uptime_ms, processes, logs: Vec::new() }
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Parents before children, the agent's tree first.
fn order(agent: u32, follow: &[ProcessId], workers: &[u32], all: &BTreeMap<u32, Stat>) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for stat in all.values() {
        children.entry(stat.parent).or_default().push(stat.id.pid);
    }
    let followed: BTreeSet<u32> = follow
        .iter()
        .filter(|id| all.get(&id.pid).is_some_and(|stat| stat.id == **id))
        .map(|id| id.pid)
        .chain(workers.iter().copied().filter(|pid| all.contains_key(pid)))
        .collect();
    let is_top = |pid: &u32| all.get(pid).is_some_and(|stat| !followed.contains(&stat.parent));
    let (tops, others): (Vec<u32>, Vec<u32>) = followed.iter().partition(|pid| is_top(pid));
    let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
    for root in [agent].into_iter().chain(tops).chain(others) {
        let mut next = VecDeque::from([root]);
        while let Some(pid) = next.pop_front() {
            if seen.insert(pid) {
                order.push(pid);
                next.extend(children.get(&pid).into_iter().flatten());
            }
        }
    }
    order
}

fn observe(pid: u32, agent: u32, all: &BTreeMap<u32, Stat>, details: &mut Details) -> Option<Observed> {
    let mut stat = Stat::of(pid)?;
    if all.get(&pid).is_some_and(|first| first.id != stat.id) {
        return None;
    }
    if pid == agent {
        (stat.own, stat.reaped) = (rusage(UsageWho::RUSAGE_SELF), rusage(UsageWho::RUSAGE_CHILDREN));
    } else if !stat.ended {
        let (read_bytes, write_bytes) = super::details::io(pid);
        (stat.reaped.read_bytes, stat.reaped.write_bytes) = (read_bytes, write_bytes);
    }
    let is_orphan = pid != agent && (stat.parent == agent || !all.contains_key(&stat.parent));
    Some(Observed {
        id: stat.id,
        parent: stat.parent,
        group: stat.group,
        session: stat.session,
        ended: stat.ended,
        title: super::details::title(pid),
        own: stat.own,
        reaped: stat.reaped,
        memory_bytes: if stat.ended { 0 } else { details.memory_bytes(stat.id) },
        context: if is_orphan { details.context(stat.id) } else { None },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_program_is_called() {
        let text = "42 (a) b (c) S 7 42 40 0 -1 4194560 10 20 0 0 150 25 300 45 20 0 3 0 12345 1000 200";
        let stat = parse(42, text).unwrap();
        assert_eq!((stat.id, stat.parent), (ProcessId { pid: 42, start_ms: 123_450 }, 7));
        assert_eq!((stat.group, stat.session, stat.ended), (42, 40, false));
        assert_eq!((stat.own.user_ns, stat.own.system_ns), (1_500_000_000, 250_000_000));
        assert_eq!((stat.reaped.user_ns, stat.reaped.system_ns), (3_000_000_000, 450_000_000));
        assert_eq!(parse(42, "42 (short) S 7"), None);
    }

    #[test]
    fn the_own_tree_is_read_with_the_agent_first() {
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let table = read(&[], &[], &mut Details::default());
        assert_eq!(table.processes[0].id.pid, std::process::id());
        let seen = table.processes.iter().find(|process| process.id.pid == child.id()).unwrap();
        assert_eq!(seen.parent, std::process::id());
        assert!(seen.id.start_ms <= uptime_ms());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
