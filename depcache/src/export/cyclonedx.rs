//! A lock as software bill of materials, `CycloneDX` 1.6.

use domain::canonical::CanonicalError;
use serde_json::{Value, json};

use super::{Licence, Licences};
use crate::lock::{Lock, LockedPackage, LockedSource};

/// The document. The same lock has the same bytes: it says no time, and its serial number is made of the lock's id.
pub fn cyclonedx(lock: &Lock, licences: &Licences) -> Result<Value, CanonicalError> {
    let id = lock.id()?.0.hex();
    let reference = "environment";
    let mut components: Vec<Value> =
        lock.packages.iter().map(|package| installed(package, licences)).collect();
    components.extend(lock.kept.iter().map(|(name, version)| of_base(name, version)));
    let mut dependencies = vec![json!({
        "ref": reference,
        "dependsOn": sorted(lock.requested.iter().filter_map(|name| purl_of(lock, name))),
    })];
    dependencies.extend(lock.packages.iter().map(|package| {
        json!({
            "ref": purl(package),
            "dependsOn": sorted(package.requires.iter().filter_map(|name| purl_of(lock, name))),
        })
    }));
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial(&id),
        "version": 1,
        "metadata": {
            "tools": {"components": [
                {"type": "application", "name": "depcache", "version": env!("CARGO_PKG_VERSION")},
            ]},
            "component": {
                "type": "application", "bom-ref": reference, "name": "environment", "version": id,
                "properties": [
                    {"name": "updraft:base-id", "value": lock.base_id.to_string()},
                    {"name": "updraft:target-id", "value": lock.target_id.to_string()},
                    {"name": "updraft:requires-python", "value": lock.requires_python},
                ],
            },
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

fn installed(package: &LockedPackage, licences: &Licences) -> Value {
    let purl = purl(package);
    let mut component = json!({
        "type": "library", "bom-ref": purl, "name": package.name, "version": package.version, "purl": purl,
    });
    match licences.by_name.get(&package.name) {
        Some(Licence::Expression(text)) => component["licenses"] = json!([{"expression": text}]),
        Some(Licence::Named(names)) => {
            component["licenses"] = names.iter().map(|name| json!({"license": {"name": name}})).collect();
        }
        Some(Licence::Unknown) | None => {}
    }
    let hashes = |file: &crate::lock::LockedFile| json!([{"alg": "SHA-256", "content": file.sha256.hex()}]);
    if let Some(file) = package.source.file() {
        component["hashes"] = hashes(file);
        if let Some(url) = &file.url {
            component["externalReferences"] =
                json!([{"type": "distribution", "url": url, "hashes": hashes(file)}]);
        }
    }
    if let LockedSource::Vcs { url, commit, .. } = &package.source {
        component["externalReferences"] =
            json!([{"type": "vcs", "url": url, "comment": format!("commit {commit}")}]);
    }
    component
}

fn of_base(name: &str, version: &str) -> Value {
    let purl = plain_purl(name, version);
    json!({
        "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
        "properties": [{"name": "updraft:of-base", "value": "true"}],
    })
}

fn purl_of(lock: &Lock, name: &str) -> Option<String> {
    let of_base = || lock.kept.get(name).map(|version| plain_purl(name, version));
    lock.packages.iter().find(|package| package.name == name).map(purl).or_else(of_base)
}

/// `pkg:pypi/<name>@<version>`, and where else than from an index it comes.
fn purl(package: &LockedPackage) -> String {
    let plain = plain_purl(&package.name, &package.version);
    match &package.source {
        LockedSource::Vcs { url, commit, .. } => {
            format!("{plain}?vcs_url={}", encoded(&format!("git+{url}@{commit}")))
        }
        LockedSource::Archive { file, .. } => match &file.url {
            Some(url) => format!("{plain}?download_url={}", encoded(url)),
            None => plain,
        },
        _ => plain,
    }
}

fn plain_purl(name: &str, version: &str) -> String {
    format!("pkg:pypi/{name}@{}", encoded(version))
}

/// Percent-encoded as package URLs want it: `:` and `/` may stay.
fn encoded(text: &str) -> String {
    let keeps = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~:/".contains(&byte);
    let piece = |byte: u8| if keeps(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(piece).collect()
}

/// A UUID of version 8 (its bits are the maker's) out of the lock's identity.
fn serial(hex: &str) -> String {
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

fn sorted(items: impl Iterator<Item = String>) -> Vec<String> {
    items.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}
