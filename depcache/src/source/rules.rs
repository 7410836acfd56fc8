//! What may be built, and within which bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use depcache_resolve::requirements::Names;

/// Wall time of one hook. Large extensions (grpcio, pandas) take ten to twenty minutes on a small machine.
const TIMEOUT_S: u64 = 30 * 60;
/// Private memory of each process of a build; the linker of large extensions takes some gigabytes.
const MEMORY_BYTES: u64 = 8 << 30;
/// What a build may leave on the disk: sources, objects, the wheel.
const DISK_BYTES: u64 = 8 << 30;
/// What a build may say.
const LOG_BYTES: u64 = 64 << 20;

/// Variables that compilers and build tools follow everywhere.
const HANDED_ON: [&str; 10] =
    ["CC", "CXX", "LD", "AR", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "PKG_CONFIG_PATH", "CMAKE_ARGS"];
/// `UPDRAFT_BUILD_ENV_MYSQLCLIENT_CFLAGS=…` gives builds `MYSQLCLIENT_CFLAGS`: many projects have switches of their own.
const PREFIX: &str = "UPDRAFT_BUILD_ENV_";

/// What of the caller's variables builds get. They decide what is built, so they are part of a wheel's key.
pub(super) fn build_variables(variables: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let handed_on = HANDED_ON.iter().filter_map(|name| Some((*name, variables.get(*name)?.as_str())));
    let named =
        variables.iter().filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value.as_str())));
    handed_on.chain(named.filter(|(name, _)| !name.is_empty())).collect()
}

/// What happens where the kernel gives a build no world of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SandboxRule {
    /// Nothing is built.
    #[default]
    Required,
    /// It is built with the network and the files of the caller, and a warning says so.
    IfPossible,
}

/// Bounds of one hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildLimits {
    /// Wall time (`UPDRAFT_BUILD_TIMEOUT_S`).
    pub time: Duration,
    /// Private memory of each process (`UPDRAFT_BUILD_MEMORY_BYTES`).
    pub memory_bytes: u64,
    /// Bytes on the disk, all files together (`UPDRAFT_BUILD_DISK_BYTES`).
    pub disk_bytes: u64,
    /// Bytes of output.
    pub log_bytes: u64,
}

impl Default for BuildLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(TIMEOUT_S),
            memory_bytes: MEMORY_BYTES,
            disk_bytes: DISK_BYTES,
            log_bytes: LOG_BYTES,
        }
    }
}

impl BuildLimits {
    /// The defaults, changed by the variables that the fields name. What is no number is said and ignored.
    #[must_use]
    pub fn from_variables(variables: &BTreeMap<String, String>) -> Self {
        let number = |name: &str, default: u64| {
            let Some(text) = variables.get(name).filter(|text| !text.is_empty()) else { return default };
            text.trim().parse().unwrap_or_else(|_| {
                tracing::warn!(value = text, "{name} is no number and is ignored");
                default
            })
        };
        Self {
            time: Duration::from_secs(number("UPDRAFT_BUILD_TIMEOUT_S", TIMEOUT_S)),
            memory_bytes: number("UPDRAFT_BUILD_MEMORY_BYTES", MEMORY_BYTES),
            disk_bytes: number("UPDRAFT_BUILD_DISK_BYTES", DISK_BYTES),
            log_bytes: LOG_BYTES,
        }
    }
}

/// Rules for building from source.
#[derive(Debug, Clone, Default)]
pub struct BuildRules {
    /// `--no-build`, `--no-build-package`: nothing of these is built; metadata that stands in the sources is still read.
    pub no_build: Names,
    /// `--build-sandbox`.
    pub sandbox: SandboxRule,
    /// The target is not what this machine's interpreter is: nothing can be built for it.
    pub is_foreign_target: bool,
    /// Bounds of each hook.
    pub limits: BuildLimits,
}
