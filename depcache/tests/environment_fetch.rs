//! Fetching under trouble: corruption, races, a crash of the machine, the wrong base.
#![allow(clippy::unwrap_used, reason = "a test's own machinery fails by panicking")]

mod lab;
#[path = "../layer/tests/wheel_maker/mod.rs"]
mod wheel_maker;

use std::fs;
use std::path::{Path, PathBuf};

use depcache::environment::fetch;
use depcache::layers::{Builder, Built};
use domain::{BaseRecord, EnvId, keys};
use lab::{layers, manifest, publish, run};
use objectstore::Store;
use wheel_maker::{WheelMaker, words};

struct Lab {
    _directory: tempfile::TempDir,
    root: PathBuf,
    store: Store,
    base: BaseRecord,
    built: Vec<Built>,
    id: EnvId,
}

impl Lab {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        let base = lab::record_of(lab::interpreter(&lab::python()), Vec::new(), Vec::new());
        let builder = Builder::new(&base.base, &root.join("staging"), 1).unwrap();
        let wheels = [
            WheelMaker::new("one", "1").file("one/__init__.py", "VALUE = 1\n"),
            WheelMaker::new("two", "1").file("two/__init__.py", "VALUE = 2\n"),
        ];
        let built = layers(&builder, &wheels, &root);
        let manifest = manifest(&built, &base.base);
        let store = Store::open(&format!("file://{}/store", root.display())).await.unwrap();
        let id = publish(&store, &built, &manifest).await;
        Self { _directory: directory, root, store, base, built, id }
    }

    fn volume(&self) -> PathBuf {
        self.root.join("volume")
    }

    fn layer_directory(&self, layer: usize) -> PathBuf {
        self.volume().join("layers").join(self.built[layer].entry.tar_digest.hex())
    }
}

/// Names below a directory, sorted.
fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    // The lock of those who prune is no layer.
    names.retain(|name| name != ".lock");
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_layer_is_refused_and_leaves_nothing() {
    let lab = Lab::new().await;
    let key = keys::layer(&lab.built[1].entry.tar_digest);
    let sound = lab.store.get(&key).await.unwrap().unwrap().bytes;
    let mut corrupt = sound.to_vec();
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 0xff;
    lab.store.put(&key, corrupt.into(), objectstore::Condition::Always).await.unwrap();
    let error = fetch(&lab.store, lab.id, &lab.base, &lab.volume()).await.unwrap_err();
    let text = words(&error);
    assert!(text.starts_with("the layer of two cannot be unpacked: frame 0 of the layer"), "{text}");
    assert!(error.is_retryable() && error.hint().contains("repair"));
    assert_eq!(names(&lab.volume().join("envs")), Vec::<String>::new());
    let left = names(&lab.volume().join("layers"));
    assert!(left.iter().all(|name| *name == lab.built[0].entry.tar_digest.hex()), "{left:?}");
    // Repaired by its builder: the same call succeeds.
    lab.store.put(&key, sound, objectstore::Condition::Always).await.unwrap();
    fetch(&lab.store, lab.id, &lab.base, &lab.volume()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_fetches_give_what_one_would_give() {
    let lab = Lab::new().await;
    let volume = lab.volume();
    let one = || fetch(&lab.store, lab.id, &lab.base, &volume);
    let results = futures::future::join_all((0..6).map(|_| one())).await;
    let paths: std::collections::BTreeSet<_> =
        results.into_iter().map(|fetched| fetched.unwrap().path).collect();
    assert_eq!(paths.len(), 1);
    assert_eq!(names(&volume.join("envs")), [lab.id.to_string()]);
    assert_eq!(names(&volume.join("layers")).len(), 2);
    let python = paths.first().unwrap().join("bin/python");
    assert_eq!(run(&python, &["-c", "import one, two; print(one.VALUE + two.VALUE)"]), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_boot_left_is_verified_before_it_is_used() {
    let lab = Lab::new().await;
    let first = fetch(&lab.store, lab.id, &lab.base, &lab.volume()).await.unwrap();
    for marker in [
        first.path.join(".updraft/boot"),
        lab.layer_directory(0).join(".updraft-boot"),
        lab.layer_directory(1).join(".updraft-boot"),
    ] {
        fs::write(marker, "an earlier boot").unwrap();
    }
    // What a crash leaves of a file that was never flushed.
    let module = "lib/python3.11/site-packages/two/__init__.py";
    fs::write(lab.layer_directory(1).join(module), "").unwrap();
    let second = fetch(&lab.store, lab.id, &lab.base, &lab.volume()).await.unwrap();
    assert_eq!((second.layers_fetched, &second.path), (1, &first.path));
    assert_eq!(fs::read_to_string(second.path.join(module)).unwrap(), "VALUE = 2\n");
    assert_eq!(names(&lab.volume().join("envs")), [lab.id.to_string()]);
    assert_eq!(names(&lab.volume().join("layers")).len(), 2);
    let third = fetch(&lab.store, lab.id, &lab.base, &lab.volume()).await.unwrap();
    assert_eq!(third.layers_fetched, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_base_and_unknown_environments_are_told() {
    let lab = Lab::new().await;
    fetch(&lab.store, lab.id, &lab.base, &lab.volume()).await.unwrap();
    let mut other = lab.base.clone();
    other.base.interpreter.version = "3.11.99".into();
    // Ready on this volume, but not for this base.
    let error = fetch(&lab.store, lab.id, &other, &lab.volume()).await.unwrap_err();
    assert!(words(&error).contains("was built for base"), "{}", words(&error));
    assert!(!error.is_retryable());
    let unknown = EnvId(domain::Digest::of(b"unknown"));
    let error = fetch(&lab.store, unknown, &lab.base, &lab.volume()).await.unwrap_err();
    assert_eq!(words(&error), format!("the store has no environment {}", unknown.short()));
}
