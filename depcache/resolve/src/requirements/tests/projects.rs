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
    insta::assert_snapshot!(cases.join("\n\n"), @r#"
    x/pyproject.toml:1: there is no extra named pdf
    hint: known: Excel, all

    x/pyproject.toml:1: there is no dependency group named docs
    hint: known: base-tools, test

    x/pyproject.toml:3: a project whose dependencies are dynamic is not supported
      3 | dynamic = ["version", "dependencies"]
    hint: its build decides them: write a requirements file that names the project's directory, as in `./project`

    x/pyproject.toml:1: a pyproject.toml without [project] is not supported
      1 | [tool.poetry.dependencies]
    hint: name its dependencies in [project] (PEP 621), or write a requirements file

    x/pyproject.toml:4: this is not a requirement: no such comparison operator "=", must be one of ~= == != <= >= < > ===
      4 |   "b = 1",
        |      ^
    hint: expected a package name with an optional version, as in `pandas>=2.0,<3`

    x/pyproject.toml:2: this is not a usable pyproject.toml: invalid type: integer `1`, expected a string
      2 | dependencies = [1]
    hint: [project] is specified in PEP 621, [dependency-groups] in PEP 735

    x/pyproject.toml:1: this is not a usable pyproject.toml: unclosed table, expected `]`
      1 | [project
    hint: [project] is specified in PEP 621, [dependency-groups] in PEP 735

    x/pyproject.toml:2: a dependency whose place is in [tool.uv.sources] is not supported
      2 | dependencies = ["a"]
    hint: write the place into the dependency, as in `name @ git+https://…`

    x/pyproject.toml:3: this is not a usable pyproject.toml: the group a includes itself
      3 | b = [{include-group = "a"}]
    hint: [project] is specified in PEP 621, [dependency-groups] in PEP 735
    "#);
}
