//! A bounded pool of interpreters that compile bytecode.

use std::io::{self, BufRead, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use domain::Interpreter;
use serde::Deserialize;

use super::LayerError;

const PROGRAM: &str = include_str!("compile.py");
/// Longest time for one file, the figure that the field's installers use. The largest generated modules take seconds.
pub const FILE_TIMEOUT_S: u64 = 60;
/// Files of one request. Each request starts from a clean child, so this is part of the format: other chunks could
/// give other (equally good) bytecode.
const CHUNK: usize = 200;
/// Answers that may wait to be read; the interpreter waits when it is full.
const ANSWERS: usize = 64;

/// Interpreters of one base, started when first needed and kept.
#[derive(Debug)]
pub(super) struct Compiler {
    interpreter: Interpreter,
    slots: Mutex<Slots>,
    freed: Condvar,
}

#[derive(Debug)]
struct Slots {
    idle: Vec<Process>,
    free: usize,
}

/// What became of the files.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Paths of the bytecode files.
    pub(super) compiled: Vec<String>,
    /// Path and reason of files that are not compilable Python.
    pub(super) skipped: Vec<(String, String)>,
}

impl Compiler {
    pub(super) fn new(interpreter: &Interpreter, processes: usize) -> Self {
        let slots = Slots { idle: Vec::new(), free: processes.max(1) };
        Self { interpreter: interpreter.clone(), slots: Mutex::new(slots), freed: Condvar::new() }
    }

    /// Compiles `paths` (relative to `root`); waits for a free interpreter. The paths must be sorted: the order counts.
    pub(super) fn compile(&self, root: &Path, paths: &[String]) -> Result<Outcome, LayerError> {
        let mut outcome = Outcome::default();
        if paths.is_empty() {
            return Ok(outcome);
        }
        let mut process = self.take()?;
        // A process that failed is dropped, which ends it; its slot becomes free in any case.
        let result = paths.chunks(CHUNK).try_for_each(|chunk| process.compile(root, chunk, &mut outcome));
        self.give_back(result.is_ok().then_some(process));
        result.map(|()| outcome)
    }

    fn take(&self) -> Result<Process, LayerError> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let mut slots =
            self.freed.wait_while(slots, |slots| slots.free == 0).unwrap_or_else(PoisonError::into_inner);
        slots.free -= 1;
        if let Some(process) = slots.idle.pop() {
            return Ok(process);
        }
        drop(slots);
        Process::start(&self.interpreter).inspect_err(|_| self.give_back(None))
    }

    fn give_back(&self, process: Option<Process>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.free += 1;
        slots.idle.extend(process);
        self.freed.notify_one();
    }
}

#[derive(Debug)]
struct Process {
    executable: String,
    child: Child,
    requests: Option<ChildStdin>,
    answers: Receiver<Answer>,
    reader: Option<thread::JoinHandle<()>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    File(String, String, String),
    Ready(Word, Word, u32),
    End(Word, i32),
}

/// A word of an answer that is only there for people who read the exchange.
type Word = serde::de::IgnoredAny;

impl Process {
    fn start(interpreter: &Interpreter) -> Result<Self, LayerError> {
        let executable = interpreter.executable.clone();
        let failed = |source| LayerError::Interpreter { executable: executable.clone(), source };
        let mut child = command(&executable).spawn().map_err(failed)?;
        let (sender, answers) = sync_channel(ANSWERS);
        let (Some(out), requests @ Some(_)) = (child.stdout.take(), child.stdin.take()) else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let reader = thread::Builder::new()
            .name("bytecode-answers".into())
            .spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    let Ok(answer) = serde_json::from_str(&line) else { return };
                    if sender.send(answer).is_err() {
                        return;
                    }
                }
            })
            .map_err(failed)?;
        let process = Self { executable: executable.clone(), child, requests, answers, reader: Some(reader) };
        match process.answers.recv_timeout(Duration::from_secs(FILE_TIMEOUT_S)) {
            Ok(Answer::Ready(_, _, magic)) if magic == interpreter.magic => Ok(process),
            Ok(Answer::Ready(_, _, found)) => {
                Err(LayerError::Magic { executable, found, expected: interpreter.magic })
            }
            _ => Err(failed(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    fn compile(&mut self, root: &Path, paths: &[String], outcome: &mut Outcome) -> Result<(), LayerError> {
        let failed = |source| LayerError::Interpreter { executable: self.executable.clone(), source };
        let request = serde_json::json!({"root": root.to_string_lossy(), "paths": paths});
        let Some(requests) = &mut self.requests else { return Err(failed(io::ErrorKind::BrokenPipe.into())) };
        writeln!(requests, "{request}").map_err(failed)?;
        let mut done = 0;
        loop {
            // The file that is being compiled, for the message.
            let path = || paths.get(done).or(paths.last()).cloned().unwrap_or_default();
            match self.answers.recv_timeout(Duration::from_secs(FILE_TIMEOUT_S)) {
                Ok(Answer::File(what, _, target)) if what == "compiled" => outcome.compiled.push(target),
                Ok(Answer::File(_, path, reason)) => outcome.skipped.push((path, reason)),
                Ok(Answer::End(_, 0)) if done == paths.len() => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(LayerError::CompileTimeout { path: path(), limit_s: FILE_TIMEOUT_S });
                }
                Ok(Answer::End(..) | Answer::Ready(..)) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(LayerError::CompileCrash { path: path() });
                }
            }
            done += 1;
        }
    }
}

fn command(executable: &str) -> Command {
    let mut command = Command::new(executable);
    command
        .args(["-s", "-S", "-B", "-W", "ignore", "-X", "utf8", "-c", PROGRAM])
        .env_clear()
        // The order of sets in bytecode follows string hashes.
        .env("PYTHONHASHSEED", "0")
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    // Some interpreters find their own libpython by it.
    if let Some(path) = std::env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", path);
    }
    command
}

impl Drop for Process {
    fn drop(&mut self) {
        // The whole group: a child that compiles may hang while its parent waits for it.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _already_gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        drop(self.requests.take());
        let _reaped = self.child.wait();
        // Unblocks a reader that waits for room.
        while self.answers.try_recv().is_ok() {}
        if let Some(reader) = self.reader.take() {
            drop(std::mem::replace(&mut self.answers, sync_channel(1).1));
            let _ended = reader.join();
        }
    }
}
