//! `pools.toml`: what the owner of the pools writes.

mod findings;
mod lint;
mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use autoscaler_plan::Policy;
use serde::Deserialize;
use toml::Spanned;

pub use findings::{Finding, Findings, Level, SettingsError};
pub use template::{Template, TemplateError, Values};

/// The whole file, read and checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where records of workers, their sockets and logs are kept.
    pub state_dir: PathBuf,
    /// Time between two looks, in milliseconds.
    pub tick_ms: u64,
    /// Where `/metrics`, `/livez` and `/readyz` are served; nowhere when absent.
    pub listen: Option<String>,
    /// Where the broker's URL comes from.
    pub broker: BrokerSource,
    /// Pools by name.
    pub pools: BTreeMap<String, Pool>,
}

/// Where the broker's URL comes from. Without any: `UPDRAFT_BROKER_URL`, then `AIRFLOW__CELERY__BROKER_URL`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerSource {
    /// The URL itself, for URLs without a password.
    pub url: Option<secrecy::SecretString>,
    /// An environment variable that holds it.
    pub url_env: Option<String>,
    /// A file that holds it, such as a mounted secret.
    pub url_file: Option<PathBuf>,
}

/// One pool: queues and the workers that serve them.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Name: lower case letters, digits and `-`.
    pub name: String,
    /// Celery queues, each in one pool only.
    pub queues: Vec<String>,
    /// How many workers.
    pub policy: Policy,
    /// How a worker agent is started.
    pub command: Template,
    /// Variables that the agents get on top of this process's own.
    pub environment: BTreeMap<String, String>,
}

/// Shortest and longest time between two looks.
const TICK_MS: std::ops::RangeInclusive<u64> = 20..=10_000;
const TICK_DEFAULT_MS: u64 = 250;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    state_dir: PathBuf,
    #[serde(default)]
    tick_ms: Option<Spanned<u64>>,
    #[serde(default)]
    listen: Option<String>,
    #[serde(default)]
    broker: BrokerSource,
    #[serde(default)]
    pools: BTreeMap<Spanned<String>, PoolTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolTable {
    queues: Spanned<Vec<Spanned<String>>>,
    slots_per_worker: Option<Spanned<u32>>,
    min: Option<Spanned<u32>>,
    max: Option<Spanned<u32>>,
    wait_s: Option<Spanned<u64>>,
    start_s: Option<Spanned<u64>>,
    idle_s: Option<Spanned<u64>>,
    drain_timeout_s: Option<Spanned<u64>>,
    max_starting: Option<Spanned<u32>>,
    max_step_down_percent: Option<Spanned<u32>>,
    step_pause_s: Option<Spanned<u64>>,
    command: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

impl PoolTable {
    fn policy(&self) -> Policy {
        let default = Policy::default();
        let or =
            |value: &Option<Spanned<u64>>, default| value.as_ref().map_or(default, |value| *value.get_ref());
        let or32 =
            |value: &Option<Spanned<u32>>, default| value.as_ref().map_or(default, |value| *value.get_ref());
        Policy {
            slots_per_worker: or32(&self.slots_per_worker, default.slots_per_worker),
            min: or32(&self.min, default.min),
            max: or32(&self.max, default.max),
            wait_s: or(&self.wait_s, default.wait_s),
            start_s: or(&self.start_s, default.start_s),
            idle_s: or(&self.idle_s, default.idle_s),
            drain_timeout_s: or(&self.drain_timeout_s, default.drain_timeout_s),
            max_starting: or32(&self.max_starting, default.max_starting),
            max_step_down_percent: or32(&self.max_step_down_percent, default.max_step_down_percent),
            step_pause_s: or(&self.step_pause_s, default.step_pause_s),
        }
    }
}

/// Reads a settings file. Warnings come with the settings; errors instead of them.
///
/// # Errors
/// When the file cannot be read, is no TOML of the expected shape, or contradicts itself.
pub fn load(path: &Path) -> Result<(Settings, Findings), SettingsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
    parse(path, &text)
}

/// [`load`] for a text that is at hand; `path` is for messages, and relative paths start from its folder.
///
/// # Errors
/// As [`load`].
pub fn parse(path: &Path, text: &str) -> Result<(Settings, Findings), SettingsError> {
    let file: File = toml::from_str(text).map_err(|error| SettingsError::syntax(path, text, &error))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let state_dir = std::path::absolute(folder.join(&file.state_dir))
        .map_err(|source| SettingsError::Unreadable { path: file.state_dir.clone(), source })?;
    let mut findings = Findings::new(path, text);
    lint::check(&file, &state_dir, &mut findings);
    if findings.has_errors() {
        return Err(SettingsError::Contradictory(findings));
    }
    let mut pools = BTreeMap::new();
    for (name, table) in file.pools {
        let policy = table.policy();
        let words: Vec<String> = table.command.into_inner().into_iter().map(Spanned::into_inner).collect();
        let Ok(command) = Template::parse(&words) else { continue };
        let queues = table.queues.into_inner().into_iter().map(Spanned::into_inner).collect();
        let name = name.into_inner();
        let pool = Pool { name: name.clone(), queues, policy, command, environment: table.environment };
        pools.insert(name, pool);
    }
    let tick_ms = file.tick_ms.map_or(TICK_DEFAULT_MS, Spanned::into_inner);
    Ok((Settings { state_dir, tick_ms, listen: file.listen, broker: file.broker, pools }, findings))
}
