//! PEP 751 text of a lock, written and read.

use std::collections::BTreeMap;

use domain::environment::Shadow;
use domain::{BaseId, Digest, Mode, TargetId};
use serde::{Deserialize, Serialize};
use toml::value::Datetime;
use uv_distribution_filename::WheelFilename;

use super::{Lock, LockedPackage, LockedWheel};

/// What `created-by` says.
const CREATED_BY: &str = "updraft";
/// The version of the format that is read and written.
const LOCK_VERSION: &str = "1.0";

/// Why a text is no lock that can be installed here.
#[derive(Debug, thiserror::Error)]
pub enum PylockError {
    /// No TOML, or fields of another shape.
    #[error("it is no pylock.toml")]
    Toml(#[source] toml::de::Error),
    /// A lock of a later format.
    #[error("its lock-version is {found}, this program reads {LOCK_VERSION}")]
    Version {
        /// What it says.
        found: String,
    },
    /// It was written by another tool and has no `[tool.updraft]`.
    #[error("it has no [tool.updraft] table: it says for no base and target what to install")]
    Foreign,
    /// A package without exactly one wheel.
    #[error("{package} names {found} wheels; a lock for one target names one")]
    Wheels {
        /// The package.
        package: String,
        /// How many it names.
        found: usize,
    },
    /// A wheel without sha256.
    #[error("{filename} has no sha256")]
    Hash {
        /// File name.
        filename: String,
    },
    /// A file name that is not the package's.
    #[error("{filename} is not a wheel of {package} {version}")]
    Name {
        /// File name.
        filename: String,
        /// The package.
        package: String,
        /// Its version.
        version: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    lock_version: String,
    requires_python: Option<String>,
    created_by: String,
    #[serde(default)]
    packages: Vec<Package>,
    tool: Option<Tool>,
}

#[derive(Serialize, Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<String>,
    #[serde(default)]
    wheels: Vec<Wheel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<PackageTool>,
}

#[derive(Serialize, Deserialize)]
struct Name {
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Wheel {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_time: Option<Datetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    hashes: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct PackageTool {
    updraft: PackageFacts,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PackageFacts {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extras: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_sha256: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
struct Tool {
    updraft: Option<Facts>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Facts {
    base_id: BaseId,
    target_id: TargetId,
    mode: Mode,
    requested: Vec<String>,
    #[serde(default)]
    base_pins: BTreeMap<String, String>,
    #[serde(default)]
    shadows: Vec<Shadow>,
}

impl Lock {
    /// The text of `pylock.toml`.
    pub fn to_toml(&self) -> String {
        let document = Document {
            lock_version: LOCK_VERSION.into(),
            requires_python: Some(self.requires_python.clone()),
            created_by: CREATED_BY.into(),
            packages: self.packages.iter().map(package).collect(),
            tool: Some(Tool {
                updraft: Some(Facts {
                    base_id: self.base_id,
                    target_id: self.target_id,
                    mode: self.mode,
                    requested: self.requested.clone(),
                    base_pins: self.kept.clone(),
                    shadows: self.shadows.clone(),
                }),
            }),
        };
        // Strings, integers, arrays and tables with text keys: nothing that TOML cannot hold.
        toml::to_string(&document).unwrap_or_default()
    }

    /// Reads the text of a `pylock.toml` that this program wrote.
    pub fn from_toml(text: &str) -> Result<Self, PylockError> {
        let document: Document = toml::from_str(text).map_err(PylockError::Toml)?;
        if document.lock_version != LOCK_VERSION {
            return Err(PylockError::Version { found: document.lock_version });
        }
        let facts = document.tool.and_then(|tool| tool.updraft).ok_or(PylockError::Foreign)?;
        let mut packages: Vec<_> = document.packages.into_iter().map(locked).collect::<Result<_, _>>()?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            base_id: facts.base_id,
            target_id: facts.target_id,
            requires_python: document.requires_python.unwrap_or_default(),
            mode: facts.mode,
            requested: facts.requested,
            shadows: facts.shadows,
            kept: facts.base_pins,
            packages,
        })
    }
}

fn package(locked: &LockedPackage) -> Package {
    let wheel = &locked.wheel;
    Package {
        name: locked.name.clone(),
        version: locked.version.clone(),
        dependencies: locked.requires.iter().map(|name| Name { name: name.clone() }).collect(),
        index: locked.index.clone(),
        wheels: vec![Wheel {
            name: wheel.filename.clone(),
            upload_time: wheel.upload_time.as_deref().and_then(|text| text.parse().ok()),
            url: wheel.url.clone(),
            size: wheel.size,
            hashes: BTreeMap::from([("sha256".to_owned(), wheel.sha256.hex())]),
        }],
        tool: Some(PackageTool {
            updraft: PackageFacts { extras: locked.extras.clone(), metadata_sha256: wheel.metadata_sha256 },
        }),
    }
}

fn locked(package: Package) -> Result<LockedPackage, PylockError> {
    let found = package.wheels.len();
    let Ok([wheel]) = <[Wheel; 1]>::try_from(package.wheels) else {
        return Err(PylockError::Wheels { package: package.name, found });
    };
    let fits = wheel.name.parse::<WheelFilename>().is_ok_and(|parsed| {
        parsed.name.as_ref() == package.name && parsed.version.to_string() == package.version
    });
    if !fits {
        return Err(PylockError::Name {
            filename: wheel.name,
            package: package.name,
            version: package.version,
        });
    }
    let sha256 = wheel.hashes.get("sha256").and_then(|hex| hex.parse().ok());
    let facts = package.tool.map(|tool| tool.updraft);
    Ok(LockedPackage {
        wheel: LockedWheel {
            sha256: sha256.ok_or_else(|| PylockError::Hash { filename: wheel.name.clone() })?,
            filename: wheel.name,
            url: wheel.url,
            size: wheel.size,
            upload_time: wheel.upload_time.map(|moment| moment.to_string()),
            metadata_sha256: facts.as_ref().and_then(|facts| facts.metadata_sha256),
        },
        name: package.name,
        version: package.version,
        extras: facts.map(|facts| facts.extras).unwrap_or_default(),
        requires: package.dependencies.into_iter().map(|dependency| dependency.name).collect(),
        index: package.index,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        let digest = Digest::of(b"x");
        Lock {
            base_id: BaseId(digest),
            target_id: TargetId(digest),
            requires_python: "==3.11.*".into(),
            mode: Mode::Task,
            requested: vec!["pandas".into()],
            shadows: vec![],
            kept: BTreeMap::from([("six".into(), "1.17.0".into())]),
            packages: vec![LockedPackage {
                name: "pandas".into(),
                version: "2.3.3".into(),
                extras: vec!["html".into()],
                requires: vec!["six".into()],
                index: Some("https://host.example/simple/".into()),
                wheel: LockedWheel {
                    filename: "pandas-2.3.3-py3-none-any.whl".into(),
                    sha256: digest,
                    url: Some("https://host.example/pandas-2.3.3-py3-none-any.whl".into()),
                    size: Some(7),
                    upload_time: Some("2025-09-29T23:20:14.123456Z".into()),
                    metadata_sha256: Some(digest),
                },
            }],
        }
    }

    #[test]
    fn reads_what_it_writes() {
        let lock = lock();
        assert_eq!(Lock::from_toml(&lock.to_toml()).unwrap(), lock);
        insta::assert_snapshot!(lock.to_toml(), @r#"
        lock-version = "1.0"
        requires-python = "==3.11.*"
        created-by = "updraft"

        [[packages]]
        name = "pandas"
        version = "2.3.3"
        index = "https://host.example/simple/"

        [[packages.dependencies]]
        name = "six"

        [[packages.wheels]]
        name = "pandas-2.3.3-py3-none-any.whl"
        upload-time = 2025-09-29T23:20:14.123456Z
        url = "https://host.example/pandas-2.3.3-py3-none-any.whl"
        size = 7

        [packages.wheels.hashes]
        sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

        [packages.tool.updraft]
        extras = ["html"]
        metadata-sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

        [tool.updraft]
        base-id = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        target-id = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        mode = "task"
        requested = ["pandas"]
        shadows = []

        [tool.updraft.base-pins]
        six = "1.17.0"
        "#);
    }

    #[test]
    fn addresses_are_no_part_of_the_identity() {
        let bare = lock().without_urls();
        assert!(!bare.to_toml().contains("host.example"));
        assert_eq!(bare.id().unwrap(), lock().id().unwrap());
    }

    #[test]
    fn what_is_not_a_lock_for_here_is_refused() {
        let refuse = |text: &str| Lock::from_toml(text).unwrap_err().to_string();
        assert_eq!(refuse("x"), "it is no pylock.toml");
        assert_eq!(
            refuse("lock-version = \"2.0\"\ncreated-by = \"x\""),
            "its lock-version is 2.0, this program reads 1.0"
        );
        let no_hash = lock().to_toml().replace("sha256 = ", "md5 = ");
        assert_eq!(refuse(&no_hash), "pandas-2.3.3-py3-none-any.whl has no sha256");
    }
}
