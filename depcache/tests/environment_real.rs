//! Real wheels and a real Airflow. Each test prints a line and passes where its material is missing.
#![allow(clippy::unwrap_used, reason = "a test's own machinery fails by panicking")]

mod lab;
#[path = "../layer/tests/wheel_maker/mod.rs"]
mod wheel_maker;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use depcache::environment::{compose, fetch};
use depcache::layers::{Builder, Built};
use domain::{BaseRecord, Toc};
use lab::{layers, manifest, publish, record, run};
use objectstore::Store;
use wheel_maker::WheelMaker;

/// Layers of all wheels in a directory, on as many threads as there are processors.
fn layers_of(directory: &Path, builder: &Builder) -> Vec<Built> {
    let mut wheels: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    wheels.retain(|path| path.extension().is_some_and(|extension| extension == "whl"));
    let next = std::sync::atomic::AtomicUsize::new(0);
    let built = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some(wheel) = wheels.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let layer =
                        builder.from_wheel(wheel, wheel.file_name().unwrap().to_str().unwrap()).unwrap();
                    built.lock().unwrap().push(layer);
                }
            });
        }
    });
    let mut built = built.into_inner().unwrap();
    built.sort_by(|a, b| a.entry.name.cmp(&b.entry.name));
    built
}

fn no_base() -> BaseRecord {
    lab::record_of(lab::interpreter(&lab::python()), Vec::new(), Vec::new())
}

/// numpy's extension modules find their libraries by `$ORIGIN/../../numpy.libs`: through links to directories, and
/// through real directories of links.
#[tokio::test(flavor = "multi_thread")]
async fn shared_libraries_are_found_through_links() {
    let directory = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(directory.path()).unwrap();
    let wheels = root.join("wheels");
    let download = Command::new(lab::python())
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary", ":all:", "--retries", "1", "--timeout", "10", "numpy==1.26.4", "-d"])
        .arg(&wheels)
        .output();
    if !download.is_ok_and(|out| out.status.success()) {
        println!("skipped: no package index, or no pip");
        return;
    }
    let base = no_base();
    let builder = Builder::new(&base.base, &root.join("staging"), 2).unwrap();
    let built = layers_of(&wheels, &builder);
    assert!(!built[0].toc.needs_real_directories, "numpy brings its own libraries");
    let again = layers_of(&wheels, &builder);
    assert_eq!(built[0].entry, again[0].entry, "the same wheel gives the same layer");

    let manifest = manifest(&built, &base.base);
    let store = Store::open(&format!("file://{}/store", root.display())).await.unwrap();
    let id = publish(&store, &built, &manifest).await;
    let linked = fetch(&store, id, &base, &root.join("volume")).await.unwrap().path;
    assert!(linked.join("lib/python3.11/site-packages/numpy.libs").is_symlink());
    let mut tocs: Vec<Toc> = built.iter().map(|layer| layer.toc.clone()).collect();
    tocs[0].needs_real_directories = true;
    let real = compose(&manifest, &tocs, &base.base, &root.join("volume/layers"), &root.join("volume/real"))
        .unwrap();
    assert!(!real.join("lib/python3.11/site-packages/numpy").is_symlink());
    for environment in [linked, real] {
        let program = "import numpy; print(numpy.linalg.det(numpy.eye(3)))";
        assert_eq!(run(&environment.join("bin/python"), &["-c", program]), "1.0");
        assert_eq!(run(&environment.join("bin/f2py"), &["-v"]), "1.26.4");
    }
}

/// With `UPDRAFT_TEST_WHEELS=<directory of wheels>`: prints how long layers, fetching and composing take.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_wheels_becomes_an_environment() {
    let Some(wheels) = std::env::var_os("UPDRAFT_TEST_WHEELS") else {
        println!("skipped: UPDRAFT_TEST_WHEELS is not set");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(directory.path()).unwrap();
    let base = no_base();
    let builder = Builder::new(&base.base, &root.join("staging"), 2).unwrap();
    let started = Instant::now();
    let built = layers_of(Path::new(&wheels), &builder);
    let (tar, files) =
        built.iter().fold((0, 0), |(t, f), layer| (t + layer.entry.tar_size, f + layer.entry.files));
    println!("{} layers, {files} files, {} MB of tar: {:?}", built.len(), tar / 1_000_000, started.elapsed());
    let uncompiled: usize = built.iter().map(|layer| layer.uncompiled.len()).sum();
    let real: Vec<_> =
        built.iter().filter(|l| l.toc.needs_real_directories).map(|l| l.entry.name.as_str()).collect();
    println!("{uncompiled} files do not compile; real directories needed by {real:?}");
    let started = Instant::now();
    let manifest = manifest(&built, &base.base);
    println!("plan: {:?}, {} conflicts", started.elapsed(), manifest.conflicts.len());
    let store = Store::open(&format!("file://{}/store", root.display())).await.unwrap();
    let started = Instant::now();
    let id = publish(&store, &built, &manifest).await;
    println!("publish: {:?}", started.elapsed());
    let volume = root.join("volume");
    let cold = fetch(&store, id, &base, &volume).await.unwrap();
    println!("fetch cold: {} ms, {} MB from the store", cold.took_ms, cold.bytes / 1_000_000);
    let tocs: Vec<Toc> = built.iter().map(|layer| layer.toc.clone()).collect();
    let started = Instant::now();
    compose(&manifest, &tocs, &base.base, &volume.join("layers"), &volume.join("again")).unwrap();
    println!("compose: {:?}", started.elapsed());
    fs::remove_dir_all(volume.join("envs")).unwrap();
    let warm = fetch(&store, id, &base, &volume).await.unwrap();
    println!("fetch with all layers here: {} ms", warm.took_ms);
    let warm = fetch(&store, id, &base, &volume).await.unwrap();
    println!("fetch again: {} ms", warm.took_ms);
    assert_eq!(warm.layers_fetched, 0);
}

/// With `UPDRAFT_TEST_AIRFLOW=<virtual environment with Airflow 3>`: the same conformance on the real thing.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_airflow_sees_a_provider_that_only_a_layer_brings() {
    let Some(venv) = std::env::var_os("UPDRAFT_TEST_AIRFLOW") else {
        println!("skipped: UPDRAFT_TEST_AIRFLOW is not set");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(directory.path()).unwrap();
    let base = record(&Path::new(&venv).join("bin/python"));
    let builder = Builder::new(&base.base, &root.join("staging"), 2).unwrap();
    let info = "def get_provider_info():\n    return {'package-name': 'apache-airflow-providers-layered', \
        'name': 'Layered', 'description': 'from a layer', 'versions': ['1.0']}\n";
    let wheels = [
        WheelMaker::new("apache_airflow_providers_layered", "1.0")
            .file("airflow/providers/layered/__init__.py", "")
            .file("airflow/providers/layered/get_provider_info.py", info)
            .file(
                "apache_airflow_providers_layered-1.0.dist-info/entry_points.txt",
                "[apache_airflow_provider]\nprovider_info = airflow.providers.layered.get_provider_info:get_provider_info\n",
            ),
        WheelMaker::new("tabulate", "99.0").file("tabulate/__init__.py", "__version__ = '99.0'\ntabulate = None\n"),
    ];
    let built = layers(&builder, &wheels, &root);
    let manifest = manifest(&built, &base.base);
    assert_eq!(manifest.shadows.len(), 1);
    let store = Store::open(&format!("file://{}/store", root.display())).await.unwrap();
    let id = publish(&store, &built, &manifest).await;
    let fetched = fetch(&store, id, &base, &root.join("volume")).await.unwrap();
    println!("composed over {} distributions in {} ms", base.base.distributions.len(), fetched.took_ms);
    let program = "import importlib.metadata as m, tabulate\n\
        from airflow.providers_manager import ProvidersManager\n\
        names = ProvidersManager().providers\n\
        print(tabulate.__version__, m.version('tabulate'), 'apache-airflow-providers-layered' in names, \
        'apache-airflow-providers-standard' in names)";
    let out = Command::new(fetched.path.join("bin/python"))
        .args(["-c", program])
        .env("AIRFLOW_HOME", root.join("home"))
        .env("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        text.trim_end().ends_with("99.0 99.0 True True"),
        "{text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let airflow = Command::new("airflow")
        .arg("version")
        .env("PATH", format!("{}:/usr/bin:/bin", fetched.path.join("bin").display()))
        .env("AIRFLOW_HOME", root.join("home"))
        .output()
        .unwrap();
    let version = &base.base.distribution("apache-airflow-core").unwrap().version;
    assert!(String::from_utf8_lossy(&airflow.stdout).contains(version.as_str()));
}
