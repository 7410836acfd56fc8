//! A bar on stderr while files are read; nothing where stderr is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("reading usage {bar:30} {pos}/{len} files") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn at(&self, done: usize, all: usize) {
        self.0.set_length(all as u64);
        self.0.set_position(done as u64);
    }

    pub(super) fn done(&self) {
        self.0.finish_and_clear();
    }
}
