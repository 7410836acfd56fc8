//! Real backends from the machine's index. Without that index each test says so and passes.

use crate::sdist::{Files, files};
use crate::world::{Ran, World};

/// Builds with the machine's index beside the test's own; absent when that index cannot be reached.
#[expect(clippy::print_stdout, reason = "who reads the test's output must know that nothing was proved")]
fn fetched(name: &str, tree: &Files) -> Option<(World, Ran)> {
    let mut world = World::new();
    world.with_machines_index = true;
    // Build environments are made once for all tests and runs.
    world.set("UPDRAFT_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/sources-cache"));
    // Their wheels are not: every run builds.
    world.set("UPDRAFT_BUILD_ENV_RUN", &std::process::id().to_string());
    world.sdist(name, "1.0", tree);
    let ran = world.fetch(name, &[]);
    if ran.code == i32::from(domain::exit::UNAVAILABLE) {
        println!("skipped: the machine's index is not reachable");
        return None;
    }
    Some((world, ran.ok()))
}

#[test]
fn setuptools_as_setup_py_was_used_to_it() {
    let setup = "from setuptools import setup\nimport helper\n\
                 setup(name='legacy', version='1.0', py_modules=['legacy'], install_requires=helper.REQUIRES)\n";
    let tree = files(&[
        ("setup.py", setup),
        ("helper.py", "REQUIRES = []\n"),
        ("legacy.py", "def say():\n    return 'legacy'\n"),
    ]);
    let Some((world, ran)) = fetched("legacy", &tree) else { return };
    assert_eq!(world.python(&ran, "import legacy; print(legacy.say())"), "legacy");
}

#[test]
fn setuptools_with_requirements_that_it_tells_when_asked() {
    let pyproject = "[build-system]\nrequires = ['setuptools>=61']\nbuild-backend = 'setuptools.build_meta'\n\
                     [project]\nname = 'asked'\nversion = '1.0'\ndynamic = ['dependencies']\n";
    let setup = "from setuptools import setup\nimport wheel, flit_core\n\
                 setup(py_modules=['asked'], setup_requires=['flit_core', 'wheel'], install_requires=[])\n";
    // Importing at the top fails before setup_requires is read: the classic that nobody can build.
    let tree = files(&[("pyproject.toml", pyproject), ("setup.py", setup), ("asked.py", "")]);
    let late = setup.replace("import wheel, flit_core\n", "");
    let late = late.replace("install_requires=[]", "install_requires=[], cmdclass={'build_py': Late}");
    let late = format!(
        "from setuptools.command.build_py import build_py\nclass Late(build_py):\n    def run(self):\n        \
         import flit_core\n        super().run()\n{late}"
    );
    let mut working = tree;
    working[1].1 = late;
    let Some((world, ran)) = fetched("asked", &working) else { return };
    assert_eq!(world.python(&ran, "import asked; print('imported')"), "imported");
}

#[test]
fn hatchling() {
    let pyproject = "[build-system]\nrequires = ['hatchling']\nbuild-backend = 'hatchling.build'\n\
                     [project]\nname = 'hatched'\ndynamic = ['version']\nrequires-python = '>=3.8'\n\
                     [project.optional-dependencies]\nmore = ['six']\n[project.scripts]\nhatched = 'hatched:say'\n\
                     [tool.hatch.version]\npath = 'hatched/__init__.py'\n";
    let code = "__version__ = '1.0'\ndef say():\n    print('hatched')\n";
    let tree = files(&[("pyproject.toml", pyproject), ("hatched/__init__.py", code)]);
    let Some((world, ran)) = fetched("hatched", &tree) else { return };
    assert_eq!(world.python(&ran, "import hatched; hatched.say()"), "hatched");
    let script = std::path::Path::new(ran.stdout.trim()).join("bin/hatched");
    assert_eq!(std::process::Command::new(script).output().unwrap().stdout, b"hatched\n");
}

#[test]
fn flit() {
    let pyproject = "[build-system]\nrequires = ['flit_core>=3.4']\nbuild-backend = 'flit_core.buildapi'\n\
                     [project]\nname = 'flitted'\ndynamic = ['version', 'description']\n";
    let code = "'''A module.'''\n__version__ = '1.0'\n";
    let tree = files(&[("pyproject.toml", pyproject), ("flitted.py", code)]);
    let Some((world, ran)) = fetched("flitted", &tree) else { return };
    assert_eq!(world.python(&ran, "import flitted; print(flitted.__version__)"), "1.0");
}

#[test]
fn a_c_extension_and_one_whose_header_is_missing() {
    let setup = "from setuptools import setup, Extension\n\
                 setup(name='native', version='1.0', ext_modules=[Extension('native', ['native.c'])])\n";
    let code = "#define PY_SSIZE_T_CLEAN\n#include <Python.h>\n\
                static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(42); }\n\
                static PyMethodDef methods[] = {{\"answer\", answer, METH_NOARGS, \"\"}, {NULL}};\n\
                static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, \"native\", NULL, -1, methods};\n\
                PyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&module); }\n";
    let tree = files(&[("setup.py", setup), ("native.c", code)]);
    let Some((world, ran)) = fetched("native", &tree) else { return };
    assert_eq!(world.python(&ran, "import native; print(native.answer())"), "42");

    let broken = code.replace("<Python.h>", "<Python.h>\n#include <nowhere/header.h>");
    world.sdist(
        "headless",
        "1.0",
        &files(&[("setup.py", &setup.replace("name='native'", "name='headless'")), ("native.c", &broken)]),
    );
    let ran = world.fetch("headless", &[]);
    assert_eq!(ran.code, 65, "{}", ran.stderr);
    let hint = "hint: the header nowhere/header.h is missing: install the development package of its library";
    assert!(ran.stderr.contains(hint), "{}", ran.stderr);
}
