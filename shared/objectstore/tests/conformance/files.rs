//! Objects that are files on this side.

use std::fs;
use std::path::Path;

use objectstore::{Condition, MULTIPART_THRESHOLD_BYTES, PutOutcome, Store};

/// Content in which every position is recognisable.
fn content(size_bytes: u64, seed: u64) -> Vec<u8> {
    (0..size_bytes.div_ceil(8))
        .flat_map(|word| (word ^ seed << 40).to_le_bytes())
        .take(usize::try_from(size_bytes).unwrap())
        .collect()
}

fn only_file_in(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

pub(crate) async fn small_and_large_files_come_back(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("source"), folder.path().join("new/target"));
    for size_bytes in
        [0, 1, MULTIPART_THRESHOLD_BYTES, MULTIPART_THRESHOLD_BYTES + 1, 3 * MULTIPART_THRESHOLD_BYTES / 2]
    {
        fs::write(&source, content(size_bytes, size_bytes)).unwrap();
        let PutOutcome::Written(etag) = store.put_file("file", &source, Condition::Always).await.unwrap()
        else {
            panic!("no condition")
        };
        let meta = store.head("file").await.unwrap().unwrap();
        assert_eq!((meta.size_bytes, meta.etag), (size_bytes, etag));
        assert_eq!(store.get_to_file("file", &target).await.unwrap(), Some(size_bytes));
        assert!(fs::read(&target).unwrap() == fs::read(&source).unwrap(), "{size_bytes} bytes");
        assert_eq!(only_file_in(&folder.path().join("new")), ["target"]);
    }
}

pub(crate) async fn conditions_hold_for_large_files(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("1"), folder.path().join("2"));
    fs::write(&one, content(MULTIPART_THRESHOLD_BYTES + 1, 1)).unwrap();
    fs::write(&two, content(MULTIPART_THRESHOLD_BYTES + 1, 2)).unwrap();
    let PutOutcome::Written(first) = store.put_file("k", &one, Condition::Absent).await.unwrap() else {
        panic!("nothing was there")
    };
    assert_eq!(store.put_file("k", &two, Condition::Absent).await.unwrap(), PutOutcome::Refused);
    let PutOutcome::Written(second) =
        store.put_file("k", &two, Condition::Matches(first.clone())).await.unwrap()
    else {
        panic!("the named version was there")
    };
    assert_ne!(first, second);
    assert_eq!(
        store.put_file("k", &one, Condition::Matches(first.clone())).await.unwrap(),
        PutOutcome::Refused
    );
    assert_eq!(store.put_file("none", &one, Condition::Matches(first)).await.unwrap(), PutOutcome::Refused);
    let target = folder.path().join("target");
    store.get_to_file("k", &target).await.unwrap().unwrap();
    assert!(fs::read(&target).unwrap() == fs::read(&two).unwrap());
}

pub(crate) async fn a_missing_object_leaves_no_file(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(store.get_to_file("none", &folder.path().join("target")).await.unwrap(), None);
    assert_eq!(only_file_in(folder.path()), [""; 0]);
    let missing = folder.path().join("missing");
    let error = store.put_file("k", &missing, Condition::Always).await.unwrap_err();
    assert!(matches!(&error, objectstore::Error::LocalFile { path, .. } if *path == missing), "{error:?}");
}
