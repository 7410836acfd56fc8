//! Source distributions made by tests, and a build backend of thirty lines that lies in their trees.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Builds a pure wheel out of `NAME`, the text `name version`; `@@` is what one test does before.
const BACKEND: &str = r#"
import os, zipfile
NAME, VERSION = open("NAME").read().split()
TAG = "py3-none-any"
REQUIRES = []
def metadata():
    lines = ["Metadata-Version: 2.1", f"Name: {NAME}", f"Version: {VERSION}"]
    return "\n".join(lines + [f"Requires-Dist: {one}" for one in REQUIRES]) + "\n"
def build_wheel(directory, config_settings=None, metadata_directory=None):
@@
    filename = f"{NAME}-{VERSION}-{TAG}.whl"
    info = f"{NAME}-{VERSION}.dist-info"
    members = {f"{NAME}/__init__.py": open("code.py").read(), f"{info}/METADATA": metadata(),
               f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {TAG}\n"}
    members[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*members, f"{info}/RECORD"])
    with zipfile.ZipFile(os.path.join(directory, filename), "w") as wheel:
        for path, text in members.items():
            wheel.writestr(zipfile.ZipInfo(path), text)
    return filename
"#;

const IN_TREE: &str = "[build-system]\nrequires = []\nbuild-backend = 'tiny'\nbackend-path = ['backend']\n";

/// Files of a tree.
pub(crate) type Files = Vec<(String, String)>;

/// A tree with its own backend, which runs `statements` (a Python body of four spaces) before it builds.
pub(crate) fn in_tree(name: &str, version: &str, statements: &str) -> Files {
    let backend = BACKEND.replace("@@", statements);
    files(&[
        ("pyproject.toml", IN_TREE),
        ("NAME", &format!("{name} {version}")),
        ("code.py", "VALUE = 1\n"),
        ("backend/tiny.py", &backend),
    ])
}

/// Owned files.
pub(crate) fn files(files: &[(&str, &str)]) -> Files {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// `.tar.gz` with one top directory, as PEP 625 wants it.
pub(crate) fn tar_gz(name: &str, version: &str, files: &Files) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{name}-{version}/{path}"), text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// `.zip`, the older format.
pub(crate) fn zip(name: &str, version: &str, files: &Files) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, text) in files {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(format!("{name}-{version}/{path}"), options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
