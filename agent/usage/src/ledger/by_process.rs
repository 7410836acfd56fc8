//! Processes as a list: JSON's maps have text for keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serializer};

use super::Known;
use crate::table::ProcessId;

pub(super) fn serialize<S: Serializer>(
    known: &BTreeMap<ProcessId, Known>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(known)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<ProcessId, Known>, D::Error> {
    Ok(Vec::<(ProcessId, Known)>::deserialize(deserializer)?.into_iter().collect())
}
