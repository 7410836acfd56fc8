use std::collections::BTreeMap;

use domain::{BaseId, Digest, Mode, TargetId};

use super::*;
use crate::lock::LockedFile;

fn lock(packages: &[(&str, &str, u64)], kept: &[(&str, &str)]) -> Lock {
    let digest = Digest::of(b"x");
    let package = |(name, version, size): &(&str, &str, u64)| LockedPackage {
        name: (*name).into(),
        version: (*version).into(),
        extras: vec![],
        requires: vec![],
        index: None,
        source: LockedSource::Wheel(LockedFile {
            filename: format!("{name}-{version}-py3-none-any.whl"),
            sha256: Digest::of(format!("{name} {version} {size}").as_bytes()),
            url: None,
            path: None,
            size: Some(*size),
            upload_time: None,
        }),
        metadata_sha256: None,
    };
    Lock {
        base_id: BaseId(digest),
        target_id: TargetId(digest),
        requires_python: "==3.11.*".into(),
        mode: Mode::Task,
        requested: vec![],
        shadows: vec![],
        kept: kept
            .iter()
            .map(|(name, version)| ((*name).into(), (*version).into()))
            .collect::<BTreeMap<_, _>>(),
        packages: packages.iter().map(package).collect(),
        inputs: None,
    }
}

#[test]
fn every_kind_of_change_has_its_word() {
    let old = lock(
        &[
            ("numpy", "2.1.0", 16_300_000),
            ("pandas", "2.2.3", 13_100_000),
            ("rebuilt", "1.0", 10),
            ("same", "1", 5),
        ],
        &[("attrs", "25.1.0"), ("six", "1.16.0")],
    );
    let mut new = lock(
        &[
            ("attrs", "25.1.0", 67_000),
            ("numpy", "1.26.4", 18_300_000),
            ("pandas", "2.10.0", 12_400_000),
            ("polars", "1.2.3", 1_500_000_000),
            ("rebuilt", "1.0", 11),
            ("same", "1", 5),
        ],
        &[],
    );
    new.mode = Mode::Process;
    new.base_id = BaseId(Digest::of(b"y"));
    insta::assert_snapshot!(Difference::between(&old, &new), @r"
    moved    attrs 25.1.0 of the base -> 25.1.0 (67.0 kB)
    down     numpy 2.1.0 -> 1.26.4 (18.3 MB)
    up       pandas 2.2.3 -> 2.10.0 (12.4 MB)
    added    polars 1.2.3 (1.5 GB)
    source   rebuilt 1.0: another content under the same name (11 B)
    removed  six 1.16.0 of the base
    base     another one
    mode     task -> process
    size     29.4 MB -> 1.5 GB (+1.5 GB), 1.5 GB to download
    ");
    assert!(Difference::between(&old, &old).is_empty());
}
