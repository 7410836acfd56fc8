//! Writes a lock: keys in the specification's order, one line per file and per dependency, so that a change of one
//! package is a change of its own lines.

use std::fmt::Write;

use toml::Value;
use toml::value::Datetime;

use super::super::{Lock, LockInputs, LockedFile, LockedPackage, LockedSource};
use super::LOCK_VERSION;

/// What `created-by` says.
const CREATED_BY: &str = "updraft";

impl Lock {
    /// The text of `pylock.toml`. The same lock has the same bytes.
    pub fn to_toml(&self) -> String {
        let mut out = Text::default();
        out.text("lock-version", LOCK_VERSION);
        out.text("requires-python", &self.requires_python);
        out.text("created-by", CREATED_BY);
        if self.packages.is_empty() {
            out.line("packages = []");
        }
        for package in &self.packages {
            write_package(&mut out, package);
        }
        out.line("\n[tool.updraft]");
        out.text("base-id", &self.base_id.to_string());
        out.text("target-id", &self.target_id.to_string());
        out.text("mode", if self.mode == domain::Mode::Task { "task" } else { "process" });
        out.list("requested", &self.requested);
        let shadows = self.shadows.iter().map(|shadow| {
            table(&[
                ("name", Some(quoted(&shadow.name))),
                ("base_version", Some(quoted(&shadow.base_version))),
                ("version", Some(quoted(&shadow.version))),
            ])
        });
        out.rows("shadows", shadows);
        if let Some(inputs) = &self.inputs {
            write_inputs(&mut out, inputs);
        }
        if !self.kept.is_empty() {
            out.line("\n[tool.updraft.base-pins]");
            for (name, version) in &self.kept {
                out.text(&key(name), version);
            }
        }
        out.0
    }
}

fn write_inputs(out: &mut Text, inputs: &LockInputs) {
    out.line("\n[tool.updraft.inputs]");
    out.line("requirements = [");
    for requirement in &inputs.requirements {
        out.line(&format!("    {},", quoted(requirement)));
    }
    out.line("]");
    if let Some(digest) = &inputs.constraints_sha256 {
        out.text("constraints-sha256", &digest.hex());
    }
    out.text("rules", &inputs.rules);
    if !inputs.protect.is_empty() {
        out.list("protect", &inputs.protect);
    }
    if let Some(moment) = &inputs.exclude_newer {
        out.text("exclude-newer", moment);
    }
    if let Some(digest) = &inputs.indexes_sha256 {
        out.text("indexes-sha256", &digest.hex());
    }
}

fn write_package(out: &mut Text, package: &LockedPackage) {
    out.line("\n[[packages]]");
    out.text("name", &package.name);
    let is_direct = package.source.is_direct();
    if !is_direct {
        out.text("version", &package.version);
    }
    out.rows("dependencies", package.requires.iter().map(|name| table(&[("name", Some(quoted(name)))])));
    let optional = |text: &Option<String>| text.as_deref().map(quoted);
    match &package.source {
        LockedSource::Vcs { url, requested_revision, commit, subdirectory } => out.pair(
            "vcs",
            &table(&[
                ("type", Some(quoted("git"))),
                ("url", Some(quoted(url))),
                ("requested-revision", optional(requested_revision)),
                ("commit-id", Some(quoted(commit))),
                ("subdirectory", optional(subdirectory)),
            ]),
        ),
        LockedSource::Directory { path, editable, subdirectory } => out.pair(
            "directory",
            &table(&[
                ("path", Some(quoted(path))),
                ("editable", editable.then(|| "true".to_owned())),
                ("subdirectory", optional(subdirectory)),
            ]),
        ),
        LockedSource::Archive { file, subdirectory } => {
            let mut fields = vec![
                ("url", optional(&file.url)),
                ("path", optional(&file.path)),
                ("size", file.size.map(|size| size.to_string())),
                ("upload-time", moment(file)),
                ("hashes", Some(hashes(file))),
            ];
            fields.push(("subdirectory", optional(subdirectory)));
            out.pair("archive", &table(&fields));
        }
        LockedSource::Wheel(_) | LockedSource::Sdist(_) => {}
    }
    if let Some(index) = &package.index {
        out.text("index", index);
    }
    match &package.source {
        LockedSource::Sdist(file) => out.pair("sdist", &named(file)),
        LockedSource::Wheel(file) => out.rows("wheels", [named(file)].into_iter()),
        _ => {}
    }
    if is_direct || !package.extras.is_empty() || package.metadata_sha256.is_some() {
        out.line("\n[packages.tool.updraft]");
        if is_direct {
            out.text("version", &package.version);
        }
        if !package.extras.is_empty() {
            out.list("extras", &package.extras);
        }
        if let Some(digest) = &package.metadata_sha256 {
            out.text("metadata-sha256", &digest.hex());
        }
    }
}

fn named(file: &LockedFile) -> String {
    table(&[
        ("name", Some(quoted(&file.filename))),
        ("upload-time", moment(file)),
        ("url", file.url.as_deref().map(quoted)),
        ("path", file.path.as_deref().map(quoted)),
        ("size", file.size.map(|size| size.to_string())),
        ("hashes", Some(hashes(file))),
    ])
}

fn hashes(file: &LockedFile) -> String {
    table(&[("sha256", Some(quoted(&file.sha256.hex())))])
}

fn moment(file: &LockedFile) -> Option<String> {
    file.upload_time
        .as_deref()
        .and_then(|text| text.parse::<Datetime>().ok())
        .map(|moment| moment.to_string())
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// A key, bare where TOML allows it.
fn key(text: &str) -> String {
    let is_bare =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_bare { text.to_owned() } else { quoted(text) }
}

fn table(fields: &[(&str, Option<String>)]) -> String {
    let fields: Vec<_> =
        fields.iter().filter_map(|(key, value)| Some(format!("{key} = {}", value.as_ref()?))).collect();
    format!("{{ {} }}", fields.join(", "))
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        writeln!(self.0, "{line}").ok();
    }

    fn pair(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {value}"));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.pair(key, &quoted(value));
    }

    fn list(&mut self, key: &str, values: &[String]) {
        let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
        self.pair(key, &format!("[{}]", values.join(", ")));
    }

    /// An array with one value per line; nothing when there are none.
    fn rows(&mut self, key: &str, values: impl Iterator<Item = String>) {
        let mut values = values.peekable();
        if values.peek().is_none() {
            return;
        }
        self.line(&format!("{key} = ["));
        for value in values {
            self.line(&format!("    {value},"));
        }
        self.line("]");
    }
}
