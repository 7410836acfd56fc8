//! Options that decide which versions are chosen, and for which target.

use clap::{Args, ValueEnum};
use depcache::base::{OtherTarget, PythonVersion, TargetPlatform};
use depcache::session::Options;
use depcache_resolve::{BasePolicy, Prerelease, VersionOrder};
use domain::BaseRecord;
use uv_normalize::PackageName;

/// Rules of a resolution.
#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    /// File whose lines replace every requirement of the packages that they name, whoever declares it.
    #[arg(long = "override", value_name = "FILE|URL")]
    pub(crate) overrides: Vec<String>,
    /// File of versions to try first and to give up when a requirement excludes them, such as Airflow's published constraints.
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) prefer: Vec<String>,
    /// Keep the base's versions where possible, or always.
    #[arg(long, value_enum, default_value = "prefer")]
    base_policy: BasePolicyArg,
    /// Distribution of the base that must stay.
    #[arg(long, value_name = "NAME")]
    protect: Vec<PackageName>,
    /// Distribution that may be replaced although a ready worker has it loaded: the environment then needs a worker process of its own.
    #[arg(long, value_name = "NAME")]
    unprotect: Vec<PackageName>,
    /// Package that is never installed; requirements of it do not count.
    #[arg(long, value_name = "NAME")]
    exclude: Vec<PackageName>,
    /// Which of the versions that fit is tried first.
    #[arg(long, value_enum, default_value = "highest")]
    resolution: ResolutionArg,
    /// When pre-releases may be chosen.
    #[arg(long, value_enum, default_value = "if-necessary")]
    prerelease: PrereleaseArg,
    /// Only files uploaded before this moment (2026-01-31 or 2026-01-31T12:00:00Z).
    #[arg(long, value_name = "DATE", value_parser = moment)]
    exclude_newer: Option<jiff::Timestamp>,
    /// Another moment for one package, or `false`: no cut-off for it.
    #[arg(long, value_name = "NAME=DATE", value_parser = package_moment)]
    exclude_newer_package: Vec<(PackageName, Option<jiff::Timestamp>)>,
}

/// Another target than the base's own.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// Lock for this Python (3.12, 3.12.4, 3.13t) instead of the base's.
    #[arg(long, value_name = "VERSION")]
    python_version: Option<PythonVersion>,
    /// Lock for this platform (linux, aarch64-unknown-linux-gnu, x86_64-unknown-linux-musl, x86_64-manylinux_2_28, …).
    #[arg(long, value_name = "PLATFORM")]
    python_platform: Option<TargetPlatform>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BasePolicyArg {
    Prefer,
    Strict,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PrereleaseArg {
    Disallow,
    Allow,
    IfNecessary,
    Explicit,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ResolutionArg {
    Highest,
    Lowest,
    LowestDirect,
}

impl RulesArgs {
    /// The rules in the library's words.
    pub(crate) fn options(&self) -> Options {
        Options {
            base_policy: match self.base_policy {
                BasePolicyArg::Prefer => BasePolicy::Prefer,
                BasePolicyArg::Strict => BasePolicy::Strict,
            },
            protect: self.protect.iter().cloned().collect(),
            unprotect: self.unprotect.iter().cloned().collect(),
            prerelease: match self.prerelease {
                PrereleaseArg::Disallow => Prerelease::Disallow,
                PrereleaseArg::Allow => Prerelease::Allow,
                PrereleaseArg::IfNecessary => Prerelease::IfNecessary,
                PrereleaseArg::Explicit => Prerelease::Explicit,
            },
            order: match self.resolution {
                ResolutionArg::Highest => VersionOrder::Highest,
                ResolutionArg::Lowest => VersionOrder::Lowest,
                ResolutionArg::LowestDirect => VersionOrder::LowestDirect,
            },
            exclude: self.exclude.iter().cloned().collect(),
            exclude_newer: self.exclude_newer,
            exclude_newer_package: self.exclude_newer_package.iter().cloned().collect(),
            ..Options::default()
        }
    }
}

impl TargetArgs {
    /// The target, unless it is the base's own.
    pub(crate) fn other(&self, base: &BaseRecord) -> Option<OtherTarget> {
        OtherTarget::of(&base.base, self.python_version.clone(), self.python_platform.clone())
    }
}

fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    text.parse()
        .ok()
        .or_else(|| day().map(|zoned| zoned.timestamp()))
        .ok_or_else(|| "expected a day (2026-01-31) or a moment (2026-01-31T12:00:00Z)".to_owned())
}

fn package_moment(text: &str) -> Result<(PackageName, Option<jiff::Timestamp>), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=DATE or NAME=false")?;
    let name = name.parse::<PackageName>().map_err(|error| error.to_string())?;
    Ok((name, if value == "false" { None } else { Some(moment(value)?) }))
}
