//! Files of a page → the kept form.

use std::collections::{BTreeMap, HashMap};

use pep440_rs::Version;
use uv_distribution_filename::DistFilename;
use uv_normalize::PackageName;

use super::super::IndexFile;
use super::wire::{Writer, sealed};
use super::{
    ENDS_WITH_NAME, FORM, HAS_METADATA, HAS_METADATA_SHA256, HAS_ONLY_WEAK_HASHES, HAS_PROVENANCE,
    HAS_REQUIRES_PYTHON, HAS_SHA256, HAS_SIZE, HAS_UPLOAD_TIME, IS_YANKED,
};

/// The files of `name`, or of all projects when a page links to several. What is neither wheel nor source
/// distribution of the project is left out: nobody could ask for it.
pub(in super::super) fn encode(files: &[IndexFile], name: Option<&PackageName>) -> Vec<u8> {
    let mut by_version: BTreeMap<Version, Writer> = BTreeMap::new();
    let mut texts = Texts::default();
    for file in files {
        let parsed = match name {
            Some(name) => depcache_resolve::facts::parse_filename(&file.filename, name),
            None => DistFilename::try_from_normalized_filename(&file.filename),
        };
        if let Some(parsed) = parsed {
            write(by_version.entry(parsed.version().clone()).or_default(), file, &mut texts);
        }
    }
    let mut body = Writer::default();
    body.number(texts.all.len() as u64);
    for text in &texts.all {
        body.text(text);
    }
    body.number(by_version.len() as u64);
    for (version, block) in &by_version {
        body.text(&version.to_string());
        body.number(block.0.len() as u64);
    }
    for block in by_version.values() {
        body.0.extend_from_slice(&block.0);
    }
    sealed(FORM, &body.0)
}

/// Texts that many files share.
#[derive(Default)]
struct Texts {
    all: Vec<String>,
    places: HashMap<String, u64>,
}

impl Texts {
    fn place(&mut self, text: &str) -> u64 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.all.len() as u64;
        self.all.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }
}

fn write(out: &mut Writer, file: &IndexFile, texts: &mut Texts) {
    let url = file.url.as_str();
    let (start, rest) = url.split_at(shared_length(url));
    let without_name = rest.strip_suffix(file.filename.as_str());
    let uploaded = file.upload_time.as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let flags = [
        (HAS_SHA256, file.sha256.is_some()),
        (HAS_SIZE, file.size.is_some()),
        (HAS_UPLOAD_TIME, uploaded.is_some()),
        (HAS_REQUIRES_PYTHON, file.requires_python.is_some()),
        (IS_YANKED, file.yanked.is_some()),
        (HAS_METADATA, file.metadata_advertised),
        (HAS_METADATA_SHA256, file.metadata_sha256.is_some()),
        (HAS_PROVENANCE, file.provenance.is_some()),
        (HAS_ONLY_WEAK_HASHES, file.has_only_weak_hashes),
        (ENDS_WITH_NAME, without_name.is_some()),
    ];
    out.number(flags.iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag).sum());
    out.text(&file.filename);
    out.number(texts.place(start));
    out.text(without_name.unwrap_or(rest));
    if let Some(digest) = &file.sha256 {
        out.digest(digest);
    }
    if let Some(size) = &file.size {
        out.number(*size);
    }
    if let Some(moment) = &uploaded {
        out.signed(moment.as_microsecond());
    }
    if let Some(text) = &file.requires_python {
        out.number(texts.place(text));
    }
    if let Some(reason) = &file.yanked {
        out.text(reason);
    }
    if let Some(digest) = &file.metadata_sha256 {
        out.digest(digest);
    }
    if let Some(url) = &file.provenance {
        out.text(url.as_str());
    }
}

/// Bytes of `https://host.example/packages/`: what the files of a project mostly share.
fn shared_length(url: &str) -> usize {
    let host = url.find("://").map_or(0, |at| at + 3);
    let slashes = url[host..].match_indices('/').map(|(at, _)| host + at + 1);
    slashes.take(2).last().unwrap_or(0)
}
