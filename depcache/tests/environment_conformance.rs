//! What cannot be changed later: a layer adds a provider under `airflow.providers` and shadows a distribution of the
//! base; the base's interpreter imports the result.
#![allow(clippy::unwrap_used, reason = "a test's own machinery fails by panicking")]

mod lab;
#[path = "../layer/tests/wheel_maker/mod.rs"]
mod wheel_maker;

use std::fs;
use std::path::{Path, PathBuf};

use depcache::environment::{Way, fetch};
use depcache::layers::Builder;
use domain::environment::Conflict;
use lab::{base_venv, layers, manifest, publish, record, run};
use objectstore::Store;
use wheel_maker::WheelMaker;

const PROGRAM: &str = r#"
import importlib.metadata as metadata, importlib.resources as resources, importlib.util, json, sys
import airflow, airflow.providers.one, airflow.providers.two, keeper, shadowme, shared.keeper_part, both.clash, keeper_single
site = [p for p in sys.path if p.endswith("site-packages")]
seen = {
    "prefix is the environment": sys.prefix == sys.argv[1] and sys.executable.startswith(sys.argv[1] + "/bin/"),
    "one site directory": site == [sys.argv[1] + "/lib/python3.11/site-packages"],
    "airflow": airflow.__version__,
    "airflow paths": len(list(airflow.__path__)),
    "providers": [airflow.providers.one.NAME, airflow.providers.two.NAME],
    "shadowed": [shadowme.VERSION, metadata.version("shadowme")],
    "versions seen": sorted(d.version for d in metadata.distributions() if d.name == "shadowme"),
    "old modules": [bool(importlib.util.find_spec(n)) for n in ("shadowme.old", "shared.shadowme_part", "shadowme_single")],
    "later layer wins": both.clash.WHO,
    "resources": [(resources.files("airflow.providers.two") / "conf.json").read_text(), (resources.files("keeper") / "data.txt").read_text()],
    "entry points": sorted(e.name for e in metadata.entry_points(group="apache_airflow_provider")),
    "files": str(next(f for f in metadata.files("provider-two") if f.name == "conf.json")),
    "bytecode used": [m.__cached__ is not None and __import__("os").path.exists(m.__cached__) for m in (airflow, airflow.providers.two, keeper, shadowme, keeper_single)],
    "code names": [airflow.providers.two.where.__code__.co_filename == airflow.providers.two.__file__],
}
print("{\n " + ",\n ".join(json.dumps(k) + ": " + json.dumps(v) for k, v in seen.items()) + "\n}")
"#;

/// What every such environment shows, over whatever base and wherever it lies.
const SEEN: &str = r#"{
 "prefix is the environment": true,
 "one site directory": true,
 "airflow": "3.3.2",
 "airflow paths": 1,
 "providers": ["one", "two"],
 "shadowed": ["2.0", "2.0"],
 "versions seen": ["2.0"],
 "old modules": [false, false, false],
 "later layer wins": "bbb",
 "resources": ["{}", "kept"],
 "entry points": ["one", "two"],
 "files": "airflow/providers/two/conf.json",
 "bytecode used": [true, true, true, true, true],
 "code names": [true]
}"#;

fn base_wheels() -> Vec<WheelMaker> {
    vec![
        WheelMaker::new("apache_airflow_core", "3.3.2")
            .file(
                "airflow/__init__.py",
                "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n__version__ = '3.3.2'\n",
            )
            .file("airflow/cli.py", "import sys\n")
            .file(
                "apache_airflow_core-3.3.2.data/scripts/airflow",
                "#!python\nimport sys, airflow.providers.two\nprint('airflow in', sys.prefix)\n",
            ),
        WheelMaker::new("provider_one", "1.0")
            .file("airflow/providers/one/__init__.py", "NAME = 'one'\n")
            .file(
                "provider_one-1.0.dist-info/entry_points.txt",
                "[apache_airflow_provider]\none = airflow.providers.one:info\n",
            ),
        WheelMaker::new("shadowme", "1.0")
            .file("shadowme/__init__.py", "VERSION = '1.0'\n")
            .file("shadowme/old.py", "")
            .file("shared/shadowme_part.py", "")
            .file("shadowme_single.py", "")
            .file("shadowme-1.0.data/scripts/shadowme-old", "#!python\n"),
        WheelMaker::new("keeper", "1.0")
            .file("keeper/__init__.py", "")
            .file("keeper/data.txt", "kept")
            .file("keeper_single.py", "")
            .file("shared/keeper_part.py", ""),
    ]
}

fn layer_wheels() -> Vec<WheelMaker> {
    vec![
        WheelMaker::new("provider_two", "2.0")
            .file("airflow/providers/two/__init__.py", "NAME = 'two'\ndef where(): pass\n")
            .file("airflow/providers/two/conf.json", "{}")
            .file("airflow/providers/two/template.py", "print 'python 2'\n")
            .file(
                "provider_two-2.0.dist-info/entry_points.txt",
                "[apache_airflow_provider]\ntwo = airflow.providers.two:info\n",
            ),
        WheelMaker::new("shadowme", "2.0")
            .file(
                "shadowme/__init__.py",
                "VERSION = '2.0'\ndef main():\n    import sys\n    print('shadowme in', sys.prefix)\n",
            )
            .file("shadowme-2.0.dist-info/entry_points.txt", "[console_scripts]\nshadowme = shadowme:main\n")
            .file("shadowme-2.0.data/data/share/shadowme/x", "x"),
        WheelMaker::new("aaa", "1")
            .file("both/clash.py", "WHO = 'aaa'\n")
            .file("both/a.py", "")
            .file("both/same.py", "1\n"),
        WheelMaker::new("bbb", "1").file("both/clash.py", "WHO = 'bbb'\n").file("both/same.py", "1\n"),
    ]
}

fn observe(environment: &Path) -> String {
    let python = environment.join("bin/python");
    run(&python, &["-c", PROGRAM, environment.to_str().unwrap()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_composed_environment_is_what_the_base_and_its_layers_say() {
    let directory = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(directory.path()).unwrap();
    let base = record(&base_venv(&root.join("base"), &base_wheels()));
    let builder = Builder::new(&base.base, &root.join("staging"), 2).unwrap();
    let built = layers(&builder, &layer_wheels(), &root);
    let manifest = manifest(&built, &base.base);
    assert_eq!(
        manifest.conflicts,
        [Conflict {
            path: "lib/python3.11/site-packages/both/clash.py".into(),
            winner: "bbb".into(),
            loser: "aaa".into(),
        }]
    );
    assert_eq!(built[2].uncompiled.len(), 1, "{:?}", built[2].uncompiled);
    let store = Store::open(&format!("file://{}/store", root.display())).await.unwrap();
    let id = publish(&store, &built, &manifest).await;

    let volume = root.join("volume");
    let fetched = fetch(&store, id, &base, &volume).await.unwrap();
    assert_eq!((fetched.layers_fetched, fetched.mode), (4, Way::Link));
    assert!(fetched.bytes > 0);
    assert_eq!(observe(&fetched.path), SEEN);

    scripts_run_inside(&fetched.path);
    shape_is_links(&fetched.path, &root.join("base"));
    let written = fs::read(fetched.path.join(".updraft/manifest.json")).unwrap();
    assert_eq!(domain::Digest::of(&written), id.0);

    // A second fetch has nothing to do; another volume gives the same tree.
    let again = fetch(&store, id, &base, &volume).await.unwrap();
    assert_eq!((again.layers_fetched, again.bytes, &again.path), (0, 0, &fetched.path));

    // A volume may move: links to layers are relative.
    let moved = root.join("somewhere/else");
    fs::create_dir_all(moved.parent().unwrap()).unwrap();
    fs::rename(&volume, &moved).unwrap();
    let path = moved.join("envs").join(id.to_string());
    assert_eq!(observe(&path), SEEN);
    scripts_run_inside(&path);
}

fn scripts_run_inside(environment: &Path) {
    let bin = environment.join("bin");
    assert_eq!(run(&bin.join("airflow"), &[]), format!("airflow in {}", environment.display()));
    assert_eq!(run(&bin.join("shadowme"), &[]), format!("shadowme in {}", environment.display()));
    // Through a link from elsewhere too.
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(bin.join("shadowme"), elsewhere.path().join("s")).unwrap();
    assert_eq!(run(&elsewhere.path().join("s"), &[]), format!("shadowme in {}", environment.display()));
    assert!(!bin.join("shadowme-old").exists(), "a script of a shadowed distribution");
    for name in ["python", "python3", "python3.11"] {
        assert_eq!(
            run(&bin.join(name), &["-c", "import sys; print(sys.prefix)"]),
            environment.display().to_string()
        );
    }
}

/// What is one link, and what had to be a real directory.
fn shape_is_links(environment: &Path, base: &Path) {
    let site = environment.join("lib/python3.11/site-packages");
    let link = |path: &str| fs::read_link(site.join(path)).ok();
    assert_eq!(link("keeper"), Some(base.join("lib/python3.11/site-packages/keeper")));
    assert_eq!(link("airflow"), None);
    assert_eq!(link("airflow/providers"), None);
    assert_eq!(
        link("airflow/providers/one"),
        Some(base.join("lib/python3.11/site-packages/airflow/providers/one"))
    );
    assert_eq!(
        link("airflow/__pycache__"),
        Some(base.join("lib/python3.11/site-packages/airflow/__pycache__"))
    );
    assert!(link("airflow/providers/two").unwrap().starts_with("../../../../../../../layers"), "relative");
    assert!(link("shadowme").unwrap().starts_with("../../../../../layers"), "relative");
    assert_eq!(link("shared"), None, "a shadowed distribution owns a file beneath it");
    assert!(environment.join("share/shadowme/x").is_file());
    let bytecode: Vec<_> =
        fs::read_dir(site.join("__pycache__")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(bytecode, [PathBuf::from("keeper_single.cpython-311.pyc").into_os_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_without_a_base_is_a_base_for_others() {
    let directory = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(directory.path()).unwrap();
    let store = Store::open(&format!("file://{}/store", root.display())).await.unwrap();
    let none = lab::record_of(lab::interpreter(&lab::python()), Vec::new(), Vec::new());
    let builder = Builder::new(&none.base, &root.join("staging"), 1).unwrap();
    let built = layers(&builder, &base_wheels(), &root);
    let first = manifest(&built, &none.base);
    let id = publish(&store, &built, &first).await;
    let airflow = fetch(&store, id, &none, &root.join("image")).await.unwrap().path;

    let base = record(&airflow.join("bin/python"));
    assert_eq!(base.base.distributions.len(), 4);
    let built = layers(&builder, &layer_wheels(), &root);
    let second = manifest(&built, &base.base);
    let id = publish(&store, &built, &second).await;
    let fetched = fetch(&store, id, &base, &root.join("volume")).await.unwrap();
    assert_eq!(observe(&fetched.path), SEEN);
    scripts_run_inside(&fetched.path);
}
