//! Where a task of Airflow 2 logs: its message names no try, so the file is looked for.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use domain::TaskCommand;

use super::command_lines::Commanded;
use super::tasks::Task;
use super::titles::supervised;
use crate::process::{Family, Process};

/// Tasks that are looked for at most: more than any worker has slots.
const SEARCHES: usize = 4_096;
/// So much of a log's end is read for its outcome.
const TAIL_BYTES: u64 = 16 << 10;
/// A file that was written so long before its task was said to begin is the file of an earlier try: the clock
/// of files ticks coarsely, and the worker's line may come after the first line of the task.
const BEGUN_BEFORE: Duration = Duration::from_secs(2);

/// Tasks of which the log is not known yet.
#[derive(Debug)]
pub struct CommandLogs {
    /// Airflow's `base_log_folder`; without one nothing is looked for.
    folder: Option<PathBuf>,
    family: Family,
    searches: BTreeMap<String, (Commanded, SystemTime)>,
    /// Logs of running tasks, by Celery id.
    found: BTreeMap<String, String>,
}

impl CommandLogs {
    /// Logs below `folder`, written by processes of `family`.
    pub fn new(folder: Option<PathBuf>, family: Family) -> Self {
        Self { folder, family, searches: BTreeMap::new(), found: BTreeMap::new() }
    }

    /// A task began at `now`.
    pub fn begun(&mut self, begun: Commanded, now: SystemTime) {
        if self.folder.is_some() && self.searches.len() < SEARCHES {
            self.searches.insert(begun.celery_id.clone(), (begun, now));
        }
    }

    /// Tasks whose log has appeared. Blocking: some reads of /proc and of one folder a task.
    pub fn look(&mut self) -> Vec<Task> {
        if self.searches.is_empty() {
            return Vec::new();
        }
        let processes = self.family.processes();
        let found: Vec<_> = self.searches.keys().filter_map(|id| self.find(id, &processes)).collect();
        self.searches.retain(|id, _| found.iter().all(|task| task.id != *id));
        self.found.extend(found.iter().map(|task| (task.id.clone(), task.log_path.clone())));
        found
    }

    /// The task of this Celery id has ended: the last look for its log.
    pub fn ended(&mut self, celery_id: &str) -> Option<Task> {
        let found = self.find(celery_id, &[]);
        self.searches.remove(celery_id);
        self.found.extend(found.iter().map(|task| (task.id.clone(), task.log_path.clone())));
        found
    }

    /// How a task that has ended did so, as its log says: `success`, `failed`, `up_for_retry`, … Asked once.
    pub fn outcome(&mut self, celery_id: &str) -> Option<String> {
        let log_path = self.found.remove(celery_id)?;
        outcome_in(&tail(&self.folder.as_deref()?.join(log_path))?)
    }

    /// The worker has ended: what is found now was written by its tasks.
    pub fn drain(&mut self) -> Vec<Task> {
        let found = self.look();
        self.searches.clear();
        self.found.clear();
        found
    }

    fn find(&self, celery_id: &str, processes: &[Process]) -> Option<Task> {
        let folder = self.folder.as_deref()?;
        let (commanded, begun) = self.searches.get(celery_id)?;
        let command = &commanded.command;
        let supervisors = processes.iter().filter(|process| supervised(process).as_ref() == Some(command));
        let mut open = supervisors.flat_map(|process| open_logs(process.pid, folder));
        let log_path = match open.next() {
            Some(path) => path,
            None => newest_attempt(folder, command, begun.checked_sub(BEGUN_BEFORE)?)?,
        };
        let log_path = log_path.to_str()?.to_owned();
        let attempt = log_path.rsplit_once("attempt=").and_then(|(_, rest)| rest.strip_suffix(".log"));
        let mut identity = commanded.identity();
        identity.try_number = attempt.and_then(|attempt| attempt.parse().ok()).unwrap_or_default();
        identity.log_path = Some(log_path.clone());
        Some(Task { id: celery_id.to_owned(), name: identity.name(), log_path, identity })
    }
}

/// Log files below `folder` that a process holds open, relative to it.
fn open_logs(pid: u32, folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    let logs = targets.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.filter_map(|path| path.strip_prefix(folder).map(Path::to_owned).ok())
        .filter(|path| path.components().count() > 1)
        .collect()
}

/// Airflow's default `log_filename_template`; the highest try that was written since.
fn newest_attempt(folder: &Path, command: &TaskCommand, since: SystemTime) -> Option<PathBuf> {
    let mut relative = PathBuf::from(format!("dag_id={}", command.dag_id));
    relative.push(format!("run_id={}", command.run_id));
    relative.push(format!("task_id={}", command.task_id));
    if command.map_index >= 0 {
        relative.push(format!("map_index={}", command.map_index));
    }
    let attempt = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let number: u32 = name.strip_prefix("attempt=")?.strip_suffix(".log")?.parse().ok()?;
        (entry.metadata().ok()?.modified().ok()? >= since).then_some((number, name))
    };
    let entries = fs::read_dir(folder.join(&relative)).ok()?.flatten();
    let (_, name) = entries.filter_map(attempt).max()?;
    Some(relative.join(name))
}

/// The last part of a file: Airflow's word about the outcome stands among the last lines.
fn tail(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// `Marking task as SUCCESS. dag_id=…`, the last one.
fn outcome_in(log: &str) -> Option<String> {
    let (_, after) = log.rsplit_once(" Marking task as ")?;
    let state = after.split('.').next()?;
    let plain = state.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    (plain && !state.is_empty()).then(|| state.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_try_written_since_is_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let command =
            TaskCommand { dag_id: "d".into(), task_id: "t".into(), run_id: "r".into(), map_index: 3 };
        let begun = Commanded { celery_id: "c".into(), command, queue: String::new() };
        let mut logs = CommandLogs::new(Some(dir.path().to_owned()), Family::of_one_worker());
        logs.begun(begun.clone(), SystemTime::now());
        assert_eq!(logs.look(), []);
        let folder = dir.path().join("dag_id=d/run_id=r/task_id=t/map_index=3");
        fs::create_dir_all(&folder).unwrap();
        let old = fs::File::create(folder.join("attempt=9.log")).unwrap();
        old.set_modified(SystemTime::now() - Duration::from_mins(1)).unwrap();
        assert_eq!(logs.look(), [], "a file of an earlier run of the same task");
        for attempt in [2, 10] {
            fs::write(folder.join(format!("attempt={attempt}.log")), "x").unwrap();
        }
        let found = logs.look();
        assert_eq!(found[0].log_path, "dag_id=d/run_id=r/task_id=t/map_index=3/attempt=10.log");
        assert_eq!((found[0].id.as_str(), found[0].to_string()), ("c", "d.t run r map 3 try 10".to_owned()));
        assert_eq!(logs.ended("c"), None, "found already");
        let line = "{taskinstance.py:361} INFO - Marking task as UP_FOR_RETRY. dag_id=d, task_id=t\n";
        fs::write(folder.join("attempt=10.log"), format!("{}{line}more\n", "x".repeat(40_000))).unwrap();
        assert_eq!(logs.outcome("c").as_deref(), Some("up_for_retry"));
        assert_eq!(logs.outcome("c"), None);
        logs.begun(begun, SystemTime::now());
        assert!(logs.ended("c").is_some(), "a task that ended before the first look");
    }
}
