//! What a worker may use: what its operator says, else its container's limits, else a share of the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use agent_usage::Allotment;

use super::settings::UsageSettings;

/// The allotment, and for people where it comes from.
pub fn allotment(settings: &UsageSettings, slots: u32) -> (Allotment, String) {
    let machine_milli = available_parallelism().map_or(1_000, |cpus| cpus.get() as u64 * 1_000);
    let machine_bytes = machine_memory_bytes().unwrap_or(0);
    let folders = own_cgroups();
    let limit = |of: fn(&Path) -> Option<u64>| folders.iter().filter_map(|folder| of(folder)).min();
    let choose = |said: Option<u64>, limit: Option<u64>, share: u64| match (said, limit) {
        (Some(said), _) => (said, "setting"),
        (None, Some(limit)) => (limit, "cgroup"),
        (None, None) => (share, "share of the machine"),
    };
    // One CPU for each task at once, as many as there are; and the memory that belongs to these.
    let share_milli = (u64::from(slots) * 1_000).min(machine_milli);
    let (cpu_milli, cpu_from) = choose(settings.cpu_milli, limit(cpu_limit), share_milli);
    let share_bytes = machine_bytes / machine_milli.max(1) * cpu_milli.min(machine_milli);
    let memory_limit = limit(memory_limit).filter(|bytes| machine_bytes == 0 || *bytes < machine_bytes);
    let (memory_bytes, memory_from) = choose(settings.memory_bytes, memory_limit, share_bytes);
    let from = format!("CPU: {cpu_from}, memory: {memory_from}");
    (Allotment { cpu_milli, memory_bytes, slots }, from)
}

/// The folders of this process's cgroup (version 2) and of those above it: each may limit.
fn own_cgroups() -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(path) = text.lines().find_map(|line| line.strip_prefix("0::/")) else { return Vec::new() };
    Path::new("/sys/fs/cgroup").join(path).ancestors().map(Path::to_owned).take(32).collect()
}

/// `cpu.max`: quota and period in microseconds, or `max`.
fn cpu_limit(folder: &Path) -> Option<u64> {
    let text = fs::read_to_string(folder.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0).then(|| quota.saturating_mul(1_000) / period)
}

fn memory_limit(folder: &Path) -> Option<u64> {
    fs::read_to_string(folder.join("memory.max")).ok()?.trim().parse().ok()
}

fn machine_memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_a_cgroup_are_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("cpu.max"), "150000 100000\n").unwrap();
        fs::write(dir.path().join("memory.max"), "max\n").unwrap();
        assert_eq!((cpu_limit(dir.path()), memory_limit(dir.path())), (Some(1_500), None));
    }
}
