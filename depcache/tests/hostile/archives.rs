//! Archives that read differently in different programs, and members that climb out.

use crate::archive::{Entry, sound, zip};
use crate::wheels::{bytes_case, case, member, refuse_all};

#[test]
fn members_that_climb_out() {
    refuse_all(&[
        member("climbing", "climbs with `..`", "../evil.py"),
        member("climbing deeper", "climbs with `..`", "a/../../../../../../../../tmp/evil.py"),
        member("climbing at the end", "climbs with `..`", "evil/.."),
        member("climbing out of .data", "climbs with `..`", "{name}-1.data/data/../../../evil"),
        member("absolute", "absolute", "/tmp/evil"),
        member("absolute in .data", "empty or `.`", "{name}-1.data/data//tmp/evil"),
        member("a backslash", "backslash", "..\\evil.py"),
        member("a drive letter", "drive letter", "C:/evil.py"),
        member("a drive letter and a backslash", "drive letter", "c:\\evil.py"),
        member("a NUL", "control character", "evil.py\0.txt"),
        member("a line end", "control character", "evil\n.py"),
        member("an empty component", "empty or `.`", "a//evil.py"),
        member("a dot", "empty or `.`", "./evil.py"),
        case("a long path", "too long", |_, entries| entries.push(Entry::new("evil/".repeat(700) + "x", ""))),
        case("a long name", "too long", |_, entries| entries.push(Entry::new("e".repeat(300), ""))),
        case("a symbolic link", "not a plain file", |_, entries| {
            entries.push(Entry { mode: 0o120_777, ..Entry::new("evil", "/etc/passwd") });
        }),
        case("a link and a file behind it", "not a plain file", |_, entries| {
            entries.push(Entry { mode: 0o120_777, ..Entry::new("a", "/tmp") });
            entries.push(Entry::new("a/evil", ""));
        }),
        case("a device", "not a plain file", |_, entries| {
            entries.push(Entry { mode: 0o020_666, ..Entry::new("evil", "") });
        }),
        case("a pipe", "not a plain file", |_, entries| {
            entries.push(Entry { mode: 0o010_666, ..Entry::new("evil", "") });
        }),
        case("an encrypted member", "not a plain file", |_, entries| {
            entries.push(Entry { flags: 1, ..Entry::new("evil", "0123456789abcdef") });
        }),
        case("a file that is a directory too", "placed at", |_, entries| {
            entries.extend([Entry::new("evil", ""), Entry::new("evil/x", "")]);
        }),
    ]);
}

#[test]
fn the_environments_own_files() {
    refuse_all(&[
        member("python", "belongs to the environment", "{name}-1.data/scripts/python"),
        member("python in another case", "belongs to the environment", "{name}-1.data/scripts/PyThon3"),
        member("python by data", "belongs to the environment", "{name}-1.data/data/bin/python3.11"),
        member("python.exe", "belongs to the environment", "{name}-1.data/scripts/python.exe"),
        member("pyvenv.cfg", "belongs to the environment", "{name}-1.data/data/pyvenv.cfg"),
        member("PYVENV.CFG", "belongs to the environment", "{name}-1.data/data/PYVENV.CFG"),
        member("lib64", "belongs to the environment", "{name}-1.data/data/lib64/evil.so"),
        member("our own folder", "belongs to the environment", "{name}-1.data/data/.updraft/evil"),
        member("bin as a file", "belongs to the environment", "{name}-1.data/data/bin"),
        member("an unknown scheme", "unknown .data scheme", "{name}-1.data/evil/x"),
        entry_point("python as an entry point", "belongs to the environment", "python = a:b"),
        entry_point("PYTHON3 as an entry point", "belongs to the environment", "PYTHON3 = a:b"),
        entry_point("an entry point that climbs", "plain file name", "../evil = a:b"),
        entry_point("a hidden entry point", "plain file name", ".evil = a:b"),
        entry_point("an entry point with code", "module:attribute", "evil = a:b();import os"),
        entry_point("an entry point with lines", "module:attribute", "evil = a:b\\nimport os"),
        case("two files for one place", "placed at", |name, entries| {
            entries.extend([Entry::new("a.py", "1"), Entry::new(format!("{name}-1.data/purelib/a.py"), "2")]);
        }),
    ]);
}

fn entry_point(label: &'static str, words: &'static str, line: &'static str) -> crate::wheels::Case {
    case(label, words, move |name, entries| {
        let path = format!("{name}-1.dist-info/entry_points.txt");
        entries.push(Entry::new(path, format!("[console_scripts]\n{line}\n")));
    })
}

#[test]
fn archives_that_contradict_themselves() {
    refuse_all(&[
        bytes_case("no archive", "is not a readable wheel", |_| b"evil".to_vec()),
        bytes_case("nothing", "is not a readable wheel", |_| Vec::new()),
        bytes_case("a cut archive", "is not a readable wheel", |name| {
            let bytes = zip(&sound(name, "1"));
            bytes[..bytes.len() - 30].to_vec()
        }),
        bytes_case("data in front", "bytes before", |name| {
            [b"#!evil\n".to_vec(), zip(&sound(name, "1"))].concat()
        }),
        bytes_case("data behind", "behind its zip archive", |name| {
            [zip(&sound(name, "1")), b"evil".to_vec()].concat()
        }),
        bytes_case("an archive behind an archive", "bytes before", |name| {
            [zip(&sound("other", "1")), zip(&sound(name, "1"))].concat()
        }),
        case("one name twice", "duplicate", |name, entries| {
            entries.push(Entry::new(format!("{name}.py"), "evil"));
        }),
        case("another name in the local header", "header inconsistency", |_, entries| {
            entries[0].local_name = Some(b"evil0000.py".to_vec());
        }),
        case("a member that the directory hides", "header inconsistency", |_, entries| {
            entries.push(Entry { is_hidden: true, ..Entry::new("evil.py", "evil") });
        }),
        case("two members in one place", "header inconsistency", |_, entries| {
            entries.push(Entry { offset: Some(0), local_name: None, ..entries[0].clone() });
            entries.last_mut().unwrap().name = entries[0].name.clone();
            entries.last_mut().unwrap().name[0] = b'k';
        }),
        case("a wrong checksum", "cannot be read", |_, entries| entries[0].crc = Some(7)),
        case("a smaller size than real", "cannot be read", |_, entries| entries[0].declared = Some(1)),
        case("an unknown compression", "cannot be read", |_, entries| entries[0].method = 99),
        case("broken compression", "cannot be read", |_, entries| entries[0].method = 8),
    ]);
}
