//! A base with a toy Airflow, wheels made in memory, and a store in a directory.
#![allow(dead_code, unreachable_pub, reason = "every test binary uses a part of this module")]
#![allow(
    clippy::unwrap_used,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "clarity over speed and comfort"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use depcache::environment::{BaseFiles, plan};
use depcache::layers::{Builder, Built};
use domain::environment::{Manifest, Mode, Shadow};
use domain::{Base, BaseRecord, Digest, Distribution, EnvId, Interpreter, LockId, Toc, keys};
use objectstore::{Condition, Store};

use crate::wheel_maker::WheelMaker;

pub const MINOR: &str = "3.11";

/// What an interpreter says about itself.
pub fn interpreter(python: &Path) -> Interpreter {
    let program = "import sys, json, importlib.util as u, sysconfig, platform; \
        print(json.dumps(dict(implementation=sys.implementation.name, version=platform.python_version(), \
        abi='cp%d%d' % sys.version_info[:2], magic=int.from_bytes(u.MAGIC_NUMBER[:2], 'little'), prefix=sys.prefix, \
        executable=sys.executable, platform=sysconfig.get_platform().replace('-', '_').replace('.', '_'))))";
    serde_json::from_str(&run(python, &["-c", program])).unwrap()
}

/// A base's record; distributions by the names of their `.dist-info`.
pub fn record(python: &Path) -> BaseRecord {
    let interpreter = interpreter(python);
    let site_dir = format!("{}/lib/python{MINOR}/site-packages", interpreter.prefix);
    let mut distributions: Vec<_> = fs::read_dir(&site_dir)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".dist-info")?.to_owned()))
        .map(|stem| {
            let (name, version) = stem.split_once('-').unwrap();
            Distribution {
                name: name.replace(['_', '.'], "-").to_lowercase(),
                version: version.into(),
                site_dir: site_dir.clone(),
                requires: Vec::new(),
                extras: Vec::new(),
            }
        })
        .collect();
    distributions.sort_by(|a, b| a.name.cmp(&b.name));
    record_of(interpreter, vec![site_dir], distributions)
}

pub fn record_of(
    interpreter: Interpreter,
    site_dirs: Vec<String>,
    distributions: Vec<Distribution>,
) -> BaseRecord {
    let base = Base {
        schema: domain::base::SCHEMA,
        interpreter,
        markers: BTreeMap::new(),
        tags: Vec::new(),
        glibc: Some((2, 36)),
        site_dirs,
        distributions,
    };
    BaseRecord { schema: domain::base::SCHEMA, base, loaded: Vec::new(), last_seen: "2026-01-01".into() }
}

/// Runs a program and answers its standard output.
pub fn run(program: &Path, arguments: &[&str]) -> String {
    let out = Command::new(program)
        .args(arguments)
        .env_remove("PYTHONPATH")
        .env_remove("VIRTUAL_ENV")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(
        out.status.success(),
        "{} {arguments:?}:\n{}{}",
        program.display(),
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
}

pub fn python() -> PathBuf {
    PathBuf::from(format!("python{MINOR}"))
}

/// A virtual environment with these distributions installed as an installer would, compiled.
pub fn base_venv(root: &Path, wheels: &[WheelMaker]) -> PathBuf {
    run(&python(), &["-m", "venv", "--without-pip", root.to_str().unwrap()]);
    let site = root.join(format!("lib/python{MINOR}/site-packages"));
    for wheel in wheels {
        for (path, content, _) in wheel.members() {
            let mut at = site.join(&path);
            let mut content = content;
            if let Some((_, script)) = path.split_once(".data/scripts/") {
                at = root.join("bin").join(script);
                let text = String::from_utf8(content).unwrap();
                content =
                    text.replacen("#!python", &format!("#!{}/bin/python", root.display()), 1).into_bytes();
            }
            if path.ends_with(".dist-info/RECORD") {
                let data = format!("{}-{}.data/scripts/", wheel.name, wheel.version);
                content = String::from_utf8(content).unwrap().replace(&data, "../../../bin/").into_bytes();
            }
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(&at, content).unwrap();
            if path.contains(".data/scripts/") {
                fs::set_permissions(&at, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            }
        }
    }
    let python = root.join("bin/python");
    run(&python, &["-m", "compileall", "-q", site.to_str().unwrap()]);
    python
}

/// Layers of the wheels, built as a build does.
pub fn layers(builder: &Builder, wheels: &[WheelMaker], directory: &Path) -> Vec<Built> {
    let mut built: Vec<_> = wheels
        .iter()
        .map(|wheel| {
            let file = directory.join(wheel.filename());
            fs::write(&file, wheel.zip()).unwrap();
            builder.from_wheel(&file, &wheel.filename()).unwrap()
        })
        .collect();
    built.sort_by(|a, b| a.entry.name.cmp(&b.entry.name));
    built
}

/// The manifest of layers over a base.
pub fn manifest(built: &[Built], base: &Base) -> Manifest {
    let shadows: Vec<_> = built
        .iter()
        .filter_map(|layer| {
            let base = base.distribution(&layer.entry.name)?;
            Some(Shadow {
                name: base.name.clone(),
                base_version: base.version.clone(),
                version: layer.entry.version.clone(),
            })
        })
        .collect();
    let tocs: Vec<Toc> = built.iter().map(|layer| layer.toc.clone()).collect();
    Manifest {
        schema: domain::environment::SCHEMA,
        base_id: base.id().unwrap(),
        target_id: base.target_id().unwrap(),
        lock_id: LockId(Digest::of(b"lock")),
        layers: built.iter().map(|layer| layer.entry.clone()).collect(),
        conflicts: plan(&tocs, &BaseFiles::read(base).unwrap(), &shadows),
        shadows,
        mode: Mode::Task,
        requested: Vec::new(),
        entry_points: BTreeMap::new(),
    }
}

/// Publishes layers and manifest as a build does.
pub async fn publish(store: &Store, built: &[Built], manifest: &Manifest) -> EnvId {
    for layer in built {
        let digest = &layer.entry.tar_digest;
        store.put_file(&keys::layer(digest), &layer.tar_zst, Condition::Absent).await.unwrap();
        store.put(&keys::toc(digest), layer.toc_zst.clone().into(), Condition::Absent).await.unwrap();
    }
    let id = manifest.id().unwrap();
    let text = Bytes::from(domain::canonical::to_bytes(manifest).unwrap());
    store.put(&keys::environment(id), text, Condition::Absent).await.unwrap();
    id
}
