//! Another target than the base's own: its markers, tags and interpreter, made from the description at hand.
//!
//! What is installed in the base stays what it is; only Python's version and the platform change. Nothing can be
//! built or run for such a target here, so it serves locks, not environments.

use std::str::FromStr;

use domain::{Base, BaseRecord};
use pep440_rs::Version;

use super::tags::{TagFacts, abi, platforms, supported_on};

/// A Python to lock for: `3.12`, `3.12.4`, `3.13t`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonVersion {
    /// Three parts, unless it is a pre-release.
    full: Version,
    minor: (u32, u32),
    /// Only major and minor were given.
    is_minor_only: bool,
    free_threaded: bool,
}

/// A platform to lock for: `linux`, `aarch64-unknown-linux-gnu`, `x86_64-manylinux_2_28`, `x86_64-musllinux_1_2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetPlatform {
    machine: &'static str,
    libc: Libc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Libc {
    Glibc(u32),
    Musl(u32),
}

/// glibc of a platform that names none: Debian 10, RHEL 8 and newer have it (uv's choice too).
const USUAL_GLIBC_MINOR: u32 = 28;
/// musl of a platform that names none: Alpine 3.13 and newer have it.
const USUAL_MUSL_MINOR: u32 = 2;
/// Machines whose wheels exist in numbers, and for which Airflow has images.
const MACHINES: [&str; 2] = ["x86_64", "aarch64"];
/// The newest minor versions that exist or may soon; more would only make long lists of tags.
const NEWEST_LIBC_MINOR: u32 = 60;

/// Bytecode's magic number by minor version of CPython 3.
const MAGIC: [(u32, u32); 6] = [(9, 3425), (10, 3439), (11, 3495), (12, 3531), (13, 3571), (14, 3627)];

/// Why a target cannot be made from a base.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TargetError {
    /// No Python version.
    #[error("`{text}` is not a version of Python 3")]
    Python {
        /// As given.
        text: String,
    },
    /// Not a platform that is known.
    #[error("`{text}` is not a platform that can be locked for")]
    Platform {
        /// As given.
        text: String,
    },
    /// Tags of other implementations follow other rules.
    #[error("the base runs {implementation}; another target can be given only for CPython")]
    Implementation {
        /// `pypy`.
        implementation: String,
    },
}

impl TargetError {
    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Python { .. } => "expected 3.12, 3.12.4, or 3.13t for a free-threaded build",
            Self::Platform { .. } => {
                "expected linux, x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu, \
                 x86_64-unknown-linux-musl, aarch64-unknown-linux-musl, x86_64-manylinux2014, \
                 x86_64-manylinux_2_28, x86_64-musllinux_1_2, or the same for aarch64"
            }
            Self::Implementation { .. } => "describe a base of the wanted interpreter and give it as --base",
        }
    }
}

impl FromStr for PythonVersion {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let refuse = || TargetError::Python { text: text.to_owned() };
        let (number, free_threaded) = text.strip_suffix('t').map_or((text, false), |number| (number, true));
        let version = number.parse::<Version>().map_err(|_| refuse())?;
        let part = |at: usize| version.release().get(at).and_then(|part| u32::try_from(*part).ok());
        let (Some(major @ 3), Some(minor)) = (part(0), part(1)) else { return Err(refuse()) };
        let is_plain = !version.is_local() && !version.is_post() && version.epoch() == 0;
        if !is_plain || version.release().len() > 3 || minor > 99 {
            return Err(refuse());
        }
        let is_minor_only = version.release().len() == 2;
        let full = if is_minor_only && version.is_stable() {
            Version::new([3, u64::from(minor), 0])
        } else {
            version.clone()
        };
        Ok(Self { full, minor: (major, minor), is_minor_only, free_threaded })
    }
}

impl FromStr for TargetPlatform {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let refuse = || TargetError::Platform { text: text.to_owned() };
        if text == "linux" {
            return Ok(Self { machine: MACHINES[0], libc: Libc::Glibc(USUAL_GLIBC_MINOR) });
        }
        let (machine, system) = text.split_once('-').ok_or_else(refuse)?;
        let machine = MACHINES.into_iter().find(|known| *known == machine).ok_or_else(refuse)?;
        let minor = |digits: &str, oldest: u32| {
            let minor =
                digits.parse::<u32>().ok().filter(|minor| (oldest..=NEWEST_LIBC_MINOR).contains(minor));
            minor.ok_or_else(refuse)
        };
        let libc = match system {
            "unknown-linux-gnu" => Libc::Glibc(USUAL_GLIBC_MINOR),
            "unknown-linux-musl" => Libc::Musl(USUAL_MUSL_MINOR),
            "manylinux2014" => Libc::Glibc(17),
            other => match (other.strip_prefix("manylinux_2_"), other.strip_prefix("musllinux_1_")) {
                (Some(digits), _) => Libc::Glibc(minor(digits, 5)?),
                (_, Some(digits)) => Libc::Musl(minor(digits, 0)?),
                _ => return Err(refuse()),
            },
        };
        Ok(Self { machine, libc })
    }
}

/// A change of the target.
#[derive(Debug, Clone)]
pub struct OtherTarget {
    python: Option<PythonVersion>,
    platform: Option<TargetPlatform>,
}

impl OtherTarget {
    /// What differs from the base's own target; `None`: nothing. A version without patch number means the base's own
    /// Python when major and minor are the same, else the first release, `.0`.
    pub fn of(base: &Base, python: Option<PythonVersion>, platform: Option<TargetPlatform>) -> Option<Self> {
        let is_own = |wanted: &PythonVersion| {
            let own = base.interpreter.version.parse::<Version>().ok();
            let is_free_threaded = base.interpreter.abi.ends_with('t');
            wanted.free_threaded == is_free_threaded
                && own.is_some_and(|own| {
                    own == wanted.full
                        || (wanted.is_minor_only && own.release()[..2] == wanted.full.release()[..2])
                })
        };
        let python = python.filter(|wanted| !is_own(wanted));
        (python.is_some() || platform.is_some()).then_some(Self { python, platform })
    }

    /// The description with this target instead of its own.
    pub fn apply(&self, mut record: BaseRecord) -> Result<BaseRecord, TargetError> {
        let base = &mut record.base;
        if base.interpreter.implementation != "cpython" {
            let implementation = base.interpreter.implementation.clone();
            return Err(TargetError::Implementation { implementation });
        }
        if let Some(python) = &self.python {
            set_python(base, python);
        }
        let facts = facts(base, self.platform.as_ref());
        // The base's own platforms, in their order, when no other one is asked for.
        let list = if self.platform.is_some() { platforms(&facts) } else { own_platforms(base) };
        let (abi, tags) = (abi(&facts), supported_on(&facts, &list));
        if let Some(platform) = &self.platform {
            set_platform(base, platform);
        }
        base.interpreter.abi = abi;
        base.tags = tags;
        Ok(record)
    }
}

fn facts<'b>(base: &'b Base, platform: Option<&TargetPlatform>) -> TagFacts<'b> {
    let own = base.markers.get("platform_machine").map_or("", String::as_str);
    let (machine, glibc, musl) = match platform {
        None => (own, base.glibc, None),
        Some(TargetPlatform { machine, libc: Libc::Glibc(minor) }) => (*machine, Some((2, *minor)), None),
        Some(TargetPlatform { machine, libc: Libc::Musl(minor) }) => (*machine, None, Some((1, *minor))),
    };
    let mut numbers = base.interpreter.version.split('.').filter_map(|part| part.parse().ok());
    let python = (numbers.next().unwrap_or(3), numbers.next().unwrap_or(0));
    TagFacts {
        implementation: "cpython",
        python,
        free_threaded: base.interpreter.abi.ends_with('t'),
        debug: false,
        machine,
        glibc,
        musl,
    }
}

/// Platforms of the best tags: those that share the first tag's Python and ABI.
fn own_platforms(base: &Base) -> Vec<String> {
    let parts = |tag: &str| {
        let mut parts = tag.splitn(3, '-').map(str::to_owned);
        Some(((parts.next()?, parts.next()?), parts.next()?))
    };
    let Some((best, _)) = base.tags.first().and_then(|tag| parts(tag)) else { return Vec::new() };
    let all = base.tags.iter().filter_map(|tag| parts(tag));
    all.filter(|(python, _)| *python == best).map(|(_, platform)| platform).collect()
}

fn set_python(base: &mut Base, python: &PythonVersion) {
    let (major, minor) = python.minor;
    let full = python.full.to_string();
    for name in ["python_full_version", "implementation_version"] {
        base.markers.insert(name.into(), full.clone());
    }
    base.markers.insert("python_version".into(), format!("{major}.{minor}"));
    let interpreter = &mut base.interpreter;
    // `supported_on` reads the version; the suffix tells free-threaded builds apart.
    interpreter.abi = format!("cp{major}{minor}{}", if python.free_threaded { "t" } else { "" });
    interpreter.version = full;
    interpreter.magic = MAGIC.iter().find(|(known, _)| *known == minor).map_or(0, |(_, magic)| *magic);
}

fn set_platform(base: &mut Base, platform: &TargetPlatform) {
    let markers = [
        ("os_name", "posix"),
        ("platform_machine", platform.machine),
        ("platform_system", "Linux"),
        ("sys_platform", "linux"),
    ];
    base.markers.extend(markers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // Facts of a running kernel, which there is none of.
    for name in ["platform_release", "platform_version"] {
        base.markers.remove(name);
    }
    base.glibc = match platform.libc {
        Libc::Glibc(minor) => Some((2, minor)),
        Libc::Musl(_) => None,
    };
    base.interpreter.platform = format!("linux_{}", platform.machine);
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
