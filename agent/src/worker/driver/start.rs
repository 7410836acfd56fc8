//! The worker's process: how it is started, and how its output is read.

use std::time::Duration;

use agent_core::Event;
use daemon::CancellationToken;
use tokio::time::Instant;

use super::Driver;
use crate::process::{Handle, Tail, follow};
use crate::usage::Event as UsageEvent;

/// The last lines of an ended worker are waited for this long; what a disk does not give by then is read by nobody.
const LAST_LINES: Duration = Duration::from_secs(5);

impl Driver {
    pub(super) fn spawn(&mut self) -> Event {
        // Until it is known as awaited, a child that ends at once must not be reaped as an orphan.
        let _paused = self.worker.adopted.pause();
        match self.start() {
            Ok(process) => {
                self.worker.adopted.own(process.pid());
                self.worker.family.rooted(process.pid());
                self.measure(UsageEvent::WorkerStarted { pid: process.pid() });
                tracing::info!(pid = process.pid(), worker = self.worker.node, "worker process started");
                self.process = Some(process);
                self.generation += 1;
                Event::Spawned
            }
            Err((reason, retryable)) => {
                self.worker.running.forget();
                tracing::error!(reason, "the worker process cannot be started");
                Event::SpawnFailed { reason, retryable }
            }
        }
    }

    /// Written down, then started, then written down with its pid: a kill at any point leaves no worker unknown.
    fn start(&mut self) -> Result<Handle, (String, bool)> {
        let failed =
            |error: std::io::Error| (format!("the state of the worker cannot be kept: {error}"), true);
        let (node, running) = (&self.worker.node, &self.worker.running);
        let command = &self.worker.program.command;
        let output = running.spool.begin().map_err(failed)?;
        let tail = running.spool.tail().map_err(failed)?;
        running.write(node, command, None).map_err(failed)?;
        let started = self.worker.program.start_writing_to(output);
        let child = started.map_err(|error| (crate::chain(&error), error.is_retryable()))?;
        let process = Handle::started(child);
        if let Err(error) = running.write(node, command, Some(process.pid())) {
            // The next agent finds it by its output.
            tracing::warn!(%error, "the worker's pid is not written down");
        }
        self.read_output(tail);
        Ok(process)
    }

    pub(super) fn read_output(&mut self, tail: Option<Tail>) {
        self.output = CancellationToken::new();
        if let Some(tail) = tail {
            self.pumps.spawn(follow(tail, self.line_sender.clone(), self.output.clone()));
        }
    }

    /// Reads the output of an ended worker to its end. Its tasks may write into their logs for a moment still.
    pub(super) async fn last_lines(&mut self) {
        self.output.cancel();
        let deadline = Instant::now() + LAST_LINES;
        loop {
            let line = tokio::select! {
                Some(line) = self.lines.recv() => line,
                joined = self.pumps.join_next() => match joined {
                    Some(_) => continue,
                    None => break,
                },
                () = tokio::time::sleep_until(deadline) => {
                    tracing::warn!("the last lines of the worker are not read in time");
                    break;
                }
            };
            self.seen(&line);
        }
        while let Ok(line) = self.lines.try_recv() {
            self.seen(&line);
        }
        self.ended_meanwhile = None;
        self.lose_tasks();
    }
}
