//! The base as the resolver sees it: what it has, what must stay, which of its requirements are active.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use domain::{Base, Mode};
use pep440_rs::Version;
use uv_normalize::{ExtraName, PackageName};

use crate::facts::Requirement;
use crate::input::{BasePolicy, Input};
use crate::policy;
use crate::resolution::Warning;
use crate::target::Target;

/// Airflow itself never changes, whatever a base's record says is loaded.
pub(crate) const AIRFLOW: [&str; 3] = ["apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk"];

/// Why a distribution of the base must stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// It is Airflow.
    Airflow,
    /// A worker's task processes have it loaded before a task starts.
    Loaded,
    /// `--protect`.
    Asked,
    /// `--base-policy strict`.
    Strict,
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Airflow => "protected because it is Airflow itself",
            Self::Loaded => "protected because Airflow has it loaded",
            Self::Asked => "protected because --protect names it",
            Self::Strict => "protected because the base policy is strict",
        })
    }
}

/// One distribution of the base.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) version: Version,
    pub(crate) protection: Option<Protection>,
    pub(crate) is_loaded: bool,
    pub(crate) extras: Vec<ExtraName>,
    requires: Vec<Requirement>,
}

/// All distributions of the base.
#[derive(Debug)]
pub(crate) struct BaseView {
    pub(crate) distributions: BTreeMap<PackageName, Installed>,
    pub(crate) warnings: Vec<Warning>,
    /// How workers use environments over this base.
    pub(crate) mode: Mode,
    /// Extras that the base's own requirements ask for: what they lack was left out on purpose.
    own_extras: BTreeSet<(PackageName, ExtraName)>,
}

impl BaseView {
    pub(crate) fn new(input: &Input, target: &Target) -> Self {
        let mode = mode(&input.base.base);
        let mut view =
            Self { distributions: BTreeMap::new(), warnings: Vec::new(), mode, own_extras: BTreeSet::new() };
        for distribution in &input.base.base.distributions {
            // A distribution whose name or version nobody can read cannot be required by anybody.
            let (Ok(name), Ok(version)) =
                (PackageName::from_str(&distribution.name), Version::from_str(&distribution.version))
            else {
                continue;
            };
            let mut requires = Vec::new();
            for text in &distribution.requires {
                match Requirement::from_str(text) {
                    Ok(requirement) => requires.push(requirement),
                    Err(_) => view.warnings.push(Warning::BaseRequirement {
                        distribution: distribution.name.clone(),
                        requirement: text.clone(),
                    }),
                }
            }
            // A worker process of its own loads everything from the environment, nothing before it.
            let is_loaded = mode == Mode::Task && input.base.loaded.contains(&distribution.name);
            let installed = Installed {
                version,
                protection: protection(input, &name, is_loaded),
                is_loaded: is_loaded || AIRFLOW.contains(&name.as_str()),
                extras: distribution.extras.iter().filter_map(|extra| extra.parse().ok()).collect(),
                requires,
            };
            view.distributions.insert(name, installed);
        }
        view.find_own_extras(input, target);
        view.find_conflicts(target);
        view
    }

    /// The distribution of this name.
    pub(crate) fn get(&self, name: &PackageName) -> Option<&Installed> {
        self.distributions.get(name)
    }

    /// Requirements of the distribution that hold while it is kept. With an extra: those that the extra adds.
    pub(crate) fn requires(
        &self,
        name: &PackageName,
        extra: Option<&ExtraName>,
        target: &Target,
    ) -> Vec<&Requirement> {
        let Some(installed) = self.get(name) else { return Vec::new() };
        let is_own = extra.is_none_or(|extra| self.own_extras.contains(&(name.clone(), extra.clone())));
        let applies = |requirement: &&Requirement| match extra {
            None => target.applies(requirement, &[]),
            Some(extra) => {
                target.applies(requirement, std::slice::from_ref(extra)) && !target.applies(requirement, &[])
            }
        };
        installed
            .requires
            .iter()
            .filter(applies)
            .filter(|requirement| !is_own || self.is_met(requirement))
            .collect()
    }

    /// Whether the base itself satisfies the requirement.
    fn is_met(&self, requirement: &Requirement) -> bool {
        self.get(&requirement.name)
            .is_some_and(|installed| policy::range(requirement).contains(&installed.version))
    }

    fn find_own_extras(&mut self, input: &Input, target: &Target) {
        let asked: BTreeSet<_> = input
            .expanded
            .requirements
            .iter()
            .flat_map(|entry| {
                entry.requirement.extras.iter().map(|e| (entry.requirement.name.clone(), e.clone()))
            })
            .collect();
        let mut open: Vec<(PackageName, Option<ExtraName>)> =
            self.distributions.keys().map(|name| (name.clone(), None)).collect();
        while let Some((name, extra)) = open.pop() {
            let Some(installed) = self.distributions.get(&name) else { continue };
            let extras: Vec<_> = extra.into_iter().collect();
            for requirement in installed.requires.iter().filter(|one| target.applies(one, &extras)) {
                for extra in &requirement.extras {
                    let wanted = (requirement.name.clone(), extra.clone());
                    if !asked.contains(&wanted) && self.own_extras.insert(wanted.clone()) {
                        open.push((wanted.0, Some(wanted.1)));
                    }
                }
            }
        }
    }

    fn find_conflicts(&mut self, target: &Target) {
        let mut found = Vec::new();
        for (name, installed) in &self.distributions {
            for requirement in installed.requires.iter().filter(|one| target.applies(one, &[])) {
                if !self.is_met(requirement) {
                    let other = self.get(&requirement.name);
                    found.push(Warning::BaseConflict {
                        distribution: format!("{name} {}", installed.version),
                        requirement: requirement.to_string(),
                        found: other.map(|other| format!("{} {}", requirement.name, other.version)),
                    });
                }
            }
        }
        self.warnings.extend(found);
    }
}

/// Airflow 3 forks a process for each task, which switches to the environment; the worker of Airflow 2 runs in one.
fn mode(base: &Base) -> Mode {
    let airflow =
        base.distribution("apache-airflow").and_then(|found| Version::from_str(&found.version).ok());
    let before_3 = airflow.is_some_and(|version| version.release().first().is_some_and(|&major| major < 3));
    if before_3 { Mode::Process } else { Mode::Task }
}

fn protection(input: &Input, name: &PackageName, is_loaded: bool) -> Option<Protection> {
    if AIRFLOW.contains(&name.as_str()) {
        return Some(Protection::Airflow);
    }
    if input.unprotect.contains(name) {
        return None;
    }
    if is_loaded {
        return Some(Protection::Loaded);
    }
    if input.protect.contains(name) {
        return Some(Protection::Asked);
    }
    (input.base_policy == BasePolicy::Strict).then_some(Protection::Strict)
}
