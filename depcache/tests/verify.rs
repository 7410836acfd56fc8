//! The checks in real interpreters: plain venvs that this test makes, and a real Airflow where
//! `UPDRAFT_TEST_AIRFLOW` names its venv.
#![allow(clippy::print_stdout, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

use depcache::verify::{self, Import, Parse, VerifyError};

/// A venv with small distributions made by hand: name → files.
fn venv(dir: &Path, distributions: &[(&str, &[(&str, &str)])]) -> PathBuf {
    let root = dir.join("venv");
    let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&root).status().unwrap();
    assert!(made.success());
    let lib = std::fs::read_dir(root.join("lib")).unwrap().next().unwrap().unwrap().path();
    let site = lib.join("site-packages");
    for (name, files) in distributions {
        let info = site.join(format!("{}-1.0.dist-info", name.replace('-', "_")));
        std::fs::create_dir_all(&info).unwrap();
        std::fs::write(info.join("METADATA"), format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"))
            .unwrap();
        let mut record = String::new();
        for (path, text) in *files {
            std::fs::create_dir_all(site.join(path).parent().unwrap()).unwrap();
            std::fs::write(site.join(path), text).unwrap();
            record.extend([*path, ",,\n"]);
        }
        std::fs::write(info.join("RECORD"), record).unwrap();
    }
    root
}

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

fn shown(imports: &[Import]) -> String {
    let line = |import: &Import| {
        let error = import.check.error.as_deref().unwrap_or("imports");
        format!("{} {:?}: {error}", import.check.name, import.check.modules)
    };
    imports.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn imports_and_whose_fault_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let root = venv(
        dir.path(),
        &[
            ("good", &[("good/__init__.py", "print('noise')\n"), ("tests/__init__.py", "raise 1")]),
            ("single", &[("single.py", "x = 1\n"), ("_private.py", "raise 1")]),
            ("name-space", &[("outer/inner/__init__.py", ""), ("outer/inner/deep/__init__.py", "raise 1")]),
            (
                "library",
                &[("library/__init__.py", "def use():\n    raise RuntimeError('library is broken')\n")],
            ),
            ("caller", &[("caller/__init__.py", "import library\nlibrary.use()\n")]),
            ("renamed", &[("renamed/__init__.py", "from library import gone\n")]),
            ("lacking", &[("lacking/__init__.py", "import nowhere\n")]),
            (
                "compiled",
                &[(
                    "compiled.py",
                    "raise ValueError('library.dtype size changed, may indicate binary incompatibility. Expected 96')\n",
                )],
            ),
            ("leaving", &[("leaving.py", "raise SystemExit(4)\n")]),
        ],
    );
    let asked =
        ["good", "single", "name-space", "caller", "renamed", "lacking", "compiled", "leaving", "absent"];
    let imports = verify::imports(&root, &names(&asked)).await.unwrap();
    let text = shown(&imports).replace(&dir.path().canonicalize().unwrap().display().to_string(), "[dir]");
    let text = text.replace(&dir.path().display().to_string(), "[dir]");
    let minor = text.split("lib/python").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("3");
    insta::assert_snapshot!(text.replace(&format!("lib/python{minor}"), "lib/python"), @r#"
    good ["good"]: imports
    single ["single"]: imports
    name-space ["outer.inner"]: imports
    caller ["caller"]: RuntimeError: library is broken (in library)
    renamed ["renamed"]: ImportError: cannot import name 'gone' from 'library' ([dir]/venv/lib/python/site-packages/library/__init__.py) (in library)
    lacking ["lacking"]: ModuleNotFoundError: No module named 'nowhere'
    compiled ["compiled"]: ValueError: library.dtype size changed, may indicate binary incompatibility. Expected 96 (in library)
    leaving ["leaving"]: SystemExit: 4
    absent []: PackageNotFoundError: No package metadata was found for absent
    "#);
}

#[tokio::test]
async fn nothing_of_the_caller_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let code = "import os\nraise ValueError(' '.join(sorted(os.environ)))\n";
    let root = venv(dir.path(), &[("nosy", &[("nosy.py", code)])]);
    let imports = verify::imports(&root, &names(&["nosy"])).await.unwrap();
    insta::assert_snapshot!(imports[0].failure.as_ref().unwrap().message, @"AIRFLOW_HOME AIRFLOW__CORE__LOAD_EXAMPLES AIRFLOW__CORE__UNIT_TEST_MODE AIRFLOW__DATABASE__SQL_ALCHEMY_CONN HOME LANG PATH TMPDIR");
}

#[tokio::test]
async fn an_interpreter_that_dies_or_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let code = "import os, sys\nprint('last words', file=sys.stderr, flush=True)\nos.kill(os.getpid(), 9)\n";
    let root = venv(dir.path(), &[("deadly", &[("deadly.py", code)])]);
    let died = verify::imports(&root, &names(&["deadly"])).await.unwrap_err();
    match died {
        VerifyError::Died { status, said, .. } => assert_eq!((&*status, &*said), ("signal 9", "last words")),
        other => panic!("{other:?}"),
    }
    let absent = verify::imports(&dir.path().join("nowhere"), &[]).await.unwrap_err();
    assert!(matches!(absent, VerifyError::Start { .. }));
}

#[tokio::test]
async fn an_environment_without_airflow_parses_no_dags() {
    let dir = tempfile::tempdir().unwrap();
    let root = venv(dir.path(), &[]);
    std::fs::create_dir_all(dir.path().join("tree/dags")).unwrap();
    let died = verify::dags(&root, &dir.path().join("tree"), "dags").await.unwrap_err();
    match died {
        VerifyError::Died { said, .. } => assert_eq!(said, "ModuleNotFoundError: No module named 'airflow'"),
        other => panic!("{other:?}"),
    }
}

fn airflow() -> Option<PathBuf> {
    let found = std::env::var_os("UPDRAFT_TEST_AIRFLOW").map(PathBuf::from);
    if found.is_none() {
        println!("skipped: UPDRAFT_TEST_AIRFLOW names no venv with Airflow");
    }
    found
}

#[tokio::test]
async fn providers_are_discovered_by_airflow() {
    let Some(root) = airflow() else { return };
    let asked = names(&["apache-airflow-providers-celery", "apache-airflow-providers-redis"]);
    let imports = verify::imports(&root, &asked).await.unwrap();
    insta::assert_snapshot!(shown(&imports), @r#"
    apache-airflow-providers-celery ["airflow.providers.celery"]: imports
    apache-airflow-providers-redis ["airflow.providers.redis"]: imports
    "#);
}

#[tokio::test]
async fn dag_files_parse_as_in_the_dag_processor() {
    let Some(root) = airflow() else { return };
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    let dag = |id: &str| {
        format!(
            "from airflow.sdk import DAG, task\nwith DAG({id:?}, schedule=None):\n    @task\n    def t(): pass\n    t()\n"
        )
    };
    let files = [
        ("dags/.airflowignore", "ignored.py\n".to_owned()),
        ("dags/ignored.py", "import nowhere  # airflow dag\n".to_owned()),
        ("dags/no_dag_here.py", "import nowhere\n".to_owned()),
        ("outside.py", "import nowhere  # airflow dag\n".to_owned()),
        ("dags/ok.py", dag("ok")),
        ("dags/uses_helper.py", format!("import shared_code\n{}", dag("helped"))),
        ("dags/shared_code.py", "NUMBER = 1\n".to_owned()),
        ("dags/lacking.py", format!("{}import nowhere\n", dag("lost"))),
        ("dags/through_helper.py", format!("import sub.broken\n{}", dag("lost"))),
        ("dags/sub/broken.py", "\n\nimport nowhere\n".to_owned()),
        ("dags/syntax.py", "# airflow dag\ndef f(:\n".to_owned()),
        ("dags/leaves.py", "# airflow dag\nimport os\nos._exit(3)\n".to_owned()),
        ("dags/asks.py", format!("from airflow.sdk import Variable\nVariable.get('x')\n{}", dag("asks"))),
    ];
    for (path, text) in &files {
        let place = tree.join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
    }
    let parses = verify::dags(&root, &tree, "dags").await.unwrap();
    let line = |parse: &Parse| {
        let error = parse.check.error.as_deref().unwrap_or("parses");
        let unprovable = if parse.unprovable { "unprovable: " } else { "" };
        format!("{} {:?}: {unprovable}{error}", parse.check.path, parse.check.dags)
    };
    insta::assert_snapshot!(parses.iter().map(line).collect::<Vec<_>>().join("\n"), @r#"
    dags/asks.py []: unprovable: dags/asks.py:2: AirflowRuntimeError: VARIABLE_NOT_FOUND: {'message': 'Variable x not found'} (in apache-airflow-task-sdk)
    dags/lacking.py []: dags/lacking.py:6: ModuleNotFoundError: No module named 'nowhere'
    dags/leaves.py []: Crash: the interpreter ended with status 3
    dags/ok.py ["ok"]: parses
    dags/syntax.py []: dags/syntax.py:2: SyntaxError: invalid syntax
    dags/through_helper.py []: dags/sub/broken.py:3: ModuleNotFoundError: No module named 'nowhere'
    dags/uses_helper.py ["helped"]: parses
    "#);
    // Nothing is written into the tree, not even bytecode.
    assert!(!tree.join("dags/__pycache__").exists());
}
