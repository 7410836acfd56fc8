//! Wheels and source distributions of a scenario's releases.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::SimpleFileOptions;

use crate::schema::Release;

/// One file of a release.
pub(crate) struct File {
    pub(crate) filename: String,
    pub(crate) bytes: Vec<u8>,
    /// What `.metadata` answers; only wheels have it.
    pub(crate) metadata: Option<Vec<u8>>,
}

/// All files of a release, as its author would upload them.
pub(crate) fn of(name: &str, version: &str, release: &Release) -> Vec<File> {
    let stem = name.replace('-', "_");
    let metadata = metadata(name, version, release);
    let mut files = Vec::new();
    if release.wheel {
        let usual = ["py3-none-any".to_owned()];
        let tags = if release.wheel_tags.is_empty() { &usual[..] } else { &release.wheel_tags };
        for tag in tags {
            let bytes = wheel(&stem, version, tag, &metadata);
            let filename = format!("{stem}-{version}-{tag}.whl");
            files.push(File { filename, bytes, metadata: Some(metadata.clone().into_bytes()) });
        }
    }
    if release.sdist {
        let bytes = sdist(&stem, version, &metadata);
        files.push(File { filename: format!("{stem}-{version}.tar.gz"), bytes, metadata: None });
    }
    files
}

/// Version 2.2 without `Dynamic`: what it says may be believed without building.
fn metadata(name: &str, version: &str, release: &Release) -> String {
    let mut text = format!("Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n");
    let mut line = |key: &str, value: &str| text.extend([key, ": ", value, "\n"]);
    if let Some(python) = &release.requires_python {
        line("Requires-Python", python);
    }
    for requirement in &release.requires {
        line("Requires-Dist", requirement);
    }
    for (extra, requires) in &release.extras {
        line("Provides-Extra", extra);
        for requirement in requires {
            line("Requires-Dist", &format!("{requirement} ; extra == '{extra}'"));
        }
    }
    text
}

fn wheel(stem: &str, version: &str, tag: &str, metadata: &str) -> Vec<u8> {
    let info = format!("{stem}-{version}.dist-info");
    let head = ["Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"];
    let wheel: String = head.into_iter().chain(tag.split('.').flat_map(|one| ["Tag: ", one, "\n"])).collect();
    let members = [
        (format!("{stem}/__init__.py"), format!("__version__ = '{version}'\n")),
        (format!("{info}/METADATA"), metadata.to_owned()),
        (format!("{info}/WHEEL"), wheel),
    ];
    let mut record: String = members.iter().flat_map(|(path, _)| [path.as_str(), ",,\n"]).collect();
    record.extend([info.as_str(), "/RECORD,,\n"]);
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in members.iter().chain([&(format!("{info}/RECORD"), record)]) {
        zip.start_file(path, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn sdist(stem: &str, version: &str, metadata: &str) -> Vec<u8> {
    let project = "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n";
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in [("PKG-INFO", metadata), ("pyproject.toml", project)] {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{stem}-{version}/{name}"), content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}
