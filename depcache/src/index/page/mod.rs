//! A page in the form in which it is kept: versions first, files only when somebody looks at them.
//!
//! Popular projects have thousands of files, and a resolution looks at a handful. The network's JSON or HTML is read
//! once, when it arrives; what is cached afterwards is opened without parsing a single file.

mod encode;
mod wire;

use std::ops::Range;
use std::sync::OnceLock;

use depcache_resolve::HashAlgorithm;
use depcache_resolve::{FileHash, FileSource, PackageFile, Yanked};
use domain::Digest;
use jiff::Timestamp;
use pep440_rs::{Version, VersionSpecifiers};
use reqwest::Url;
use uv_pypi_types::LenientVersionSpecifiers;

use super::IndexFile;
use wire::Reader;

pub(super) use encode::encode;

/// Changes with every change of the form; a page of another form counts as absent.
const FORM: u8 = 1;

const HAS_SHA256: u64 = 1;
const HAS_SIZE: u64 = 1 << 1;
const HAS_UPLOAD_TIME: u64 = 1 << 2;
const HAS_REQUIRES_PYTHON: u64 = 1 << 3;
const IS_YANKED: u64 = 1 << 4;
const HAS_METADATA: u64 = 1 << 5;
const HAS_METADATA_SHA256: u64 = 1 << 6;
const HAS_PROVENANCE: u64 = 1 << 7;
const HAS_ONLY_WEAK_HASHES: u64 = 1 << 8;
/// The address ends with the file name, which is not repeated.
const ENDS_WITH_NAME: u64 = 1 << 9;

/// A page of one index, opened.
#[derive(Debug)]
pub(super) struct Page {
    /// The index, as its files name it.
    index: String,
    bytes: Vec<u8>,
    /// Beginnings of addresses and `Requires-Python` texts, each once.
    texts: Vec<Range<usize>>,
    /// The texts as version ranges, those that were asked for: a project has a few, its files have them hundreds of
    /// times.
    ranges: Vec<OnceLock<Option<VersionSpecifiers>>>,
    versions: Vec<Version>,
    blocks: Vec<Range<usize>>,
}

impl Page {
    /// Opens what [`encode`] made; absent when it is damaged or of another form.
    pub(super) fn open(index: &str, bytes: Vec<u8>) -> Option<Self> {
        let mut reader = Reader::checked(&bytes, FORM)?;
        let mut texts = Vec::new();
        for _ in 0..reader.number()? {
            texts.push(reader.range()?);
        }
        let count = usize::try_from(reader.number()?).ok()?;
        // Each version takes three bytes at least: a count that lies is found before memory is taken for it.
        if count > bytes.len() / 3 {
            return None;
        }
        let (mut versions, mut lengths) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for _ in 0..count {
            versions.push(reader.text()?.parse::<Version>().ok()?);
            lengths.push(usize::try_from(reader.number()?).ok()?);
        }
        let mut blocks = Vec::with_capacity(count);
        for length in lengths {
            blocks.push(reader.skip(length)?);
        }
        let ranges = texts.iter().map(|_| OnceLock::new()).collect();
        Some(Self { index: index.to_owned(), texts, ranges, versions, blocks, bytes })
    }

    /// All versions, ascending.
    pub(super) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// Files of the version at this position.
    pub(super) fn files(&self, position: usize) -> Vec<IndexFile> {
        self.entries(position).map_while(|entry| self.index_file(&entry)).collect()
    }

    /// The same as the resolver sees them.
    pub(super) fn package_files(&self, position: usize) -> Vec<PackageFile> {
        self.entries(position).map(|entry| self.package_file(entry)).collect()
    }

    fn entries(&self, position: usize) -> impl Iterator<Item = Entry<'_>> {
        let block = self.blocks.get(position).and_then(|block| self.bytes.get(block.clone()));
        let mut reader = Reader::new(block.unwrap_or_default());
        std::iter::from_fn(move || self.entry(&mut reader))
    }

    fn known(&self, number: usize) -> Option<&str> {
        std::str::from_utf8(self.bytes.get(self.texts.get(number)?.clone())?).ok()
    }

    fn entry<'p>(&'p self, reader: &mut Reader<'p>) -> Option<Entry<'p>> {
        let flags = reader.number()?;
        let has = |flag| flags & flag != 0;
        let filename = reader.text()?;
        let beginning = self.known(usize::try_from(reader.number()?).ok()?)?;
        let end = if has(ENDS_WITH_NAME) { filename } else { "" };
        Some(Entry {
            filename,
            url: [beginning, reader.text()?, end].concat(),
            sha256: if has(HAS_SHA256) { Some(reader.digest()?) } else { None },
            size: if has(HAS_SIZE) { Some(reader.number()?) } else { None },
            uploaded: if has(HAS_UPLOAD_TIME) {
                Some(Timestamp::from_microsecond(reader.signed()?).ok()?)
            } else {
                None
            },
            requires_python: if has(HAS_REQUIRES_PYTHON) {
                Some(usize::try_from(reader.number()?).ok().filter(|number| *number < self.texts.len())?)
            } else {
                None
            },
            yanked: if has(IS_YANKED) { Some(reader.text()?) } else { None },
            metadata_advertised: has(HAS_METADATA),
            metadata_sha256: if has(HAS_METADATA_SHA256) { Some(reader.digest()?) } else { None },
            provenance: if has(HAS_PROVENANCE) { Some(reader.text()?) } else { None },
            has_only_weak_hashes: has(HAS_ONLY_WEAK_HASHES),
        })
    }

    fn index_file(&self, entry: &Entry<'_>) -> Option<IndexFile> {
        let provenance = match entry.provenance {
            Some(link) => Some(Url::parse(link).ok()?),
            None => None,
        };
        Some(IndexFile {
            filename: entry.filename.to_owned(),
            index: self.index.clone(),
            url: Url::parse(&entry.url).ok()?,
            sha256: entry.sha256,
            size: entry.size,
            upload_time: entry.uploaded.map(|moment| moment.to_string()),
            requires_python: entry.requires_python.and_then(|number| self.known(number)).map(str::to_owned),
            yanked: entry.yanked.map(str::to_owned),
            metadata_advertised: entry.metadata_advertised,
            metadata_sha256: entry.metadata_sha256,
            provenance,
            has_only_weak_hashes: entry.has_only_weak_hashes,
        })
    }

    fn package_file(&self, entry: Entry<'_>) -> PackageFile {
        let hash = |sha256: Digest| FileHash { algorithm: HashAlgorithm::Sha256, hex: sha256.hex() };
        PackageFile {
            filename: entry.filename.to_owned(),
            url: entry.url,
            index: self.index.clone(),
            hashes: entry.sha256.map(hash).into_iter().collect(),
            size_bytes: entry.size,
            requires_python: entry.requires_python.and_then(|number| self.range(number)),
            upload_time_ms: entry.uploaded.map(Timestamp::as_millisecond),
            yanked: entry.yanked.map_or(Yanked::No, |reason| Yanked::Yes(reason.to_owned())),
            source: FileSource::Index,
        }
    }

    /// The text of this number as a range; what cannot be read counts as absent.
    fn range(&self, number: usize) -> Option<VersionSpecifiers> {
        let parse = || self.known(number)?.parse::<LenientVersionSpecifiers>().ok().map(Into::into);
        self.ranges.get(number)?.get_or_init(parse).clone()
    }
}

/// A file as a page keeps it.
struct Entry<'p> {
    filename: &'p str,
    url: String,
    sha256: Option<Digest>,
    size: Option<u64>,
    uploaded: Option<Timestamp>,
    /// Number of the text.
    requires_python: Option<usize>,
    yanked: Option<&'p str>,
    metadata_advertised: bool,
    metadata_sha256: Option<Digest>,
    provenance: Option<&'p str>,
    has_only_weak_hashes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(filename: &str) -> IndexFile {
        IndexFile {
            filename: filename.to_owned(),
            index: "https://host.example/simple/".into(),
            url: Url::parse(&format!("https://host.example/packages/ab/{filename}")).unwrap(),
            sha256: Some(Digest::of(filename.as_bytes())),
            size: Some(7),
            upload_time: Some("2026-01-02T03:04:05.000006Z".into()),
            requires_python: Some(">=3.8".into()),
            yanked: None,
            metadata_advertised: true,
            metadata_sha256: Some(Digest::of(b"m")),
            provenance: Url::parse("https://host.example/p").ok(),
            has_only_weak_hashes: false,
        }
    }

    fn open(files: &[IndexFile]) -> Page {
        let name = "a".parse().unwrap();
        Page::open("https://host.example/simple/", encode(files, Some(&name))).unwrap()
    }

    #[test]
    fn files_come_back_as_they_were_by_version() {
        let mut files = vec![file("a-2.0-py3-none-any.whl"), file("a-10.0.tar.gz"), file("a-2.0.tar.gz")];
        files[1].yanked = Some("broken".into());
        files[2].sha256 = None;
        files[2].url = Url::parse("https://other.example/get?file=7").unwrap();
        files.push(file("b-1.0-py3-none-any.whl"));
        let page = open(&files);
        let texts: Vec<_> = page.versions().iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["2.0", "10.0"]);
        assert_eq!(page.files(0), [files[0].clone(), files[2].clone()]);
        assert_eq!(page.files(1), [files[1].clone()]);
        assert!(page.files(2).is_empty());
    }

    #[test]
    fn the_resolver_sees_what_decides() {
        let mut files = vec![file("a-2.0-py3-none-any.whl"), file("a-2.0.tar.gz")];
        files[0].yanked = Some("broken".into());
        files[1] = IndexFile {
            sha256: None,
            upload_time: None,
            requires_python: Some("?".into()),
            ..files[1].clone()
        };
        let seen = open(&files).package_files(0);
        let said: Vec<_> = seen.iter().map(|one| (one.filename.as_str(), one.url.as_str())).collect();
        assert_eq!(
            said,
            files.iter().map(|one| (one.filename.as_str(), one.url.as_str())).collect::<Vec<_>>()
        );
        assert_eq!(seen[0].hashes[0].hex, files[0].sha256.unwrap().hex());
        assert_eq!(seen[0].requires_python, ">=3.8".parse().ok());
        assert_eq!(seen[0].upload_time_ms, Some(1_767_323_045_000));
        assert_eq!(seen[0].yanked, Yanked::Yes("broken".into()));
        assert_eq!(
            (&seen[1].requires_python, seen[1].upload_time_ms, seen[1].hashes.len()),
            (&None, None, 0)
        );
    }

    #[test]
    fn damage_is_found_when_a_page_is_opened() {
        let name = "a".parse().unwrap();
        let bytes = encode(&[file("a-1-py3-none-any.whl"), file("a-2-py3-none-any.whl")], Some(&name));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            assert!(Page::open("i", changed).is_none(), "byte {at}");
            assert!(Page::open("i", bytes[..at].to_vec()).is_none(), "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(page) = Page::open("i", wire::sealed(FORM, &bytes)) {
                for at in 0..page.versions().len() {
                    page.files(at);
                    page.package_files(at);
                }
            }
        }
    }
}
