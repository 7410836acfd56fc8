//! Golden vectors: a stored document keeps its bytes and its identity for ever.
//!
//! `golden/<format>.json` holds `{"document": …, "canonical_sha256": …, "id": …?}`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use domain::base::BaseRecord;
use domain::layer::WheelLayer;
use domain::request::Alias;
use domain::{
    Attestation, Base, Digest, LogPart, Manifest, Nudge, Publication, Ref, Request, Toc, UsageRecord,
    canonical,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

struct Golden {
    document: Value,
    vector: Value,
}

fn golden(name: &str) -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let vector: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Golden { document: vector["document"].clone(), vector }
}

/// Reads the document into its type, writes it again, compares value and digest.
fn check<T: Serialize + DeserializeOwned>(name: &str) -> T {
    let golden = golden(name);
    let typed: T = serde_json::from_value(golden.document.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(
        serde_json::to_value(&typed).unwrap(),
        golden.document,
        "{name} is not written as it was read"
    );
    let digest = Digest::of(&canonical::to_bytes(&typed).unwrap());
    assert_eq!(golden.vector["canonical_sha256"], digest.hex(), "the canonical bytes of {name} changed");
    typed
}

fn check_id(name: &str, id: &impl ToString) {
    assert_eq!(golden(name).vector["id"], id.to_string(), "the identity of {name} changed");
}

#[test]
fn documents_keep_their_bytes() {
    check::<Alias>("alias");
    check::<Attestation>("attestation");
    check::<Nudge>("nudge");
    check::<Ref>("ref");
    check::<Toc>("toc");
    check::<UsageRecord>("usage_record");
    check::<WheelLayer>("wheel_layer");
}

#[test]
fn identities_stay() {
    check_id("manifest", &check::<Manifest>("manifest").id().unwrap());
    check_id("request", &check::<Request>("request").id().unwrap());
    check_id("publication", &check::<Publication>("publication").id().unwrap());
    check_id("base", &check::<BaseRecord>("base").base.id().unwrap());
    check_id("log_part", &check::<LogPart>("log_part").to_string());
}

#[test]
fn a_kernel_update_is_no_new_base() {
    let record: BaseRecord = check("base");
    let mut other: Base = record.base.clone();
    other.markers.insert("platform_release".into(), "7.0.0".into());
    assert_eq!(other.id().unwrap(), record.base.id().unwrap());
    other.markers.insert("python_full_version".into(), "3.11.8".into());
    assert_ne!(other.id().unwrap(), record.base.id().unwrap());
}

#[test]
fn a_patch_release_of_python_keeps_the_target() {
    let base = check::<BaseRecord>("base").base;
    let mut other = base.clone();
    other.interpreter.version = "3.11.8".into();
    assert_eq!(other.target_id().unwrap(), base.target_id().unwrap());
    other.interpreter.abi = "cp312".into();
    assert_ne!(other.target_id().unwrap(), base.target_id().unwrap());
}
