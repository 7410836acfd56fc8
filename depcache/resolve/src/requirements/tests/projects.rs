//! `pyproject.toml` as input.

use std::collections::BTreeMap;

use super::texts;
use crate::requirements::{
    Expanded, NameError, Outside, ReadError, RequirementsError, Selection, expand_with,
};

fn project(text: &str, extras: &[&str], groups: &[&str]) -> Result<Expanded, RequirementsError> {
    let selection = Selection {
        extras: extras.iter().map(|name| name.parse().unwrap()).collect(),
        all_extras: extras == ["*"; 0] && groups == ["*"],
        groups: groups.iter().filter(|name| **name != "*").map(|name| name.parse().unwrap()).collect(),
    };
    let read = |path: &str| match path {
        "x/pyproject.toml" => Ok(text.as_bytes().to_vec()),
        _ => Err(ReadError::NotFound),
    };
    let name = |_: &_| Err(NameError { reason: "-".into(), unavailable: false, source: None });
    let outside = Outside {
        read: &read,
        exists: &|_| false,
        name: &name,
        variables: &BTreeMap::new(),
        selection: &selection,
    };
    expand_with(&["x/pyproject.toml"], &[], &outside)
}

const TEXT: &str = r#"
[project]
name = "Own.Project"
requires-python = ">=3.9"
dependencies = [
    "pandas>=2 ; os_name == 'posix'", "numpy",
]

[project.optional-dependencies]
Excel = ["openpyxl"]
all = ["own-project[excel]", "polars"]

[dependency-groups]
test = ["pytest", {include-group = "Base_Tools"}]
base-tools = ["ruff==0.1.3"]
"#;

#[test]
fn dependencies_extras_and_groups() {
    let plain = project(TEXT, &[], &[]).unwrap();
    assert_eq!(
        texts(&plain.requirements),
        ["x/pyproject.toml:6 pandas>=2 ; os_name == 'posix'", "x/pyproject.toml:6 numpy"]
    );
    assert_eq!(plain.requires_python[0].specifiers.to_string(), ">=3.9");
    assert_eq!(plain.requires_python[0].origin.line, 4);
    let more = project(TEXT, &["ALL"], &["test"]).unwrap();
    let names: Vec<_> = more.requirements.iter().map(|entry| entry.requirement.name.to_string()).collect();
    assert_eq!(names, ["pandas", "numpy", "openpyxl", "polars", "pytest", "ruff"]);
    let all = project(TEXT, &[], &["*"]).unwrap();
    assert_eq!(all.requirements.len(), 4);
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let refused =
        |text: &str, extras: &[&str], groups: &[&str]| project(text, extras, groups).unwrap_err().render();
    let cases = [
        refused(TEXT, &["pdf"], &[]),
        refused(TEXT, &[], &["docs"]),
        refused("[project]\nname = \"a\"\ndynamic = [\"version\", \"dependencies\"]\n", &[], &[]),
        refused("[tool.poetry.dependencies]\nx = \"1\"\n", &[], &[]),
        refused("[project]\ndependencies = [\n  \"a\",\n  \"b = 1\",\n]\n", &[], &[]),
        refused("[project]\ndependencies = [1]\n", &[], &[]),
        refused("[project\n", &[], &[]),
        refused(
            "[project]\ndependencies = [\"a\"]\n[tool.uv.sources]\nA = { git = \"https://host/a\" }\n",
            &[],
            &[],
        ),
        refused(
            "[dependency-groups]\na = [{include-group = \"b\"}]\nb = [{include-group = \"a\"}]\n",
            &[],
            &["a"],
        ),
    ];
    insta::assert_snapshot!(cases.join("\n\n"), @"");
}
