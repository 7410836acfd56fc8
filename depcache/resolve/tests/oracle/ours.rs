//! What the resolver answers: the same questions to the types that it works with.

use std::str::FromStr;

use depcache_resolve::facts::Requirement;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder, VersionOrUrl};
use pubgrub::Ranges;
use serde_json::{Value, json};
use uv_normalize::ExtraName;
use uv_pypi_types::LenientVersionSpecifiers;

pub(crate) fn answer(question: &Value) -> Value {
    let text = |at: usize| question[at].as_str().unwrap();
    match text(0) {
        "version" => Version::from_str(text(1)).map_or(Value::Null, |version| json!(version.to_string())),
        "order" => {
            let parsed = |at| Version::from_str(text(at)).unwrap();
            json!(parsed(1).cmp(&parsed(2)) as i8)
        }
        // As they stand in requirements.
        "specifiers" => Requirement::from_str(&format!("x {}", text(1)))
            .map_or(Value::Null, |requirement| json!(admits(&specifiers(&requirement), &question[2]))),
        "requires_python" => LenientVersionSpecifiers::from_str(text(1))
            .map_or(Value::Null, |specifiers| json!(admits_python(&specifiers.into(), &question[2]))),
        "marker" => Requirement::from_str(&format!("x ; {}", text(1))).map_or(Value::Null, |requirement| {
            let extra: Vec<_> = ExtraName::from_str(text(3)).into_iter().collect();
            json!(requirement.evaluate_markers(&environment(&question[2]), &extra))
        }),
        "requirement" => Requirement::from_str(text(1))
            .map_or(Value::Null, |requirement| described(&requirement, &question[2], &question[3])),
        other => panic!("{other}"),
    }
}

/// As the search asks: through ranges.
fn admits(specifiers: &VersionSpecifiers, versions: &Value) -> Vec<bool> {
    let range = Ranges::from(specifiers.clone());
    let parsed = |one: &Value| Version::from_str(one.as_str().unwrap()).unwrap();
    versions.as_array().unwrap().iter().map(|one| range.contains(&parsed(one))).collect()
}

/// As `Requires-Python` is asked.
fn admits_python(specifiers: &VersionSpecifiers, versions: &Value) -> Vec<bool> {
    let parsed = |one: &Value| Version::from_str(one.as_str().unwrap()).unwrap();
    versions.as_array().unwrap().iter().map(|one| specifiers.contains(&parsed(one))).collect()
}

fn described(requirement: &Requirement, versions: &Value, environments: &Value) -> Value {
    let mut extras: Vec<_> = requirement.extras.iter().map(ToString::to_string).collect();
    extras.sort();
    extras.dedup();
    let url = match &requirement.version_or_url {
        Some(VersionOrUrl::Url(url)) => Some(url.verbatim.given().unwrap_or_default().to_owned()),
        _ => None,
    };
    let environments = environments.as_array().unwrap().iter();
    json!({
        "name": requirement.name.to_string(),
        "extras": extras,
        "url": url,
        "admits": admits(&specifiers(requirement), versions),
        "applies": environments.map(|one| requirement.evaluate_markers(&environment(one), &[])).collect::<Vec<_>>(),
    })
}

fn specifiers(requirement: &Requirement) -> VersionSpecifiers {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.clone(),
        _ => VersionSpecifiers::empty(),
    }
}

/// As the resolver makes it of a base's markers.
fn environment(values: &Value) -> MarkerEnvironment {
    let value = |key: &str| values[key].as_str().unwrap();
    let full = Version::from_str(value("python_full_version")).unwrap().only_release().to_string();
    MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
        implementation_name: value("implementation_name"),
        implementation_version: value("implementation_version"),
        os_name: value("os_name"),
        platform_machine: value("platform_machine"),
        platform_python_implementation: value("platform_python_implementation"),
        platform_release: value("platform_release"),
        platform_system: value("platform_system"),
        platform_version: value("platform_version"),
        python_full_version: &full,
        python_version: value("python_version"),
        sys_platform: value("sys_platform"),
    })
    .unwrap()
}
