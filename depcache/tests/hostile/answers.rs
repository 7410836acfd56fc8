//! Index answers that lie, never end, or lead elsewhere.

use domain::Digest;
use serde_json::{Value, json};

use crate::archive::{sound, zip};
use crate::server::{Answer, Body, Server, page};
use crate::wheels::{assert_memory, assert_untouched};
use crate::world::World;

const JSON: &str = "application/vnd.pypi.simple.v1+json";

struct Case {
    label: &'static str,
    words: &'static str,
    /// The page of the project.
    page: Answer,
    /// Another answer, by path.
    file: Option<(&'static str, Answer)>,
}

fn wheel() -> Vec<u8> {
    zip(&sound("alpha", "1"))
}

/// A page with one file, a sound wheel, changed.
fn listing(change: impl Fn(&mut Value, &mut Value)) -> Answer {
    let bytes = wheel();
    let mut file = json!({"filename": "alpha-1-py3-none-any.whl", "url": "/files/alpha-1-py3-none-any.whl",
        "hashes": {"sha256": Digest::of(&bytes).hex()}, "size": bytes.len()});
    let mut document = json!({"meta": {"api-version": "1.1"}, "name": "alpha"});
    change(&mut document, &mut file);
    document["files"] = json!([file]);
    page(JSON, document.to_string())
}

fn case(label: &'static str, words: &'static str, page: Answer) -> Case {
    Case { label, words, page, file: None }
}

fn file(label: &'static str, words: &'static str, page: Answer, path: &'static str, answer: Answer) -> Case {
    Case { label, words, page, file: Some((path, answer)) }
}

fn sends_to(location: &str) -> Answer {
    Answer {
        status: "302 Found",
        headers: vec![format!("Location: {location}")],
        body: Body::Bytes(Vec::new()),
    }
}

fn gzip_bomb() -> Answer {
    use std::io::Write as _;
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let piece = vec![b' '; 1 << 20];
    (0..300).for_each(|_| out.write_all(&piece).unwrap());
    let mut answer = page(JSON, out.finish().unwrap());
    answer.headers.push("Content-Encoding: gzip".into());
    answer
}

fn endless(kind: &str) -> Answer {
    Answer { body: Body::Endless(b' '), ..page(kind, "") }
}

const WHEEL: &str = "/files/alpha-1-py3-none-any.whl";
const METADATA: &str = "/files/alpha-1-py3-none-any.whl.metadata";

fn pages() -> Vec<Case> {
    let html = |text: &str| page("text/html", text);
    vec![
        case(
            "the page of another project",
            "it is the page of",
            listing(|page, _| page["name"] = json!("beta")),
        ),
        case(
            "a protocol of tomorrow",
            "version \"2.0\" of the index protocol",
            listing(|page, _| {
                page["meta"]["api-version"] = json!("2.0");
            }),
        ),
        case("no page", "cannot be read", page(JSON, "{}")),
        case("broken JSON", "cannot be read", page(JSON, r#"{"files": ["#)),
        case("files that are none", "cannot be read", page(JSON, r#"{"files": 7}"#)),
        case("deep nesting", "cannot be read", page(JSON, "[".repeat(100_000))),
        case("bytes that are no text", "cannot be read", page(JSON, vec![0xff; 1000])),
        case("no text as HTML", "cannot be read", page("text/html", vec![0xff; 1000])),
        case("a picture", "neither PEP 691 JSON nor HTML", page("image/png", "x")),
        case("a page without end", "larger than", endless(JSON)),
        case("an HTML page without end", "larger than", endless("text/html")),
        case("a page that unpacks to 300 MB", "larger than", gzip_bomb()),
        case(
            "a program as link",
            "no releases",
            html("<a href='javascript:evil()//alpha-1-py3-none-any.whl'>x</a>"),
        ),
        case("data as link", "no releases", html("<a href='data:,alpha-1-py3-none-any.whl'>x</a>")),
        case(
            "a local file as link",
            "no releases",
            html("<a href='file:///tmp/alpha-1-py3-none-any.whl'>x</a>"),
        ),
        case(
            "a local file in JSON",
            "no releases",
            listing(|_, file| {
                file["url"] = json!("file:///etc/alpha-1-py3-none-any.whl");
            }),
        ),
        case(
            "a name that climbs",
            "no releases",
            listing(|_, file| {
                file["filename"] = json!("../../evil/alpha-1-py3-none-any.whl");
            }),
        ),
        case(
            "a name of another project",
            "no releases",
            listing(|_, file| {
                file["filename"] = json!("beta-1-py3-none-any.whl");
            }),
        ),
        case("MD5 only", "weak hash", listing(|_, file| file["hashes"] = json!({"md5": "0".repeat(32)}))),
        case(
            "MD5 only, in HTML",
            "weak hash",
            html("<a href='/files/alpha-1-py3-none-any.whl#md5=00'>x</a>"),
        ),
        case("a page that sends on to a file", "not followed", sends_to("file:///etc/passwd")),
        case("a page that sends on to itself", "more than five times", sends_to("/simple/alpha/")),
        case("a page that sends on to nowhere", "not followed", sends_to("javascript:evil()")),
    ]
}

fn files() -> Vec<Case> {
    let bytes = || page("application/octet-stream", wheel());
    let other = || {
        let mut entries = sound("alpha", "1");
        entries[0].content = b"x = 2\n".to_vec();
        page("application/octet-stream", zip(&entries))
    };
    let text = |text: &str| page("text/plain", text);
    let lies = "Metadata-Version: 2.1\nName: alpha\nVersion: 1\nSummary: lies\n";
    vec![
        file(
            "other content than promised",
            "another content than promised",
            listing(|_, _| ()),
            WHEEL,
            other(),
        ),
        file(
            "a size that is too small",
            "another size than promised",
            listing(|_, file| file["size"] = json!(7)),
            WHEEL,
            bytes(),
        ),
        file(
            "a size that is too large",
            "another size than promised",
            listing(|_, file| file["size"] = json!(70_000)),
            WHEEL,
            bytes(),
        ),
        file(
            "a wheel without end",
            "another size than promised",
            listing(|_, _| ()),
            WHEEL,
            endless("application/zip"),
        ),
        file(
            "a wheel that sends on to a file",
            "not followed",
            listing(|_, _| ()),
            WHEEL,
            sends_to("file:///etc/passwd"),
        ),
        file(
            "metadata other than promised",
            "another content than promised",
            listing(|_, file| file["core-metadata"] = json!({"sha256": "0".repeat(64)})),
            METADATA,
            text(lies),
        ),
        file(
            "metadata of another project",
            "METADATA is of",
            listing(|_, file| file["core-metadata"] = json!(true)),
            METADATA,
            text("Metadata-Version: 2.1\nName: beta\nVersion: 1\n"),
        ),
        file(
            "metadata of another version",
            "METADATA says version",
            listing(|_, file| file["core-metadata"] = json!(true)),
            METADATA,
            text("Metadata-Version: 2.1\nName: alpha\nVersion: 2\n"),
        ),
        file(
            "metadata without end",
            "larger than",
            listing(|_, file| file["core-metadata"] = json!(true)),
            METADATA,
            endless("text/plain"),
        ),
    ]
}

#[test]
fn index_answers() {
    let (world, server) = (World::new(), Server::start());
    let mut wrong = Vec::new();
    let cases: Vec<Case> = pages().into_iter().chain(files()).collect();
    for (number, case) in cases.iter().enumerate() {
        // An index of its own for each, so that no cached page answers for another.
        let root = format!("/{number}");
        let index = format!("{}{root}/simple", server.url());
        let mut answer = case.page.clone();
        if let Body::Bytes(bytes) = &mut answer.body
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            *bytes = text.replace("/files/", &format!("{root}/files/")).into_bytes();
        }
        for header in &mut answer.headers {
            *header = header.replace("/simple/", &format!("{root}/simple/"));
        }
        server.set(&format!("{root}/simple/alpha/"), answer);
        server.set(&format!("{root}{WHEEL}"), page("application/zip", wheel()));
        if let Some((path, answer)) = &case.file {
            server.set(&format!("{root}{path}"), answer.clone());
        }
        world.write("requirements.txt", "alpha==1\n");
        let cache = format!("cache/{number}");
        let ran = world.run(&[
            "build",
            "requirements.txt",
            "--base",
            "none",
            "--index-url",
            &index,
            "--cache-dir",
            &cache,
        ]);
        let is_refused = [65, 69].contains(&ran.code) && ran.stdout.is_empty();
        if !is_refused || !ran.stderr.contains(case.words) || ran.stderr.contains("panicked") {
            wrong.push(format!("{}: exit {}\n{}", case.label, ran.code, ran.stderr));
        }
        world.assert_nothing_published();
    }
    assert!(
        wrong.is_empty(),
        "{} of {} not refused as they should:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    assert_untouched(&world);
    assert_memory();
}

#[test]
fn metadata_that_differs_from_the_wheels() {
    let (world, server) = (World::new(), Server::start());
    server.set("/simple/alpha/", listing(|_, file| file["core-metadata"] = json!(true)));
    server.set(WHEEL, page("application/zip", wheel()));
    let lies = "Metadata-Version: 2.1\nName: alpha\nVersion: 1\nSummary: lies\n";
    server.set(METADATA, page("text/plain", lies));
    world.write("requirements.txt", "alpha==1\n");
    let index = format!("{}/simple", server.url());
    let ran = world.run(&["build", "requirements.txt", "--base", "none", "--index-url", &index]);
    assert!(ran.code == 65 && ran.stderr.contains("METADATA"), "{}", ran.stderr);
    world.assert_nothing_published();
}
