//! Options about building from source.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use depcache::source::{BuildLimits, BuildRules, SandboxRule};
use depcache_resolve::requirements::Names;

#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// Build nothing from source: only wheels, and metadata that stands in sources.
    #[arg(long)]
    no_build: bool,
    /// Do not build this package.
    #[arg(long, value_name = "NAME")]
    no_build_package: Vec<uv_normalize::PackageName>,
    /// Use only wheels of these packages (names, :all: or :none:); the same as --no-build-package.
    #[arg(long, value_name = "NAMES", value_parser = names)]
    only_binary: Vec<Names>,
    /// Use no wheels of these packages: build them (names, :all: or :none:).
    #[arg(long, value_name = "NAMES", value_parser = names)]
    no_binary: Vec<Names>,
    /// Where the kernel gives a build no sandbox: build nothing, or build with network and files of the caller.
    #[arg(long, value_enum, default_value = "required", env = "UPDRAFT_BUILD_SANDBOX")]
    build_sandbox: SandboxArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SandboxArg {
    Required,
    IfPossible,
}

impl SourceArgs {
    /// Rules with the bounds that variables name.
    pub(crate) fn rules(&self, variables: &BTreeMap<String, String>) -> BuildRules {
        let named = Names::of(self.no_build_package.iter().cloned());
        let all = if self.no_build { Names::All } else { Names::None };
        BuildRules {
            no_build: self.only_binary.iter().fold(all.and(&named), |sum, names| sum.and(names)),
            sandbox: match self.build_sandbox {
                SandboxArg::Required => SandboxRule::Required,
                SandboxArg::IfPossible => SandboxRule::IfPossible,
            },
            is_foreign_target: false,
            limits: BuildLimits::from_variables(variables),
        }
    }

    /// `--no-binary`.
    pub(crate) fn no_binary(&self) -> Names {
        self.no_binary.iter().fold(Names::None, |sum, names| sum.and(names))
    }
}

fn names(text: &str) -> Result<Names, String> {
    match text {
        ":all:" => Ok(Names::All),
        ":none:" => Ok(Names::None),
        list => {
            let parsed: Result<Vec<_>, _> = list.split(',').map(|name| name.trim().parse()).collect();
            Ok(Names::of(parsed.map_err(|error: uv_normalize::InvalidNameError| error.to_string())?))
        }
    }
}
