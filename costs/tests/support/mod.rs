//! A store of synthetic usage, and the program under test.

#![allow(clippy::unwrap_used, dead_code)] // a test may panic; each test uses some of it

pub(crate) mod browser;
pub(crate) mod server;
pub(crate) mod synthetic;

use std::path::{Path, PathBuf};
use std::process::Command;

use synthetic::Shape;

/// 2026-11-22 00:00 UTC.
pub(crate) const DAY_MS: u64 = 1_795_305_600_000;

pub(crate) const PRICES: &str = r#"currency = "USD"

[cpu]
core_hour = "0.0316"
[memory]
gib_hour = "0.0042"

[owners]
"sales_*" = "Sales"
"ml_*" = "Machine learning"
"#;

/// A folder with `prices.toml` and a store in `store/`.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("prices.toml"), PRICES).unwrap();
        Self { folder }
    }

    /// With usage of this shape; answers the number of rows.
    pub(crate) fn fill(&self, shape: Shape) -> usize {
        let mut count = 0;
        synthetic::generate(shape, |_, rows| {
            count += rows.len();
            self.put(&rows);
        });
        count
    }

    pub(crate) fn put(&self, rows: &[domain::UsageRecord]) -> PathBuf {
        let key = usage_parquet::key(rows[0].window_start, &rows[0].writer, rows[0].seq).unwrap();
        let path = self.store().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Whole or not at all, as a store writes: a server may be looking.
        let unfinished = self.folder.path().join("unfinished");
        std::fs::write(&unfinished, usage_parquet::encode(rows).unwrap()).unwrap();
        std::fs::rename(unfinished, &path).unwrap();
        path
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        program(self.folder.path(), &format!("file://{}", self.store().display()), arguments)
    }

    /// Exit code, stdout and stderr as one text, without the folder's name.
    pub(crate) fn said(&self, arguments: &[&str]) -> String {
        said(&mut self.command(arguments)).replace(&self.folder.path().display().to_string(), "FOLDER")
    }
}

pub(crate) fn program(folder: &Path, store: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_updraft-costs"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("UPDRAFT_STORE", store)
        .env("UPDRAFT_PRICES", "prices.toml");
    for name in ["UPDRAFT_AIRFLOW_URL", "UPDRAFT_CONFIG", "UPDRAFT_COSTS_TOKEN", "UPDRAFT_LOG"] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    format!("exit {}\n{}{}", output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}
