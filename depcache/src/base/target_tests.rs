//! Other targets, compared with `packaging` where the peers are.

use std::process::Command;

use super::*;
use domain::{Base, Interpreter};

fn record() -> BaseRecord {
    let facts = TagFacts {
        implementation: "cpython",
        python: (3, 11),
        free_threaded: false,
        debug: false,
        machine: "x86_64",
        glibc: Some((2, 36)),
        musl: None,
    };
    let markers = [
        ("implementation_name", "cpython"),
        ("implementation_version", "3.11.7"),
        ("os_name", "posix"),
        ("platform_machine", "x86_64"),
        ("platform_python_implementation", "CPython"),
        ("platform_release", "6.1.0"),
        ("platform_system", "Linux"),
        ("platform_version", "#1 SMP"),
        ("python_full_version", "3.11.7"),
        ("python_version", "3.11"),
        ("sys_platform", "linux"),
    ];
    BaseRecord {
        schema: 1,
        base: Base {
            schema: 1,
            interpreter: Interpreter {
                implementation: "cpython".into(),
                version: "3.11.7".into(),
                abi: "cp311".into(),
                magic: 3495,
                prefix: "/base".into(),
                executable: "/base/bin/python".into(),
                platform: "linux_x86_64".into(),
            },
            markers: markers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            tags: supported_on(&facts, &platforms(&facts)),
            glibc: Some((2, 36)),
            site_dirs: vec![],
            distributions: vec![],
        },
        loaded: vec![],
        last_seen: "2026-11-23".into(),
    }
}

fn other(python: Option<&str>, platform: Option<&str>) -> Option<Base> {
    let python = python.map(|text| text.parse().unwrap());
    let platform = platform.map(|text| text.parse().unwrap());
    let record = record();
    Some(OtherTarget::of(&record.base, python, platform)?.apply(record).unwrap().base)
}

#[test]
fn markers_tags_and_interpreter_change_together() {
    let base = other(Some("3.13"), Some("aarch64-unknown-linux-musl")).unwrap();
    assert_eq!(base.interpreter.version, "3.13.0");
    assert_eq!((base.interpreter.abi.as_str(), base.interpreter.magic), ("cp313", 3571));
    assert_eq!(base.interpreter.platform, "linux_aarch64");
    assert_eq!(base.glibc, None);
    assert_eq!(base.tags[0], "cp313-cp313-musllinux_1_2_aarch64");
    assert!(!base.tags.iter().any(|tag| tag.contains("x86_64") || tag.contains("manylinux")));
    assert_eq!(base.markers["python_version"], "3.13");
    assert_eq!(base.markers["python_full_version"], "3.13.0");
    assert_eq!(base.markers["platform_machine"], "aarch64");
    assert!(!base.markers.contains_key("platform_release"));
    assert_ne!(base.target_id().unwrap(), record().base.target_id().unwrap());
}

#[test]
fn the_bases_own_python_is_no_other_target() {
    assert!(other(Some("3.11"), None).is_none());
    assert!(other(Some("3.11.7"), None).is_none());
    assert_eq!(other(Some("3.11.2"), None).unwrap().interpreter.version, "3.11.2");
    // The platforms stay the base's, down to its glibc.
    assert_eq!(other(Some("3.12"), None).unwrap().tags[0], "cp312-cp312-manylinux_2_36_x86_64");
    assert_eq!(other(Some("3.13t"), None).unwrap().tags[0], "cp313-cp313t-manylinux_2_36_x86_64");
}

#[test]
fn what_is_no_target_is_refused() {
    for text in ["", "3", "2.7", "3.12.1.1", "3.12+local", "three", "t", "3.12.post1"] {
        assert!(text.parse::<PythonVersion>().is_err(), "{text}");
    }
    assert_eq!("3.15.0b2".parse::<PythonVersion>().unwrap().full.to_string(), "3.15.0b2");
    for text in [
        "",
        "windows",
        "linux-x86_64",
        "riscv64-unknown-linux-gnu",
        "x86_64-manylinux_2_999",
        "x86_64-manylinux_2_1",
    ] {
        assert!(text.parse::<TargetPlatform>().is_err(), "{text}");
    }
}

/// `packaging` with the libc and machine of somebody else. Its `linux_*` tags come first since 26.3; ours last.
const ORACLE: &str = r#"
import json, sys
import packaging._manylinux as glibc, packaging._musllinux as musl, packaging.tags as tags
minor, abi, machine, libc, libc_minor = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])
tags.sysconfig.get_platform = lambda: "linux-" + machine
glibc._have_compatible_abi = lambda executable, archs: libc == "glibc"
glibc._get_glibc_version = lambda: (2, libc_minor)
musl._get_musl_version = lambda executable: musl._MuslVersion(1, libc_minor) if libc == "musl" else None
bare, *rest = tags._linux_platforms(is_32bit=False)
platforms = rest + [bare]
found = list(tags.cpython_tags((3, minor), [abi], platforms))
found += tags.compatible_tags((3, minor), f"cp3{minor}", platforms)
print(json.dumps([str(tag) for tag in found]))
"#;

#[test]
fn tags_are_those_of_packaging() {
    let Some(peers) = std::env::var_os("UPDRAFT_TEST_PEERS") else {
        println!("skipped: UPDRAFT_TEST_PEERS names no environment with packaging");
        return;
    };
    let targets = [
        ("3.9", "linux", "x86_64", "glibc", "28"),
        ("3.12", "x86_64-manylinux2014", "x86_64", "glibc", "17"),
        ("3.12", "aarch64-unknown-linux-gnu", "aarch64", "glibc", "28"),
        ("3.13", "x86_64-unknown-linux-musl", "x86_64", "musl", "2"),
        ("3.13t", "x86_64-manylinux_2_34", "x86_64", "glibc", "34"),
        ("3.14", "aarch64-musllinux_1_1", "aarch64", "musl", "1"),
        ("3.14t", "aarch64-manylinux_2_17", "aarch64", "glibc", "17"),
    ];
    for (python, platform, machine, libc, libc_minor) in targets {
        let ours = other(Some(python), Some(platform)).unwrap();
        let minor: String = python[2..].chars().filter(char::is_ascii_digit).collect();
        let output = Command::new(std::path::Path::new(&peers).join("bin/python"))
            .args(["-c", ORACLE, &minor, &ours.interpreter.abi, machine, libc, libc_minor])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let theirs: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
        let difference = ours.tags.iter().zip(&theirs).find(|(our, their)| our != their);
        assert_eq!((difference, ours.tags.len()), (None, theirs.len()), "{python} on {platform}");
    }
}
