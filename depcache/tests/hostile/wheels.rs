//! Runs the program on one hostile wheel after another.

use std::path::Path;

use crate::archive::{Entry, sound, zip};
use crate::world::World;

/// Peak memory of any run; a sound build takes about 60 MB.
pub(crate) const MEMORY_LIMIT_BYTES: i64 = 400 << 20;

/// The bytes of a file for a project of this name.
pub(crate) type Make = Box<dyn Fn(&str) -> Vec<u8>>;

/// One wheel, and words that its refusal has.
pub(crate) struct Case {
    pub(crate) label: &'static str,
    /// File name; `{name}` stands for the project.
    pub(crate) filename: &'static str,
    pub(crate) make: Make,
    pub(crate) words: &'static str,
}

/// A sound wheel with `change` made to it.
pub(crate) fn case(
    label: &'static str,
    words: &'static str,
    change: impl Fn(&str, &mut Vec<Entry>) + 'static,
) -> Case {
    bytes_case(label, words, move |name| {
        let mut entries = sound(name, "1");
        change(name, &mut entries);
        zip(&entries)
    })
}

/// A sound wheel with one more member.
pub(crate) fn member(label: &'static str, words: &'static str, path: &'static str) -> Case {
    case(label, words, move |name, entries| {
        entries.push(Entry::new(path.replace("{name}", name), "evil\n"));
    })
}

/// Any bytes as a wheel.
pub(crate) fn bytes_case(
    label: &'static str,
    words: &'static str,
    make: impl Fn(&str) -> Vec<u8> + 'static,
) -> Case {
    Case { label, filename: "{name}-1-py3-none-any.whl", make: Box::new(make), words }
}

/// Builds with each wheel. All must be refused with their words, nothing may be left or published.
pub(crate) fn refuse_all(cases: &[Case]) {
    let world = World::new();
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let name = format!("hostile{number}");
        let filename = case.filename.replace("{name}", &name);
        world.index.add_bytes(&name, &filename, (case.make)(&name), None);
        let ran = world.build(&format!("{name}==1\n"));
        let is_refused = [65, 69].contains(&ran.code) && ran.stdout.is_empty();
        if !is_refused || !ran.stderr.contains(case.words) || ran.stderr.contains("panicked") {
            wrong.push(format!("{}: exit {}\n{}", case.label, ran.code, ran.stderr));
        }
        world.assert_nothing_published();
    }
    assert!(
        wrong.is_empty(),
        "{} of {} not refused as they should:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    assert_untouched(&world);
    assert_memory();
}

/// Nothing lies beside what the program itself writes, and nothing hostile lies anywhere.
pub(crate) fn assert_untouched(world: &World) {
    let own = ["cache", "store", "requirements.txt"];
    let root = world.path("");
    for entry in std::fs::read_dir(&root).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(own.iter().any(|own| name == *own), "{} appeared", name.display());
    }
    assert_no_evil(&root);
    for path in ["/tmp/evil", "/evil", "/tmp/evil.py"] {
        assert!(!Path::new(path).exists(), "{path} appeared");
    }
}

fn assert_no_evil(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        assert!(!name.to_string_lossy().contains("evil"), "{} appeared", entry.path().display());
        if entry.file_type().unwrap().is_dir() {
            assert_no_evil(&entry.path());
        }
    }
}

/// No child of this process ever took more.
pub(crate) fn assert_memory() {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN).unwrap();
    let peak_bytes = usage.max_rss() * 1024;
    assert!(peak_bytes < MEMORY_LIMIT_BYTES, "a run took {} MB", peak_bytes >> 20);
}
