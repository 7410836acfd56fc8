//! Index pages: PEP 691 (JSON) and PEP 503 (HTML), read into one shape.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::Digest;
use reqwest::Url;
use serde::Deserialize;
use uv_normalize::PackageName;

use super::html;

/// What we ask for, best first; every index answers at least the last.
pub(super) const ACCEPT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

/// Hash algorithms that prove something.
const STRONG: [&str; 3] = ["sha256", "sha384", "sha512"];
/// All that a link's fragment may name.
const HASHES: [&str; 6] = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

/// One file that an index offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// File name.
    pub filename: String,
    /// Address of the index (or find-links place) that offers it, without credentials.
    pub index: String,
    /// Where it is: absolute, without credentials; `file:` for find-links directories.
    pub url: Url,
    /// sha256 of the file, when the index says it.
    pub sha256: Option<Digest>,
    /// Bytes, when the index says it.
    pub size: Option<u64>,
    /// RFC 3339 upload time, when the index says it (PEP 700).
    pub upload_time: Option<String>,
    /// `Requires-Python` as the index says it.
    pub requires_python: Option<String>,
    /// Withdrawn; the text is the reason (often empty).
    pub yanked: Option<String>,
    /// The index says that `<url>.metadata` exists (PEP 658/714).
    pub metadata_advertised: bool,
    /// sha256 of `<url>.metadata`, when the index says it.
    pub metadata_sha256: Option<Digest>,
    /// Where the index keeps attestations about the file (PEP 740), when it says so.
    pub provenance: Option<Url>,
    /// The index gives hashes, but none that anybody should trust (MD5, SHA-1).
    pub has_only_weak_hashes: bool,
}

#[derive(Deserialize)]
struct Page<'b> {
    #[serde(default, borrow)]
    meta: Meta<'b>,
    #[serde(borrow)]
    name: Option<Cow<'b, str>>,
    #[serde(borrow)]
    files: Vec<JsonFile<'b>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Meta<'b> {
    #[serde(borrow)]
    api_version: Option<Cow<'b, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct JsonFile<'b> {
    filename: String,
    #[serde(borrow)]
    url: Cow<'b, str>,
    #[serde(default, borrow)]
    hashes: BTreeMap<Cow<'b, str>, Cow<'b, str>>,
    requires_python: Option<String>,
    size: Option<u64>,
    upload_time: Option<String>,
    #[serde(default)]
    yanked: Flag,
    core_metadata: Option<Hashes>,
    data_dist_info_metadata: Option<Hashes>,
    dist_info_metadata: Option<Hashes>,
    #[serde(borrow)]
    provenance: Option<Cow<'b, str>>,
}

/// `false`, `true` or the reason.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Reason(String),
}

impl Default for Flag {
    fn default() -> Self {
        Self::Bool(false)
    }
}

/// `false`, `true` or hashes by algorithm.
#[derive(Deserialize)]
#[serde(untagged)]
enum Hashes {
    Bool(bool),
    Map(BTreeMap<String, String>),
}

impl Hashes {
    fn advertised(&self) -> bool {
        !matches!(self, Self::Bool(false))
    }

    fn sha256(&self) -> Option<Digest> {
        match self {
            Self::Bool(_) => None,
            Self::Map(map) => map.get("sha256").and_then(|hex| hex.parse().ok()),
        }
    }
}

/// Why a page is refused.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Another media type: a login page, an error page, some other site.
    #[error("`{media}` is neither PEP 691 JSON nor HTML")]
    Media {
        /// What it says it is.
        media: String,
    },
    /// No JSON, or JSON of another shape.
    #[error("not a PEP 691 page")]
    Json(#[source] serde_json::Error),
    /// HTML without a single tag.
    #[error("no HTML page")]
    Html,
    /// A version of the protocol whose rules are not known.
    #[error("it speaks version {version:?} of the index protocol, 1.x is known")]
    Protocol {
        /// What it says.
        version: String,
    },
    /// It answers for another project than the one that was asked for.
    #[error("it is the page of {found:?}, not of {expected}")]
    Project {
        /// The name on the page.
        found: String,
        /// The name that was asked for.
        expected: PackageName,
    },
}

/// Reads a page of `content_type` that was found at `url`: of `project`, or (find-links) of whatever it links to.
pub(super) fn parse(
    index: &str,
    project: Option<&PackageName>,
    url: &Url,
    content_type: &str,
    body: &[u8],
) -> Result<Vec<IndexFile>, PageError> {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if media.ends_with("json") {
        return parse_json(index, project, url, body);
    }
    if media == "text/html" || media == "application/vnd.pypi.simple.v1+html" {
        return parse_html(index, url, body);
    }
    Err(PageError::Media { media: media.chars().take(100).collect() })
}

fn parse_json(
    index: &str,
    project: Option<&PackageName>,
    url: &Url,
    body: &[u8],
) -> Result<Vec<IndexFile>, PageError> {
    let page: Page<'_> = serde_json::from_slice(body).map_err(PageError::Json)?;
    if let Some(version) = &page.meta.api_version
        && version.split('.').next() != Some("1")
    {
        return Err(PageError::Protocol { version: version.chars().take(20).collect() });
    }
    if let (Some(found), Some(expected)) = (&page.name, project)
        && found.parse::<PackageName>().ok().as_ref() != Some(expected)
    {
        let found = found.chars().take(100).collect();
        return Err(PageError::Project { found, expected: expected.clone() });
    }
    let files = page.files.into_iter().filter_map(|file| {
        let metadata = file.core_metadata.or(file.data_dist_info_metadata).or(file.dist_info_metadata);
        Some(IndexFile {
            index: index.to_owned(),
            url: absolute(url, &file.url)?,
            filename: file.filename,
            sha256: file.hashes.get("sha256").and_then(|hex| hex.parse().ok()),
            has_only_weak_hashes: is_weak(file.hashes.keys().map(AsRef::as_ref)),
            size: file.size,
            upload_time: file.upload_time,
            requires_python: file.requires_python,
            yanked: match file.yanked {
                Flag::Bool(false) => None,
                Flag::Bool(true) => Some(String::new()),
                Flag::Reason(reason) => Some(reason),
            },
            metadata_advertised: metadata.as_ref().is_some_and(Hashes::advertised),
            metadata_sha256: metadata.as_ref().and_then(Hashes::sha256),
            provenance: file.provenance.and_then(|link| absolute(url, &link)),
        })
    });
    Ok(files.collect())
}

/// There are hashes, and none of them is good for anything.
fn is_weak<'n>(mut algorithms: impl Iterator<Item = &'n str> + Clone) -> bool {
    algorithms.clone().next().is_some() && !algorithms.any(|name| STRONG.contains(&name))
}

/// Links of an HTML page, PEP 503 with the attributes of PEP 592, 658 and 714.
fn parse_html(index: &str, url: &Url, body: &[u8]) -> Result<Vec<IndexFile>, PageError> {
    let text = String::from_utf8_lossy(body);
    if !text.contains('<') {
        return Err(PageError::Html);
    }
    let page = html::parse(&text);
    let base = page.base.as_deref().and_then(|href| url.join(href).ok()).unwrap_or_else(|| url.clone());
    Ok(page
        .anchors
        .iter()
        .filter_map(|anchor| {
            let mut link = absolute(&base, anchor.get("href")?)?;
            let sha256 = link.fragment().and_then(sha256_of);
            let algorithm = link.fragment().and_then(|text| text.split_once('=')).map(|(name, _)| name);
            let has_only_weak_hashes = is_weak(algorithm.filter(|name| HASHES.contains(name)).into_iter());
            link.set_fragment(None);
            let filename = link.path_segments()?.next_back()?.to_owned();
            let filename = html::percent_decoded(&filename);
            let metadata = anchor.get("data-core-metadata").or_else(|| anchor.get("data-dist-info-metadata"));
            Some(IndexFile {
                filename,
                index: index.to_owned(),
                url: link,
                sha256,
                size: None,
                upload_time: None,
                requires_python: anchor.get("data-requires-python").map(ToOwned::to_owned),
                yanked: anchor.get("data-yanked").map(ToOwned::to_owned),
                metadata_advertised: metadata.is_some_and(|value| value != "false"),
                metadata_sha256: metadata.and_then(sha256_of),
                provenance: anchor.get("data-provenance").and_then(|link| absolute(&base, link)),
                has_only_weak_hashes,
            })
        })
        .collect())
}

fn sha256_of(text: &str) -> Option<Digest> {
    text.strip_prefix("sha256=")?.parse().ok()
}

/// A link as an address that may be fetched; others (`javascript:`, `data:`, `file:` on a page of the network) are
/// no files.
fn absolute(base: &Url, link: &str) -> Option<Url> {
    let mut url = base.join(link).ok()?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return None;
    }
    // An index that writes credentials into its links would otherwise bring them into locks and logs.
    super::credentials::take_from_url(&mut url);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn at(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn json_and_html_give_the_same_files() {
        let json = format!(
            r#"{{"files":[{{"filename":"a-1-py3-none-any.whl","url":"../../f/a-1-py3-none-any.whl","hashes":{{"sha256":"{SHA}"}},
               "requires-python":">=3.8","yanked":"broken","core-metadata":{{"sha256":"{SHA}"}}}}]}}"#
        );
        let html = format!(
            r#"<!DOCTYPE html><html><body><!-- <a href="x.whl">no</a> -->
               <a href="../../f/a-1-py3-none-any.whl#sha256={SHA}" data-requires-python="&gt;=3.8" data-yanked="broken"
                  data-core-metadata='sha256={SHA}'>a-1</a></body></html>"#
        );
        let url = at("https://host.example/simple/a/");
        let from_json =
            parse("i", None, &url, "application/vnd.pypi.simple.v1+json", json.as_bytes()).unwrap();
        let from_html = parse("i", None, &url, "text/html; charset=utf-8", html.as_bytes()).unwrap();
        assert_eq!(from_json, from_html);
        assert_eq!(from_json[0].url.as_str(), "https://host.example/f/a-1-py3-none-any.whl");
        assert_eq!(from_json[0].requires_python.as_deref(), Some(">=3.8"));
        assert!(from_json[0].metadata_advertised);
    }

    #[test]
    fn pages_of_another_kind_or_project_are_refused() {
        let url = at("https://host.example/simple/a/");
        let project = "a-b".parse().unwrap();
        let refusal = |media: &str, body: &str| {
            parse("i", Some(&project), &url, media, body.as_bytes()).unwrap_err().to_string()
        };
        let json = "application/vnd.pypi.simple.v1+json";
        assert_eq!(refusal("image/png", "x"), "`image/png` is neither PEP 691 JSON nor HTML");
        assert_eq!(refusal("application/json", "{}"), "not a PEP 691 page");
        assert_eq!(refusal(json, r#"{"name":"ab","files":[]}"#), "it is the page of \"ab\", not of a-b");
        assert_eq!(
            refusal(json, r#"{"meta":{"api-version":"2.0"},"files":[]}"#),
            "it speaks version \"2.0\" of the index protocol, 1.x is known"
        );
        let same = parse("i", Some(&project), &url, json, br#"{"name":"A__b","files":[]}"#);
        assert_eq!(same.unwrap(), []);
    }

    #[test]
    fn only_addresses_of_the_network_are_files_and_weak_hashes_are_marked() {
        let url = at("https://host.example/simple/a/");
        let html = "<a href='javascript:alert(1)'>x</a><a href='data:,a-1.tar.gz'>x</a><a href='file:///a-1.tar.gz'>x</a>\
                    <a href='a-1.tar.gz#md5=00'>x</a><a href='a-2.tar.gz#egg=a'>x</a>";
        let files = parse("i", None, &url, "text/html", html.as_bytes()).unwrap();
        let found: Vec<_> = files.iter().map(|f| (f.filename.as_str(), f.has_only_weak_hashes)).collect();
        assert_eq!(found, [("a-1.tar.gz", true), ("a-2.tar.gz", false)]);
    }
}
