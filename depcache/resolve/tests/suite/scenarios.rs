//! The resolver scenarios that uv's authors wrote (schema of packse), without their universal-lock ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use depcache_resolve::{FileMetadata, Prerelease, ResolveError, Yanked};
use serde::Deserialize;

use crate::world::{World, bare_base, input, metadata, name, specifiers};

#[derive(Deserialize)]
struct Scenario {
    root: Root,
    #[serde(default)]
    packages: BTreeMap<String, Package>,
    #[serde(default)]
    resolver_options: Options,
    #[serde(default)]
    environment: Environment,
    expected: Expected,
}

#[derive(Deserialize)]
struct Root {
    requires: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    versions: BTreeMap<String, PackageVersion>,
}

#[derive(Deserialize)]
struct PackageVersion {
    #[serde(default)]
    requires: Vec<String>,
    #[serde(default)]
    extras: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    requires_python: Option<String>,
    #[serde(default)]
    yanked: bool,
    #[serde(default = "yes")]
    sdist: bool,
    #[serde(default = "yes")]
    wheel: bool,
    #[serde(default)]
    wheel_tags: Vec<String>,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    python: Option<String>,
    python_platform: Option<String>,
    prereleases: bool,
    no_binary: Vec<String>,
    no_build: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Environment {
    python: Option<String>,
}

#[derive(Deserialize)]
struct Expected {
    satisfiable: bool,
    #[serde(default)]
    packages: BTreeMap<String, String>,
}

fn world(scenario: &Scenario) -> World {
    let mut world = World::default();
    for (package, content) in &scenario.packages {
        world.files.entry(name(package)).or_default();
        for (version, about) in &content.versions {
            let tags = if about.wheel_tags.is_empty() {
                vec!["py3-none-any".into()]
            } else {
                about.wheel_tags.clone()
            };
            let mut requires: Vec<String> = about.requires.clone();
            for (extra, more) in &about.extras {
                requires.extend(more.iter().map(|one| format!("{one} ; extra == '{extra}'")));
            }
            let requires: Vec<&str> = requires.iter().map(String::as_str).collect();
            let extras: Vec<&str> = about.extras.keys().map(String::as_str).collect();
            let known = Arc::new(metadata(&requires, &extras));
            let mut files: Vec<_> = if about.wheel {
                tags.iter().map(|tags| World::file(package, version, tags)).collect()
            } else {
                vec![]
            };
            if about.sdist {
                let mut sdist = World::file(package, version, "sdist");
                sdist.filename = format!("{}-{version}.tar.gz", package.replace('-', "_"));
                files.push(sdist);
            }
            for mut file in files {
                file.requires_python = about.requires_python.as_deref().map(specifiers);
                file.yanked = if about.yanked { Yanked::Yes(String::new()) } else { Yanked::No };
                world.metadata.insert(file.filename.clone(), FileMetadata::Known(Arc::clone(&known)));
                world.files.entry(name(package)).or_default().push(file);
            }
        }
    }
    world
}

fn check(scenario: &Scenario) -> Result<(), String> {
    let options = &scenario.resolver_options;
    let python = options.python.as_ref().or(scenario.environment.python.as_ref());
    let mut lines = scenario.root.requires.clone();
    lines.extend(options.no_build.iter().map(|package| format!("--only-binary {package}")));
    lines.extend(options.no_binary.iter().map(|package| format!("--no-binary {package}")));
    let lines = lines.join("\n");
    if let Some(platform) = &options.python_platform {
        assert_eq!(platform, "x86_64-manylinux2014", "the only platform that the scenarios name");
    }
    let mut input = input(&[("requirements.txt", &lines)], bare_base(python.map_or("3.12", String::as_str)));
    if options.prereleases {
        input.prerelease = Prerelease::Allow;
    }
    match (depcache_resolve::resolve(&input, &world(scenario)), scenario.expected.satisfiable) {
        (Ok(resolution), true) => {
            for (package, version) in &scenario.expected.packages {
                let found = resolution.package(&name(package)).map(|pin| pin.version.to_string());
                if found.as_ref() != Some(version) {
                    return Err(format!("expected {package} {version}, found {found:?}"));
                }
            }
            let wanted = scenario.expected.packages.len();
            if wanted > 0 && wanted != resolution.packages.len() {
                return Err(format!("expected {wanted} packages, found {}", resolution.packages.len()));
            }
            Ok(())
        }
        (Err(ResolveError::Conflict(conflict)), false) if !conflict.steps.is_empty() => Ok(()),
        (Err(ResolveError::Conflict(_)), false) => Err("a conflict without a word why".into()),
        (Ok(_), false) => Err("resolved, although it cannot be".into()),
        (Err(error), _) => Err(format!("not resolved: {error}")),
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
}

#[test]
fn scenarios_resolve_as_their_authors_expect() {
    // Beside the checkout, or where the variable says.
    let fixtures = std::env::var_os("UPDRAFT_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let folder = fixtures.join("resolver-scenarios");
    if !folder.is_dir() {
        println!("skipped: the scenarios are not on this machine");
        return;
    }
    let mut paths = Vec::new();
    collect(&folder, &mut paths);
    paths.sort();
    let (mut passed, mut failed) = (0, Vec::new());
    for path in &paths {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let scenario: Scenario = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        match check(&scenario) {
            Ok(()) => passed += 1,
            Err(why) => failed.push(format!("{stem}: {why}")),
        }
    }
    println!("{passed} of {} scenarios passed", paths.len());
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
    assert_eq!(passed, paths.len());
}
