//! The base: what the image's own interpreter has installed, and the target that layers are built for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::canonical::CanonicalError;
use crate::digest::identity;

/// Version of [`Base`] and [`BaseRecord`].
pub const SCHEMA: u32 = 1;

identity! {
    /// Identity of a base: interpreter, marker environment, tags, glibc and distributions.
    BaseId
}
identity! {
    /// Identity of what a layer depends on: implementation, minor version, ABI, pyc magic, platform and layer format.
    TargetId
}

/// The interpreter of a base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interpreter {
    /// `cpython`, `pypy`.
    pub implementation: String,
    /// Full version, `3.11.7`.
    pub version: String,
    /// ABI tag, `cp311`.
    pub abi: String,
    /// Magic number of bytecode, the first two bytes as a little-endian integer.
    pub magic: u32,
    /// `sys.prefix`: the root of the base (a venv's root where the base is one).
    pub prefix: String,
    /// `sys.executable`.
    pub executable: String,
    /// `sysconfig.get_platform()` with `-` and `.` as `_`, `linux_x86_64`.
    pub platform: String,
}

/// One installed distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Distribution {
    /// Normalised name (PEP 503).
    pub name: String,
    /// Version as its metadata writes it.
    pub version: String,
    /// Directory that holds its `.dist-info`.
    pub site_dir: String,
    /// `Requires-Dist` lines; they stay active while the distribution is not shadowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// `Provides-Extra`, normalised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<String>,
}

/// What an image offers before any layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Base {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The interpreter.
    pub interpreter: Interpreter,
    /// The marker environment of PEP 508, by variable name.
    pub markers: BTreeMap<String, String>,
    /// Supported wheel tags, best first.
    pub tags: Vec<String>,
    /// glibc's major and minor version; absent on musl.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glibc: Option<(u32, u32)>,
    /// Directories on `sys.path` that hold distributions, in order.
    pub site_dirs: Vec<String>,
    /// Installed distributions, sorted by name. Empty for `--base none`.
    pub distributions: Vec<Distribution>,
}

/// Markers that describe the running kernel, not the image; they are no part of an identity.
const KERNEL_MARKERS: [&str; 2] = ["platform_release", "platform_version"];

impl Base {
    /// Identity over image content only.
    pub fn id(&self) -> Result<BaseId, CanonicalError> {
        let markers: BTreeMap<_, _> =
            self.markers.iter().filter(|(name, _)| !KERNEL_MARKERS.contains(&name.as_str())).collect();
        let distributions: Vec<_> =
            self.distributions.iter().map(|d| [&d.name, &d.version, &d.site_dir]).collect();
        Digest::of_canonical(&serde_json::json!({
            "schema": self.schema,
            "interpreter": self.interpreter,
            "markers": markers,
            "tags": self.tags,
            "glibc": self.glibc,
            "site_dirs": self.site_dirs,
            "distributions": distributions,
        }))
        .map(BaseId)
    }

    /// Identity of the target that this base's layers are built for.
    pub fn target_id(&self) -> Result<TargetId, CanonicalError> {
        Digest::of_canonical(&serde_json::json!({
            "implementation": self.interpreter.implementation,
            "python": self.python_minor(),
            "abi": self.interpreter.abi,
            "magic": self.interpreter.magic,
            "platform": self.interpreter.platform,
            "libc": if self.glibc.is_some() { "glibc" } else { "musl" },
            "layer_format": crate::layer::FORMAT,
        }))
        .map(TargetId)
    }

    /// `3.11`.
    pub fn python_minor(&self) -> String {
        self.interpreter.version.split('.').take(2).collect::<Vec<_>>().join(".")
    }

    /// The distribution of this (normalised) name.
    pub fn distribution(&self, name: &str) -> Option<&Distribution> {
        self.distributions.iter().find(|d| d.name == name)
    }
}

/// `v1/bases/<base id>.json`: a live base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BaseRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The description.
    pub base: Base,
    /// Normalised names of distributions seen loaded in a ready worker's task processes. They are protected.
    pub loaded: Vec<String>,
    /// Last day (`YYYY-MM-DD`) on which an agent with this base was seen.
    pub last_seen: String,
}
