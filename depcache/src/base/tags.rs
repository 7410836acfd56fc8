//! Wheel tags of an interpreter, best first, in the order of PyPA's `packaging` (before its release 26.3, which
//! puts the bare `linux_*` first; uv and older pips put it last, and so do we).

use std::collections::BTreeSet;

/// What the tags are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TagFacts<'a> {
    /// `cpython`, `pypy`.
    pub(super) implementation: &'a str,
    /// Major and minor version.
    pub(super) python: (u32, u32),
    /// Free-threaded build.
    pub(super) free_threaded: bool,
    /// Debug build.
    pub(super) debug: bool,
    /// `x86_64`, `aarch64`.
    pub(super) machine: &'a str,
    /// Version of glibc.
    pub(super) glibc: Option<(u32, u32)>,
    /// Version of musl.
    pub(super) musl: Option<(u32, u32)>,
}

/// ABI tag, `cp311`, `cp313t`.
pub(super) fn abi(facts: &TagFacts<'_>) -> String {
    let (major, minor) = facts.python;
    let flags = match (facts.free_threaded, facts.debug) {
        (true, true) => "td",
        (true, false) => "t",
        (false, true) => "d",
        (false, false) => "",
    };
    format!("{}{major}{minor}{flags}", short(facts.implementation))
}

fn short(implementation: &str) -> &str {
    match implementation {
        "cpython" => "cp",
        "pypy" => "pp",
        other => other,
    }
}

/// All supported tags, best first.
pub(super) fn supported(facts: &TagFacts<'_>) -> Vec<String> {
    supported_on(facts, &platforms(facts))
}

/// All supported tags on these platforms, best first.
pub(super) fn supported_on(facts: &TagFacts<'_>, platforms: &[String]) -> Vec<String> {
    let (major, minor) = facts.python;
    let own = format!("{}{major}{minor}", short(facts.implementation));
    let mut tags = Vec::new();
    let mut on_platforms = |python: &str, abi: &str| {
        tags.extend(platforms.iter().map(|platform| format!("{python}-{abi}-{platform}")));
    };
    on_platforms(&own, &abi(facts));
    if facts.debug {
        on_platforms(&own, &own);
    }
    // Free-threaded builds have a stable ABI of their own (PEP 803).
    let stable = if facts.free_threaded { "abi3t" } else { "abi3" };
    on_platforms(&own, stable);
    on_platforms(&own, "none");
    for older in (2..minor).rev() {
        on_platforms(&format!("cp{major}{older}"), stable);
    }
    let generic: Vec<String> = [format!("py{major}{minor}"), format!("py{major}")]
        .into_iter()
        .chain((0..minor).rev().map(|older| format!("py{major}{older}")))
        .collect();
    for python in &generic {
        on_platforms(python, "none");
    }
    tags.push(format!("{own}-none-any"));
    tags.extend(generic.iter().map(|python| format!("{python}-none-any")));
    let mut seen = BTreeSet::new();
    tags.retain(|tag| seen.insert(tag.clone()));
    tags
}

/// Names that manylinux had before PEP 600.
const LEGACY: [((u32, u32), &str); 3] =
    [((2, 17), "manylinux2014"), ((2, 12), "manylinux2010"), ((2, 5), "manylinux1")];

/// Platform tags, best first.
pub(super) fn platforms(facts: &TagFacts<'_>) -> Vec<String> {
    let machine = facts.machine;
    let mut all = Vec::new();
    if let Some((major, newest)) = facts.glibc {
        // manylinux begins with 2.5 on x86 and with 2.17 elsewhere.
        let oldest = if ["x86_64", "i686"].contains(&machine) { 5 } else { 17 };
        for minor in (oldest..=newest).rev() {
            all.push(format!("manylinux_{major}_{minor}_{machine}"));
            for (version, name) in LEGACY {
                if version == (major, minor) {
                    all.push(format!("{name}_{machine}"));
                }
            }
        }
    }
    if let Some((major, newest)) = facts.musl {
        all.extend((0..=newest).rev().map(|minor| format!("musllinux_{major}_{minor}_{machine}")));
    }
    all.push(format!("linux_{machine}"));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn cpython(minor: u32) -> TagFacts<'static> {
        TagFacts {
            implementation: "cpython",
            python: (3, minor),
            free_threaded: false,
            debug: false,
            machine: "x86_64",
            glibc: Some((2, 36)),
            musl: None,
        }
    }

    #[test]
    fn best_and_last_tags() {
        let tags = supported(&cpython(11));
        assert_eq!(tags[0], "cp311-cp311-manylinux_2_36_x86_64");
        assert_eq!(tags.last().unwrap(), "py30-none-any");
        let place = |tag: &str| tags.iter().position(|other| other == tag).unwrap();
        assert!(place("cp311-abi3-manylinux1_x86_64") < place("cp310-abi3-manylinux_2_36_x86_64"));
        assert!(place("py3-none-manylinux2014_x86_64") < place("cp311-none-any"));
        assert!(place("py311-none-any") < place("py3-none-any"));
    }

    #[test]
    fn free_threaded_builds_take_no_abi3() {
        let facts = TagFacts { free_threaded: true, ..cpython(13) };
        let tags = supported(&facts);
        assert_eq!(abi(&facts), "cp313t");
        assert!(!tags.iter().any(|tag| tag.contains("abi3-")));
    }

    /// The oracle: `packaging` of whatever pip the machine's Python has.
    #[test]
    fn the_machines_own_packaging_agrees() {
        let script = "import sys, sysconfig, os, json\nfrom pip._vendor.packaging import tags\n\
             print(json.dumps([list(sys.version_info[:2]), os.confstr('CS_GNU_LIBC_VERSION').split()[1], \
             os.uname().machine, [str(t) for t in tags.sys_tags()]]))";
        let output = Command::new("python3").args(["-I", "-c", script]).output();
        let Some(output) = output.ok().filter(|output| output.status.success()) else {
            println!("no python3 with pip here: nothing to compare with");
            return;
        };
        let (python, libc, machine, theirs): ((u32, u32), String, String, Vec<String>) =
            serde_json::from_slice(&output.stdout).unwrap();
        let (libc_major, libc_minor) = libc.split_once('.').unwrap();
        let glibc = Some((libc_major.parse().unwrap(), libc_minor.parse().unwrap()));
        let ours = supported(&TagFacts { python, machine: &machine, glibc, ..cpython(0) });
        // pip 23 still lacked `cp311-none-any`.
        let first_any = format!("{}-none-any", abi(&TagFacts { python, ..cpython(0) }));
        let expected: Vec<_> =
            ours.iter().filter(|tag| **tag != first_any || theirs.contains(tag)).cloned().collect();
        let difference = expected.iter().zip(&theirs).find(|(our, their)| our != their);
        assert_eq!((difference, expected.len()), (None, theirs.len()));
    }
}
