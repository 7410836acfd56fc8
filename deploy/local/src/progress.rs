//! What people see: spinners on a terminal, plain lines elsewhere. All of it on standard error.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a spinner moves.
const SPIN_MS: u64 = 120;

/// Where progress goes.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: bool,
    started: Instant,
}

/// A step that is being done; says how long it took when it ends.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    progress: &'a Progress,
    title: String,
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Progress {
    /// Bars when standard error is a terminal.
    pub(crate) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), started: Instant::now() }
    }

    /// Starts a step.
    pub(crate) fn step(&self, title: &str) -> Step<'_> {
        let bar = self.terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
                bar.set_style(style);
            }
            bar.set_message(title.to_owned());
            bar.enable_steady_tick(Duration::from_millis(SPIN_MS));
            bar
        });
        if bar.is_none() {
            self.say(&format!("... {title}"));
        }
        Step { progress: self, title: title.to_owned(), bar, started: Instant::now() }
    }

    /// One or more lines for people.
    #[expect(clippy::print_stderr, reason = "the one place where this program speaks to people")]
    pub(crate) fn say(&self, text: &str) {
        if self.terminal {
            eprintln!("{text}");
        } else {
            eprintln!("[{:>6.1}s] {text}", self.started.elapsed().as_secs_f64());
        }
    }
}

impl Step<'_> {
    /// What is happening within the step; shown on a terminal only.
    pub(crate) fn note(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}: {text}", self.title));
        }
    }

    /// The step is done; `result` says what came of it. Answers its duration.
    pub(crate) fn done(self, result: &str) -> Duration {
        let took = self.started.elapsed();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let result = if result.is_empty() { String::new() } else { format!(": {result}") };
        self.progress.say(&format!("ok  {}{result} ({:.1} s)", self.title, took.as_secs_f64()));
        took
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        // A step that failed leaves no half-drawn spinner before the error.
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
