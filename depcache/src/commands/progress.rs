//! Progress on standard error: bars on a terminal, one plain line per step otherwise.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use depcache::progress::{Event, Progress};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Shows steps on standard error.
pub(crate) fn to_stderr() -> Progress {
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() { bars() } else { lines() }
}

fn lines() -> Progress {
    Progress::new(|event| {
        if let Event::Finished { step, took_ms, outcome } = event {
            super::say(&format!("{step:<9} {outcome} ({})", seconds(took_ms)));
        }
    })
}

fn bars() -> Progress {
    let all = MultiProgress::new();
    let bars: Mutex<HashMap<&'static str, ProgressBar>> = Mutex::default();
    Progress::new(move |event| {
        let mut bars = bars.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::Started { step, total } => {
                let bar =
                    all.add(if total == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(total) });
                let template = if total == 0 {
                    "{spinner} {prefix:<9} {msg}"
                } else {
                    "{spinner} {prefix:<9} {bar:24} {pos}/{len} {msg}"
                };
                bar.set_style(
                    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
                );
                bar.set_prefix(step);
                bar.enable_steady_tick(Duration::from_millis(120));
                bars.insert(step, bar);
            }
            Event::Advanced { step, what } => {
                if let Some(bar) = bars.get(step) {
                    bar.set_message(what.to_owned());
                    bar.inc(1);
                }
            }
            Event::Finished { step, took_ms, outcome } => {
                if let Some(bar) = bars.remove(step) {
                    bar.finish_and_clear();
                }
                // A closed standard error ends no build.
                all.println(format!("{step:<9} {outcome} ({})", seconds(took_ms))).ok();
            }
        }
        std::io::stderr().flush().ok();
    })
}

/// `12.3 s`, `45 ms`.
pub(crate) fn seconds(ms: u64) -> String {
    if ms < 1000 { format!("{ms} ms") } else { format!("{}.{} s", ms / 1000, ms % 1000 / 100) }
}
