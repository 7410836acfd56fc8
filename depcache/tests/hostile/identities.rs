//! Wheels that pass for something else.

use crate::archive::{Entry, sound, zip};
use crate::wheels::{Case, bytes_case, case, refuse_all};

fn with(label: &'static str, words: &'static str, file: &'static str, text: &'static str) -> Case {
    case(label, words, move |name, entries| {
        let path = format!("{name}-1.dist-info/{file}").into_bytes();
        let entry = entries.iter_mut().find(|entry| entry.name == path).unwrap();
        entry.content = text.replace("{name}", name).into_bytes();
    })
}

#[test]
fn names_and_versions() {
    let other =
        |label, words, filename| Case { filename, ..bytes_case(label, words, |name| zip(&sound(name, "1"))) };
    refuse_all(&[
        bytes_case("the wheel of another project", "METADATA is of", |_| zip(&sound("other", "1"))),
        bytes_case("the wheel of another version", "METADATA says version", |name| zip(&sound(name, "2"))),
        with(
            "another name in METADATA",
            "METADATA is of",
            "METADATA",
            "Metadata-Version: 2.1\nName: other\nVersion: 1\n",
        ),
        with(
            "another version in METADATA",
            "METADATA says version",
            "METADATA",
            "Metadata-Version: 2.1\nName: {name}\nVersion: 2\n",
        ),
        with(
            "no name in METADATA",
            "METADATA is of nothing",
            "METADATA",
            "Metadata-Version: 2.1\nVersion: 1\n",
        ),
        with(
            "no version in METADATA",
            "METADATA cannot be read",
            "METADATA",
            "Metadata-Version: 2.1\nName: {name}\n",
        ),
        with("an empty METADATA", "METADATA is of nothing", "METADATA", ""),
        with("bytes as METADATA", "METADATA is of nothing", "METADATA", "\u{1}\u{2}evil"),
        with(
            "a requirement that is an address",
            "takes other from an address",
            "METADATA",
            "Metadata-Version: 2.1\nName: {name}\nVersion: 1\nRequires-Dist: other @ https://evil.example/x.whl\n",
        ),
        with("a wheel format of tomorrow", "format version", "WHEEL", "Wheel-Version: 2.0\n"),
        with("no wheel format", "format version", "WHEEL", ""),
        with("a wrong hash in RECORD", "hash of", "RECORD", "{name}.py,sha256=AAAA,6\n"),
        with("a wrong size in RECORD", "size of", "RECORD", "{name}.py,,7\n"),
        with("MD5 in RECORD", "proves nothing", "RECORD", "{name}.py,md5=AAAA,6\n"),
        with("two rows for a file in RECORD", "two different rows", "RECORD", "{name}.py,,6\n{name}.py,,7\n"),
        case("no RECORD", "has no RECORD", |_, entries| drop(entries.pop())),
        case("no WHEEL", "has no WHEEL", |_, entries| drop(entries.remove(2))),
        case("no METADATA", "no .dist-info/METADATA", |_, entries| drop(entries.remove(1))),
        case("two dist-infos", "two .dist-info directories", |_, entries| {
            entries.push(Entry::new("other-1.dist-info/WHEEL", "Wheel-Version: 1.0\n"));
        }),
        case("two dist-infos that differ in case", "more than one .dist-info/METADATA", |name, entries| {
            let metadata = entries[1].content.clone();
            entries.push(Entry::new(format!("{}-1.dist-info/METADATA", name.to_uppercase()), metadata));
        }),
        other("the file name of another project", "no releases", "other-1-py3-none-any.whl"),
        other("a file name with a path", "no releases", "..%2F{name}-1-py3-none-any.whl"),
        other("a file name without tags", "no releases", "{name}-1.whl"),
    ]);
}
