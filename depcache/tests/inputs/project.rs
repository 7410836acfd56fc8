//! A project that builds itself: its backend lies beside its code, so that no package is needed to build it.

use std::io::Write as _;
use std::path::Path;

use zip::write::SimpleFileOptions;

/// Makes a wheel of one module with what `pyproject.toml` says statically.
const BACKEND: &str = r#"
import pathlib, tomllib, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {one}\n" for one in project.get("dependencies", []))
    members = {
        f"{name}/__init__.py": pathlib.Path(name, "__init__.py").read_text(),
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    members[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*members, f"{info}/RECORD"])
    filename = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(directory, filename), "w") as wheel:
        for path, content in members.items():
            wheel.writestr(path, content)
    return filename
"#;

/// Files of the project, by path.
pub(crate) fn files(name: &str, version: &str, dependencies: &[&str]) -> Vec<(String, String)> {
    let dependencies: Vec<String> = dependencies.iter().map(|one| format!("{one:?}")).collect();
    let pyproject = format!(
        "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n\n\
         [project]\nname = \"{name}\"\nversion = \"{version}\"\ndependencies = [{}]\n",
        dependencies.join(", ")
    );
    vec![
        ("pyproject.toml".into(), pyproject),
        ("backend.py".into(), BACKEND.into()),
        (format!("{name}/__init__.py"), format!("VERSION = {version:?}\n")),
    ]
}

/// Writes the project into a directory.
pub(crate) fn write(dir: &Path, name: &str, version: &str, dependencies: &[&str]) {
    for (path, content) in files(name, version, dependencies) {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// The project as a zip archive, in a directory of the archive.
pub(crate) fn zipped(inside: &str, name: &str, version: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, content) in files(name, version, &[]) {
        zip.start_file(format!("{inside}/{path}"), SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
