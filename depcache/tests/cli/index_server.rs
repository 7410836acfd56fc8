//! A package index on a free loopback port, with faults on request, and the tiny wheels that it serves.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use domain::Digest;
use zip::write::SimpleFileOptions;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Every answer is 401.
    Unauthorized,
    /// Every answer is 503.
    Overloaded,
    /// Pages are HTML of some other site.
    NoIndex,
    /// Connections are accepted and never answered.
    Silent,
    /// Files are 404, pages are fine.
    FilesGone,
    /// Files have another content than their hash says.
    FilesChanged,
    /// `.metadata` says something else than the wheel.
    MetadataLies,
}

#[derive(Debug, Default)]
struct State {
    fault: Fault,
    /// Path → content type and body.
    answers: BTreeMap<String, (String, Vec<u8>)>,
    files: BTreeMap<String, Vec<(String, Digest)>>,
    requests: Vec<String>,
}

/// The server; ends with this value.
pub(crate) struct IndexServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A wheel to serve.
pub(crate) struct Wheel<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) requires: &'a [&'a str],
    /// Content of `<name>/__init__.py`.
    pub(crate) code: &'a str,
}

impl IndexServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (state, stop) = (Arc::<Mutex<State>>::default(), Arc::<AtomicBool>::default());
        let (shared, stopping) = (Arc::clone(&state), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut open = Vec::new();
            for connection in listener.incoming() {
                if stopping.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(connection), shared) = (connection, Arc::clone(&shared)) else { continue };
                open.push(std::thread::spawn(move || drop(answer(&connection, &shared))));
            }
            for thread in open {
                thread.join().unwrap();
            }
        });
        Self { address, state, stop, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/simple", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        self.state.lock().unwrap().fault = fault;
    }

    /// Paths asked for so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Serves a wheel; answers its sha256.
    pub(crate) fn add(&self, wheel: &Wheel<'_>) -> Digest {
        let filename = format!("{}-{}-py3-none-any.whl", wheel.name, wheel.version);
        let (bytes, metadata) = pack(wheel);
        self.add_bytes(wheel.name, &filename, bytes, Some(metadata))
    }

    /// Serves any bytes as a file of a project.
    pub(crate) fn add_bytes(
        &self,
        name: &str,
        filename: &str,
        bytes: Vec<u8>,
        metadata: Option<String>,
    ) -> Digest {
        let digest = Digest::of(&bytes);
        let mut state = self.state.lock().unwrap();
        let path = format!("/files/{filename}");
        if let Some(metadata) = metadata {
            let answer = ("text/plain".to_owned(), metadata.into_bytes());
            state.answers.insert(format!("{path}.metadata"), answer);
        }
        state.answers.insert(path, ("application/octet-stream".into(), bytes));
        let State { files, answers, .. } = &mut *state;
        let files = files.entry(name.to_owned()).or_default();
        files.push((filename.to_owned(), digest));
        let listed: Vec<_> = files
            .iter()
            .map(|(filename, digest)| {
                let has_metadata = answers.contains_key(&format!("/files/{filename}.metadata"));
                serde_json::json!({"filename": filename, "url": format!("../../files/{filename}"),
                    "core-metadata": has_metadata, "hashes": {"sha256": digest}, "upload-time": "2026-01-01T00:00:00Z"})
            })
            .collect();
        let page = serde_json::json!({"meta": {"api-version": "1.1"}, "name": name, "files": listed});
        let answer = ("application/vnd.pypi.simple.v1+json".to_owned(), page.to_string().into_bytes());
        state.answers.insert(format!("/simple/{name}/"), answer);
        digest
    }
}

impl Drop for IndexServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
        self.thread.take().map(JoinHandle::join);
    }
}

fn answer(connection: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
    }
    let (fault, found) = {
        let mut state = state.lock().unwrap();
        state.requests.push(path.clone());
        (state.fault, state.answers.get(&path).cloned())
    };
    let is_file = path.starts_with("/files/");
    let (status, kind, body) = match (fault, found) {
        (Fault::Silent, _) => {
            // Until the client gives up and closes.
            reader.read_line(&mut String::new())?;
            return Ok(());
        }
        (Fault::Unauthorized, _) => ("401 Unauthorized", "text/plain".into(), Vec::new()),
        (Fault::Overloaded, _) => ("503 Service Unavailable", "text/plain".into(), Vec::new()),
        (Fault::NoIndex, _) if !is_file => ("200 OK", "image/png".into(), b"x".to_vec()),
        (Fault::FilesGone, _) if is_file => ("404 Not Found", "text/plain".into(), Vec::new()),
        (Fault::FilesChanged, Some((kind, mut body))) if is_file && !path.ends_with(".metadata") => {
            body.push(0);
            ("200 OK", kind, body)
        }
        (Fault::MetadataLies, Some((kind, mut body))) if path.ends_with(".metadata") => {
            body.extend_from_slice(b"\nmore\n");
            ("200 OK", kind, body)
        }
        (_, Some((kind, body))) => ("200 OK", kind, body),
        (_, None) => ("404 Not Found", "text/plain".into(), Vec::new()),
    };
    let mut out = connection;
    let length = body.len();
    write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    out.write_all(&body)
}

/// Bytes of a wheel, and its METADATA.
pub(crate) fn pack(wheel: &Wheel<'_>) -> (Vec<u8>, String) {
    let Wheel { name, version, requires, code } = wheel;
    let requires: String = requires.iter().flat_map(|line| ["Requires-Dist: ", line, "\n"]).collect();
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}");
    let info = format!("{name}-{version}.dist-info");
    let members = [
        (format!("{name}/__init__.py"), (*code).to_owned()),
        (format!("{info}/METADATA"), metadata.clone()),
        (
            format!("{info}/WHEEL"),
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned(),
        ),
    ];
    let mut record: String = members.iter().flat_map(|(path, _)| [path.as_str(), ",,\n"]).collect();
    record.extend([info.as_str(), "/RECORD,,\n"]);
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in members.iter().chain([&(format!("{info}/RECORD"), record)]) {
        zip.start_file(path, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    (zip.finish().unwrap().into_inner(), metadata)
}
