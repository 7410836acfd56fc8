//! The one target of a resolution: marker values, Python version, ranks of wheel tags.

use std::collections::HashMap;
use std::str::FromStr;

use domain::Base;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};
use uv_normalize::ExtraName;

use crate::facts::Requirement;
use crate::resolution::ResolveError;

/// What requirements and files are judged by.
#[derive(Debug)]
pub(crate) struct Target {
    markers: MarkerEnvironment,
    /// Release part only: 3.13.0b1 satisfies `>=3.13`.
    python: Version,
    /// Position of each supported tag; 0 is best.
    ranks: HashMap<String, usize>,
}

impl Target {
    /// The target that the base describes.
    pub(crate) fn new(base: &Base) -> Result<Self, ResolveError> {
        let value = |name: &str| {
            base.markers
                .get(name)
                .map(String::as_str)
                .ok_or_else(|| ResolveError::Base { field: format!("marker {name}") })
        };
        // Kernel facts may be absent: they are not part of a base's identity.
        let kernel = |name: &str| base.markers.get(name).map_or("", String::as_str);
        // Markers ask for 3.13.0 when the interpreter is 3.13.0rc1, as `Requires-Python` does; else it would be
        // before 3.13 and so count as 3.12.
        let full = Version::from_str(value("python_full_version")?)
            .map_err(|_| ResolveError::Base { field: "Python version among the markers".into() })?;
        let full = full.only_release().to_string();
        let builder = MarkerEnvironmentBuilder {
            implementation_name: value("implementation_name")?,
            implementation_version: value("implementation_version")?,
            os_name: value("os_name")?,
            platform_machine: value("platform_machine")?,
            platform_python_implementation: value("platform_python_implementation")?,
            platform_release: kernel("platform_release"),
            platform_system: value("platform_system")?,
            platform_version: kernel("platform_version"),
            python_full_version: &full,
            python_version: value("python_version")?,
            sys_platform: value("sys_platform")?,
        };
        let markers = MarkerEnvironment::try_from(builder)
            .map_err(|_| ResolveError::Base { field: "Python version among the markers".into() })?;
        if base.tags.is_empty() {
            return Err(ResolveError::Base { field: "wheel tags".into() });
        }
        let mut ranks = HashMap::with_capacity(base.tags.len());
        for (rank, tag) in base.tags.iter().enumerate() {
            ranks.entry(tag.clone()).or_insert(rank);
        }
        let python = markers.python_full_version().version.only_release();
        Ok(Self { markers, python, ranks })
    }

    /// Python's version, release part.
    pub(crate) fn python(&self) -> &Version {
        &self.python
    }

    /// The best tag, by which people know the target: `cp311-cp311-manylinux_2_36_x86_64`.
    pub(crate) fn best_tag(&self) -> &str {
        self.ranks.iter().min_by_key(|(_, rank)| **rank).map_or("", |(tag, _)| tag)
    }

    /// Whether `Requires-Python` admits the target. Upper bounds count too, as for pip: the interpreter is known,
    /// so nothing is gained by hoping that a bound was too careful.
    pub(crate) fn admits(&self, requires_python: Option<&VersionSpecifiers>) -> bool {
        requires_python.is_none_or(|specifiers| specifiers.contains(&self.python))
    }

    /// Whether the requirement applies when these extras are asked for.
    pub(crate) fn applies(&self, requirement: &Requirement, extras: &[ExtraName]) -> bool {
        requirement.evaluate_markers(&self.markers, extras)
    }

    /// Rank of the best of a wheel's tags, 0 is best; `None`: it does not run here.
    pub(crate) fn rank(&self, filename: &str) -> Option<usize> {
        let mut parts = filename.strip_suffix(".whl")?.rsplitn(4, '-');
        let (platforms, abis, pythons) = (parts.next()?, parts.next()?, parts.next()?);
        let mut best = None;
        for python in pythons.split('.') {
            for abi in abis.split('.') {
                for platform in platforms.split('.') {
                    let rank = self.ranks.get(&format!("{python}-{abi}-{platform}"));
                    best = best.into_iter().chain(rank.copied()).min();
                }
            }
        }
        best
    }
}
