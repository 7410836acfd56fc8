//! The state folder: every path, port and secret of one bring-up.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::ledger::{Ledger, write_json};
use crate::line::Line;

/// Random bytes behind a secret.
const SECRET_BYTES: usize = 32;

/// Ports on loopback, chosen free at each start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub redis: u16,
    pub postgres: u16,
    pub s3: u16,
    pub airflow: u16,
    /// Airflow's log servers; Updraft's workers do not need one.
    pub triggerer_logs: u16,
    /// Costs: dashboard and API.
    #[serde(default)]
    pub costs: u16,
    /// A package index of our own, where one is needed.
    #[serde(default)]
    pub index: u16,
}

/// Secrets of this bring-up alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    pub s3: String,
    pub jwt: String,
    pub api: String,
    /// What agents send usage with.
    #[serde(default)]
    pub costs: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Settings {
    ports: Ports,
    secrets: Secrets,
    /// The line that was started last.
    #[serde(default)]
    airflow: Line,
}

/// Settings on top of the usual ones.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    /// Of Airflow: `SECTION__KEY`.
    pub airflow: BTreeMap<String, String>,
    /// Variables of sync.
    pub sync: BTreeMap<String, String>,
}

/// One bring-up.
#[derive(Debug)]
pub(crate) struct State {
    dir: PathBuf,
    base: Option<PathBuf>,
    versitygw: Option<PathBuf>,
    settings: Settings,
    overrides: Overrides,
}

impl State {
    /// Opens a state folder, made when missing. Free ports are chosen unless something of it runs; then ports and line are
    /// those of what runs.
    pub(crate) fn open(dir: &Path, airflow: Line, base: Option<&Path>) -> Result<Self, Failure> {
        for folder in ["", "logs", "airflow", "s3", "cache"] {
            let path = dir.join(folder);
            fs::create_dir_all(&path).map_err(Failure::file("create", path))?;
        }
        let dir = dir.canonicalize().map_err(Failure::file("find", dir))?;
        let path = dir.join("settings.json");
        let running = Ledger::of(&dir).entries()?.iter().any(super::ledger::Entry::is_running);
        let recorded = match fs::read(&path) {
            Ok(bytes) => Some(
                serde_json::from_slice::<Settings>(&bytes)
                    .map_err(|source| Failure::Record { path: path.clone(), source })?,
            ),
            Err(_) => None,
        };
        let settings = match recorded {
            Some(settings) if running => settings,
            other => {
                // Those of an older version lack what came later.
                let complete = other.filter(|settings| !settings.secrets.costs.is_empty());
                let secrets = complete.map_or_else(secrets, |settings| Ok(settings.secrets))?;
                let settings = Settings { ports: free_ports()?, secrets, airflow };
                write_json(&path, &settings)?;
                settings
            }
        };
        let base = base.map(|path| path.canonicalize().map_err(Failure::file("find", path))).transpose()?;
        Ok(Self { dir, base, versitygw: None, settings, overrides: Overrides::default() })
    }

    /// The same with this versitygw as its S3 server.
    pub(crate) fn with_versitygw(mut self, binary: Option<&Path>) -> Result<Self, Failure> {
        self.versitygw =
            binary.map(|path| path.canonicalize().map_err(Failure::file("find", path))).transpose()?;
        Ok(self)
    }

    /// The S3 server to use in place of the testkit's.
    pub(crate) fn versitygw(&self) -> Option<&Path> {
        self.versitygw.as_deref()
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The log of a process.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{name}.log"))
    }

    /// An Airflow that was given as the base.
    pub(crate) fn given_base(&self) -> Option<&Path> {
        self.base.as_deref()
    }

    /// The line of Airflow.
    pub(crate) fn airflow(&self) -> Line {
        self.settings.airflow
    }

    /// With other settings than the usual ones.
    pub(crate) fn with_overrides(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }

    /// Settings on top of the usual ones.
    pub(crate) fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// Ports.
    pub(crate) fn ports(&self) -> &Ports {
        &self.settings.ports
    }

    /// Secrets.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.settings.secrets
    }

    /// What was started.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::of(&self.dir)
    }

    /// Airflow's address.
    pub(crate) fn airflow_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports().airflow)
    }

    /// The address of the costs dashboard and API.
    pub(crate) fn costs_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports().costs)
    }

    /// Redis' address.
    pub(crate) fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.ports().redis)
    }
}

fn free_ports() -> Result<Ports, Failure> {
    // All are held until the last is known, so that they differ.
    let held = (0..7)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::file("find free ports for", "127.0.0.1"))?;
    let ports = held
        .iter()
        .map(|listener| listener.local_addr().map(|address| address.port()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::file("find free ports for", "127.0.0.1"))?;
    Ok(Ports {
        redis: ports[0],
        postgres: ports[1],
        s3: ports[2],
        airflow: ports[3],
        triggerer_logs: ports[4],
        costs: ports[5],
        index: ports[6],
    })
}

fn secrets() -> Result<Secrets, Failure> {
    let secret = || -> Result<String, Failure> {
        let mut bytes = [0; SECRET_BYTES];
        fs::File::open("/dev/urandom")
            .and_then(|mut source| std::io::Read::read_exact(&mut source, &mut bytes))
            .map_err(Failure::file("read", "/dev/urandom"))?;
        Ok(domain::Digest::of(&bytes).to_string())
    };
    Ok(Secrets { s3: secret()?, jwt: secret()?, api: secret()?, costs: secret()? })
}
