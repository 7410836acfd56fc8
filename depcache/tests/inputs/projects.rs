//! `pyproject.toml` as input.

use insta::assert_snapshot;

use crate::index_server::Wheel;
use crate::world::World;

const PROJECT: &str = "[project]\nname = \"own\"\nrequires-python = \">=3.9\"\ndependencies = [\"alpha\"]\n\n\
    [project.optional-dependencies]\nmore = [\"delta\"]\n\n[dependency-groups]\ntest = [\"epsilon\", {include-group = \"base\"}]\nbase = [\"beta\"]\n";

fn locked(world: &World, arguments: &[&str]) -> Vec<String> {
    let all = [&["lock", "pyproject.toml", "--base", "none"], arguments].concat();
    let ran = world.run(&all);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let names = ran.stdout.lines().filter(|line| line.starts_with("name = "));
    names.map(|line| line.trim_start_matches("name = ").trim_matches('"').to_owned()).collect()
}

#[test]
fn dependencies_extras_and_groups_are_locked() {
    let world = World::with_packages();
    for name in ["delta", "epsilon"] {
        world.index.add(&Wheel { name, version: "1.0", requires: &[], code: "" });
    }
    world.write("pyproject.toml", PROJECT);
    assert_eq!(locked(&world, &[]), ["alpha", "beta"]);
    assert_eq!(locked(&world, &["--extra", "more"]), ["alpha", "beta", "delta"]);
    assert_eq!(locked(&world, &["--all-extras", "--group", "test"]), ["alpha", "beta", "delta", "epsilon"]);
}

#[test]
fn what_a_project_asks_for_in_vain() {
    let world = World::with_packages();
    world.write("pyproject.toml", &PROJECT.replace(">=3.9", ">=4"));
    let python = world.run(&["build", "pyproject.toml", "--base", "none"]);
    world.write("pyproject.toml", &PROJECT.replace("\"alpha\"", "\"alpha\", \"beta>=7\""));
    let version = world.run(&["build", "pyproject.toml", "--base", "none"]);
    let extra = world.run(&["build", "pyproject.toml", "--base", "none", "--extra", "less"]);
    let shown: Vec<String> =
        [python, version, extra].iter().map(|ran| format!("exit {}\n{}", ran.code, ran.stderr)).collect();
    assert_snapshot!(shown.join("\n"), @"
    exit 65
    error: pyproject.toml:3 is not for Python 3.11.7
      - pyproject.toml:3 requires Python >=4
    hint: take a base with a Python that the project is for

    exit 65
    error: pyproject.toml:4 cannot be satisfied
      - pyproject.toml:4 asks for beta>=7
      - there is no such version of beta: only 1.0 exists

    exit 65
    error: pyproject.toml:1: there is no extra named less
      1 | [project]
    hint: known: more
    ");
}
