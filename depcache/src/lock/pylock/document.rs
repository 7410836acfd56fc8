//! The tables of a `pylock.toml`, as far as they are read. Keys that are not named here are left alone, as the
//! specification wants it.

use std::collections::BTreeMap;

use domain::environment::Shadow;
use domain::{BaseId, Digest, Mode, TargetId};
use serde::Deserialize;
use toml::value::Datetime;

use super::super::LockInputs;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Document {
    pub(super) lock_version: String,
    pub(super) requires_python: Option<String>,
    pub(super) created_by: String,
    #[serde(default)]
    pub(super) packages: Vec<Package>,
    pub(super) tool: Option<Tool>,
}

#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) dependencies: Vec<Name>,
    pub(super) vcs: Option<Vcs>,
    pub(super) directory: Option<Directory>,
    pub(super) archive: Option<File>,
    pub(super) index: Option<String>,
    pub(super) sdist: Option<File>,
    #[serde(default)]
    pub(super) wheels: Vec<File>,
    pub(super) tool: Option<PackageTool>,
}

#[derive(Deserialize)]
pub(super) struct Name {
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) name: Option<String>,
    pub(super) upload_time: Option<Datetime>,
    pub(super) url: Option<String>,
    pub(super) path: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) hashes: BTreeMap<String, String>,
    /// Of archives only.
    pub(super) subdirectory: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Vcs {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) url: Option<String>,
    pub(super) requested_revision: Option<String>,
    pub(super) commit_id: String,
    pub(super) subdirectory: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Directory {
    pub(super) path: String,
    #[serde(default)]
    pub(super) editable: bool,
    pub(super) subdirectory: Option<String>,
}

#[derive(Deserialize, Default)]
pub(super) struct PackageTool {
    #[serde(default)]
    pub(super) updraft: PackageFacts,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub(super) struct PackageFacts {
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) extras: Vec<String>,
    pub(super) metadata_sha256: Option<Digest>,
}

#[derive(Deserialize)]
pub(super) struct Tool {
    pub(super) updraft: Option<Facts>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Facts {
    pub(super) base_id: BaseId,
    pub(super) target_id: TargetId,
    pub(super) mode: Mode,
    pub(super) requested: Vec<String>,
    #[serde(default)]
    pub(super) base_pins: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) shadows: Vec<Shadow>,
    pub(super) inputs: Option<LockInputs>,
}
