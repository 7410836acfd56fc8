//! Index pages: PEP 691 (JSON) and PEP 503 (HTML), read into one shape.

use std::collections::BTreeMap;

use domain::Digest;
use reqwest::Url;
use serde::Deserialize;

use super::html;

/// What we ask for, best first; every index answers at least the last.
pub(super) const ACCEPT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

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
}

#[derive(Deserialize)]
struct Page {
    files: Vec<JsonFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct JsonFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    requires_python: Option<String>,
    size: Option<u64>,
    upload_time: Option<String>,
    #[serde(default)]
    yanked: Flag,
    core_metadata: Option<Hashes>,
    data_dist_info_metadata: Option<Hashes>,
    dist_info_metadata: Option<Hashes>,
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

/// Reads a page of `content_type` that was found at `url`. The error says what is wrong.
pub(super) fn parse(
    index: &str,
    url: &Url,
    content_type: &str,
    body: &[u8],
) -> Result<Vec<IndexFile>, String> {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if media.ends_with("json") {
        return parse_json(index, url, body);
    }
    if media == "text/html" || media == "application/vnd.pypi.simple.v1+html" {
        return parse_html(index, url, body);
    }
    Err(format!("`{media}` is neither PEP 691 JSON nor HTML"))
}

fn parse_json(index: &str, url: &Url, body: &[u8]) -> Result<Vec<IndexFile>, String> {
    let page: Page = serde_json::from_slice(body).map_err(|error| format!("not a PEP 691 page ({error})"))?;
    Ok(page
        .files
        .into_iter()
        .filter_map(|file| {
            let metadata = file.core_metadata.or(file.data_dist_info_metadata).or(file.dist_info_metadata);
            Some(IndexFile {
                index: index.to_owned(),
                url: absolute(url, &file.url)?,
                filename: file.filename,
                sha256: file.hashes.get("sha256").and_then(|hex| hex.parse().ok()),
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
            })
        })
        .collect())
}

/// Links of an HTML page, PEP 503 with the attributes of PEP 592, 658 and 714.
fn parse_html(index: &str, url: &Url, body: &[u8]) -> Result<Vec<IndexFile>, String> {
    let text = String::from_utf8_lossy(body);
    if !text.contains('<') {
        return Err("no HTML page".into());
    }
    let page = html::parse(&text);
    let base = page.base.as_deref().and_then(|href| url.join(href).ok()).unwrap_or_else(|| url.clone());
    Ok(page
        .anchors
        .iter()
        .filter_map(|anchor| {
            let mut link = absolute(&base, anchor.get("href")?)?;
            let sha256 = link.fragment().and_then(sha256_of);
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
            })
        })
        .collect())
}

fn sha256_of(text: &str) -> Option<Digest> {
    text.strip_prefix("sha256=")?.parse().ok()
}

fn absolute(base: &Url, link: &str) -> Option<Url> {
    let mut url = base.join(link).ok()?;
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
        let from_json = parse("i", &url, "application/vnd.pypi.simple.v1+json", json.as_bytes()).unwrap();
        let from_html = parse("i", &url, "text/html; charset=utf-8", html.as_bytes()).unwrap();
        assert_eq!(from_json, from_html);
        assert_eq!(from_json[0].url.as_str(), "https://host.example/f/a-1-py3-none-any.whl");
        assert_eq!(from_json[0].requires_python.as_deref(), Some(">=3.8"));
        assert!(from_json[0].metadata_advertised);
    }

    #[test]
    fn a_page_of_another_kind_is_refused() {
        let url = at("https://host.example/simple/a/");
        assert_eq!(
            parse("i", &url, "image/png", b"x").unwrap_err(),
            "`image/png` is neither PEP 691 JSON nor HTML"
        );
        assert!(parse("i", &url, "application/json", b"{}").unwrap_err().starts_with("not a PEP 691 page"));
    }
}
