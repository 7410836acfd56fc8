//! A page in the form in which it is kept: versions first, files only when somebody looks at them.
//!
//! Popular projects have thousands of files, and a resolution looks at a handful. The network's JSON or HTML is read
//! once, when it arrives; what is cached afterwards is opened without parsing a single file.

mod encode;
mod wire;

use std::ops::Range;

use pep440_rs::Version;
use reqwest::Url;

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
        Some(Self { index: index.to_owned(), texts, versions, blocks, bytes })
    }

    /// All versions, ascending.
    pub(super) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// Files of the version at this position.
    pub(super) fn files(&self, position: usize) -> Vec<IndexFile> {
        let mut files = Vec::new();
        let Some(block) = self.blocks.get(position).and_then(|block| self.bytes.get(block.clone())) else {
            return files;
        };
        let mut reader = Reader::new(block);
        while let Some(file) = self.file(&mut reader) {
            files.push(file);
        }
        files
    }

    fn known(&self, number: u64) -> Option<&str> {
        let range = self.texts.get(usize::try_from(number).ok()?)?;
        std::str::from_utf8(self.bytes.get(range.clone())?).ok()
    }

    fn file(&self, reader: &mut Reader<'_>) -> Option<IndexFile> {
        let flags = reader.number()?;
        let has = |flag| flags & flag != 0;
        let filename = reader.text()?.to_owned();
        let mut url = self.known(reader.number()?)?.to_owned();
        url.push_str(reader.text()?);
        if has(ENDS_WITH_NAME) {
            url.push_str(&filename);
        }
        Some(IndexFile {
            index: self.index.clone(),
            url: Url::parse(&url).ok()?,
            sha256: if has(HAS_SHA256) { Some(reader.digest()?) } else { None },
            size: if has(HAS_SIZE) { Some(reader.number()?) } else { None },
            upload_time: if has(HAS_UPLOAD_TIME) { Some(moment(reader.signed()?)?) } else { None },
            requires_python: if has(HAS_REQUIRES_PYTHON) {
                Some(self.known(reader.number()?)?.to_owned())
            } else {
                None
            },
            yanked: if has(IS_YANKED) { Some(reader.text()?.to_owned()) } else { None },
            metadata_advertised: has(HAS_METADATA),
            metadata_sha256: if has(HAS_METADATA_SHA256) { Some(reader.digest()?) } else { None },
            provenance: if has(HAS_PROVENANCE) { Some(Url::parse(reader.text()?).ok()?) } else { None },
            has_only_weak_hashes: has(HAS_ONLY_WEAK_HASHES),
            filename,
        })
    }
}

fn moment(microseconds: i64) -> Option<String> {
    jiff::Timestamp::from_microsecond(microseconds).ok().map(|moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Digest;
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
                }
            }
        }
    }
}
