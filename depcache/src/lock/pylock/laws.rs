//! What is written is read again, whatever it is.

use std::collections::BTreeMap;

use domain::Digest;
use domain::environment::Shadow;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::{Lock, LockedFile, LockedPackage, LockedSource};
use super::tests::{file, lock, package};

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 8]>().prop_map(|bytes| Digest::of(&bytes))
}

fn version() -> impl Strategy<Value = String> {
    "(1!)?[1-9]{1,2}(\\.[0-9]){0,3}(rc[0-9])?(\\.post[0-9])?(\\.dev[0-9])?"
}

/// Any text that a person could have as a path; quotes, umlauts and dots too.
fn relative() -> impl Strategy<Value = String> {
    vec("[a-zäß \"'#%.=\\[\\]]{1,6}x", 1..4).prop_map(|parts| parts.join("/"))
}

fn locked_file(name: String, version: String) -> impl Strategy<Value = (LockedFile, LockedFile)> {
    let facts = (digest(), option::of(any::<u32>()), any::<bool>(), any::<bool>());
    facts.prop_map(move |(sha256, size, with_url, with_time)| {
        let file = |filename: String| LockedFile {
            url: with_url.then(|| format!("https://host.example/a%20b/{filename}")),
            filename,
            sha256,
            path: None,
            size: size.map(u64::from),
            upload_time: with_time.then(|| "2026-01-02T03:04:05Z".to_owned()),
        };
        let stem = name.replace('-', "_");
        (file(format!("{stem}-{version}-py3-none-any.whl")), file(format!("{stem}-{version}.tar.gz")))
    })
}

fn source(name: &str, version: &str) -> impl Strategy<Value = LockedSource> + use<> {
    let files = || locked_file(name.to_owned(), version.to_owned());
    let folder = || option::of(relative());
    prop_oneof![
        files().prop_map(|(wheel, _)| LockedSource::Wheel(wheel)),
        files().prop_map(|(_, sdist)| LockedSource::Sdist(sdist)),
        (files(), relative(), folder()).prop_map(|((_, sdist), path, subdirectory)| {
            let file = if sdist.url.is_some() {
                sdist
            } else {
                let filename = path.rsplit('/').next().unwrap_or_default().to_owned();
                LockedFile { filename, path: Some(path), ..sdist }
            };
            LockedSource::Archive { file, subdirectory }
        }),
        ("[0-9a-f]{40}", option::of("[a-z/]{1,9}"), folder()).prop_map(
            |(commit, requested_revision, subdirectory)| LockedSource::Vcs {
                url: "ssh://git@host.example/x.git".into(),
                requested_revision,
                commit,
                subdirectory,
            }
        ),
        (relative(), any::<bool>(), folder()).prop_map(|(path, editable, subdirectory)| {
            LockedSource::Directory { path, editable, subdirectory }
        }),
    ]
}

fn any_package() -> impl Strategy<Value = LockedPackage> {
    let words = || proptest::collection::btree_set("[a-z][a-z0-9]{0,5}", 0..3);
    ("[a-z][a-z0-9]{0,4}(-[a-z]{1,3})?", version(), words(), words(), option::of(digest())).prop_flat_map(
        |(name, version, extras, requires, metadata_sha256)| {
            let shell = LockedPackage {
                extras: extras.into_iter().collect(),
                requires: requires.into_iter().collect(),
                metadata_sha256,
                ..package(&name, &version, LockedSource::Wheel(file("x")))
            };
            source(&name, &version).prop_map(move |source| LockedPackage { source, ..shell.clone() })
        },
    )
}

proptest! {
    #[test]
    fn write_then_read_is_the_same(packages in vec(any_package(), 0..5), shadowed in option::of(version())) {
        let mut lock = lock();
        let by_name: BTreeMap<_, _> = packages.into_iter().map(|one| (one.name.clone(), one)).collect();
        lock.packages = by_name.into_values().collect();
        lock.shadows = shadowed
            .into_iter()
            .map(|version| Shadow { name: "six".into(), base_version: "1".into(), version })
            .collect();
        let text = lock.to_toml();
        let read = Lock::from_toml(&text).unwrap();
        prop_assert_eq!(&read, &lock);
        prop_assert_eq!(read.to_toml(), text);
    }
}
