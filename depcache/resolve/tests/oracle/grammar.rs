//! Texts that look like versions, specifiers, markers and requirements, most of them valid.

use serde_json::{Value, json};

use crate::random::Random;

/// Versions that every set of specifiers is asked about beside generated ones.
pub(crate) const PROBES: [&str; 12] = [
    "0",
    "1.0.dev3",
    "1.0a1",
    "1.0rc1",
    "1.0",
    "1.0+local.1",
    "1.0.post1",
    "1.1",
    "2.5.1",
    "3.11",
    "1!0.5",
    "2024.10",
];

/// Interpreters that are asked about `Requires-Python`: release numbers, as the resolver asks.
pub(crate) const PYTHONS: [&str; 6] = ["2.7.18", "3.8.0", "3.10.14", "3.11.7", "3.12.0", "3.14.1"];

pub(crate) fn version(random: &mut Random) -> String {
    let mut text = String::new();
    if random.one_in(12) {
        text.push_str(random.pick(&["v", "V", " "]));
    }
    if random.one_in(10) {
        text.push_str(random.pick(&["0!", "1!", "7!"]));
    }
    for part in 0..=random.below(4) {
        if part > 0 {
            text.push('.');
        }
        text.push_str(random.pick(&["0", "1", "2", "3", "9", "10", "11", "00", "01", "2024"]));
    }
    if random.one_in(3) {
        text.push_str(random.pick(&["", ".", "-", "_"]));
        text.push_str(random.pick(&["a", "b", "rc", "c", "alpha", "beta", "pre", "preview", "RC", "Alpha"]));
        text.push_str(random.pick(&["", ".", "-", "_"]));
        text.push_str(random.pick(&["", "0", "1", "2", "10", "01"]));
    }
    if random.one_in(5) {
        text.push_str(random.pick(&[".post1", "-1", "post", ".rev2", "r3", "-post.0", ".POST2", "_post3"]));
    }
    if random.one_in(5) {
        text.push_str(random.pick(&[".dev0", "dev", ".dev1", "-dev2", ".DEV3", "_dev_4"]));
    }
    if random.one_in(8) {
        text.push_str(random.pick(&["+local", "+1", "+abc.1", "+ABC-2", "+1_x", "+g0123abc", "+01.a.10"]));
    }
    if random.one_in(20) {
        text.push(' ');
    }
    text
}

/// A version that both sides read; what specifiers and orders are asked about.
pub(crate) fn plain_version(random: &mut Random) -> String {
    loop {
        let text = version(random);
        if text.parse::<pep440_rs::Version>().is_ok() {
            return text;
        }
    }
}

pub(crate) fn specifiers(random: &mut Random) -> String {
    let count = *random.pick(&[&0, &1, &1, &1, &1, &2, &2, &3]);
    let mut parts = Vec::new();
    for _ in 0..count {
        let operator = random.pick(&["==", "==", "!=", "<", "<=", ">", ">=", ">=", "~=", "==="]);
        let space = random.pick(&["", "", "", " ", "  ", "\t"]);
        let mut text = format!("{operator}{space}{}", version(random));
        if random.one_in(4) && matches!(operator, "==" | "!=") {
            text = format!("{operator}{space}{}.*", release(random));
        }
        parts.push(text);
    }
    let mut text = parts.join(random.pick(&[",", ", ", " , ", ","]));
    if random.one_in(25) {
        text.push(',');
    }
    text
}

fn release(random: &mut Random) -> String {
    let parts: Vec<&str> = (0..=random.below(3)).map(|_| random.pick(&["0", "1", "2", "3", "11"])).collect();
    parts.join(".")
}

pub(crate) const VERSION_KEYS: [&str; 3] =
    ["python_version", "python_full_version", "implementation_version"];
const TEXT_KEYS: [&str; 11] = [
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_system",
    "platform_version",
    "platform_release",
    "implementation_name",
    "extra",
    "extra",
    "sys_platform",
];
const TEXTS: [&str; 14] = [
    "linux",
    "win32",
    "darwin",
    "x86_64",
    "aarch64",
    "CPython",
    "PyPy",
    "cpython",
    "posix",
    "Linux",
    "",
    "test",
    "Dev-Tools",
    "lin",
];

pub(crate) fn marker(random: &mut Random, depth: usize) -> String {
    let nested = |random: &mut Random| {
        let text = marker(random, depth + 1);
        if random.one_in(3) { format!("({text})") } else { text }
    };
    match random.below(8) {
        0 | 1 if depth < 3 => format!("{} and {}", nested(random), nested(random)),
        2 | 3 if depth < 3 => format!("{} or {}", nested(random), nested(random)),
        4 if depth < 3 => format!("({})", marker(random, depth + 1)),
        _ => atom(random),
    }
}

fn atom(random: &mut Random) -> String {
    let quote = random.pick(&["'", "\""]);
    let space = random.pick(&["", " ", " ", "  "]);
    let (key, operator, value) = match random.below(40) {
        0 => undefined(random),
        1..20 => version_comparison(random),
        _ => text_comparison(random),
    };
    let space = if operator.ends_with("in") { " " } else { space };
    if random.one_in(5) && !value.contains('*') && operator != "~=" {
        return format!("{quote}{value}{quote}{space}{operator}{space}{key}");
    }
    format!("{key}{space}{operator}{space}{quote}{value}{quote}")
}

fn version_comparison(random: &mut Random) -> (&'static str, &'static str, String) {
    const NUMBERS: [&str; 10] = ["3", "3.6", "3.8", "3.10", "3.11", "3.11.7", "3.12", "3.13", "2.7", "4"];
    let key = VERSION_KEYS[random.below(VERSION_KEYS.len())];
    let operator = pick(random, &["==", "!=", "<", "<=", ">", ">=", "<", ">=", "~="]);
    let mut value = random.pick(&NUMBERS).to_owned();
    if operator == "~=" && !value.contains('.') {
        value.push_str(".0");
    }
    // `python_version` has two parts.
    if random.one_in(8) && matches!(operator, "==" | "!=") {
        value = if key == "python_version" { "3.*".into() } else { format!("{}.*", release(random)) };
    }
    (key, operator, value)
}

fn text_comparison(random: &mut Random) -> (&'static str, &'static str, String) {
    let key = TEXT_KEYS[random.below(TEXT_KEYS.len())];
    let operators: &[&str] = if key == "extra" { &["==", "!="] } else { &["==", "!=", "in", "not in"] };
    (key, pick(random, operators), random.pick(&TEXTS).to_owned())
}

/// Comparisons that the specification leaves open, or that nobody should write: rare, so that they do not hide what
/// stands beside them.
fn undefined(random: &mut Random) -> (&'static str, &'static str, String) {
    let keys = if random.one_in(4) { TEXT_KEYS.as_slice() } else { VERSION_KEYS.as_slice() };
    let operator = pick(random, &["==", "!=", "<", "<=", ">", ">=", "~=", "===", "in", "not in"]);
    let value = match random.below(4) {
        0 => version(random),
        1 => format!("{}.*", release(random)),
        2 => format!("{}, {}", release(random), release(random)),
        _ => random.pick(&["3", "3.13.0rc1", "x", ""]).to_owned(),
    };
    (pick(random, keys), operator, value)
}

fn pick(random: &mut Random, from: &[&'static str]) -> &'static str {
    from[random.below(from.len())]
}

pub(crate) fn requirement(random: &mut Random) -> String {
    let name = random.pick(&[
        "a",
        "requests",
        "Zope.Interface",
        "ruamel_yaml",
        "a--b",
        "x1",
        "A_.-b",
        "apache-airflow",
    ]);
    let mut text = name.to_owned();
    let space = random.pick(&["", "", " "]);
    if random.one_in(3) {
        let extras: Vec<&str> =
            (0..random.below(3)).map(|_| random.pick(&["a", "B_c", "x.y", "all", "test-1"])).collect();
        text = format!("{text}{space}[{}]", extras.join(random.pick(&[",", ", ", " ,"])));
    }
    if random.one_in(8) {
        let url = random.pick(&[
            "https://host.example/a-1.0-py3-none-any.whl",
            "https://host.example/a-1.0.tar.gz#sha256=0123",
            "https://me@host.example/a.zip",
            "git+https://host.example/a.git@main",
        ]);
        text = format!("{text}{}@{space}{url}", random.pick(&["", " ", " "]));
        if random.one_in(3) {
            text = format!("{text} ; {}", marker(random, 1));
        }
        return text;
    }
    let specifiers = specifiers(random);
    text = match random.below(6) {
        0 => format!("{text}{space}({specifiers})"),
        _ => format!("{text}{space}{specifiers}"),
    };
    if random.one_in(3) {
        text = format!("{text}{space};{space}{}", marker(random, 1));
    }
    if random.one_in(15) {
        text = format!(" {text} ");
    }
    text
}

/// Marker values of some machine.
pub(crate) fn environment(random: &mut Random) -> Value {
    let full = random.pick(&[
        "3.11.7",
        "3.8.0",
        "3.13.0rc1",
        "3.12.0b2",
        "3.10.4",
        "2.7.18",
        "3.14.0a1+local",
        "3.9.1",
    ]);
    let minor = full.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    let (system, platform, os) = *random.pick(&[
        &("Linux", "linux", "posix"),
        &("Darwin", "darwin", "posix"),
        &("Windows", "win32", "nt"),
    ]);
    let name = random.pick(&["cpython", "pypy"]);
    json!({
        "implementation_name": name,
        "implementation_version": full,
        "os_name": os,
        "platform_machine": random.pick(&["x86_64", "aarch64", "AMD64", "arm64"]),
        "platform_python_implementation": if name == "cpython" { "CPython" } else { "PyPy" },
        "platform_release": random.pick(&["", "6.1.0-18-amd64", "23.1.0", "10"]),
        "platform_system": system,
        "platform_version": random.pick(&["", "#1 SMP", "10.0.19045"]),
        "python_full_version": full,
        "python_version": minor,
        "sys_platform": platform,
    })
}
