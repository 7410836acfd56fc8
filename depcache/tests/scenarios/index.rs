//! A package index (PEP 691, 658, 700) on a free loopback port. Each scenario has folders of its own on it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use domain::Digest;
use serde_json::json;

use crate::files;
use crate::schema::Packages;

const PAGE: &str = "application/vnd.pypi.simple.v1+json";
const FILE: &str = "application/octet-stream";

/// Path → content type and body.
type Answers = Mutex<BTreeMap<String, (&'static str, Arc<Vec<u8>>)>>;

/// The server; ends with this value.
pub(crate) struct Index {
    address: SocketAddr,
    answers: Arc<Answers>,
    requests: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Index {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, stop) = (Arc::<Answers>::default(), Arc::<AtomicBool>::default());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (shared, stopping, seen) = (Arc::clone(&answers), Arc::clone(&stop), Arc::clone(&requests));
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stopping.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(connection) = connection else { continue };
                let (shared, seen) = (Arc::clone(&shared), Arc::clone(&seen));
                // Ends when its client closes the connection, which the end of the client's process does.
                std::thread::spawn(move || drop(serve(&connection, &shared, &seen)));
            }
        });
        Self { address, answers, requests, stop, thread: Some(thread) }
    }

    /// The index of this folder.
    pub(crate) fn url(&self, folder: &str) -> String {
        format!("http://{}/{folder}/simple", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many metadata files below a folder were asked for since the last call.
    pub(crate) fn metadata_reads(&self, folder: &str) -> usize {
        let below = format!("/{folder}/");
        let mut requests = self.requests.lock().unwrap();
        let before = requests.len();
        requests.retain(|path| !(path.starts_with(&below) && path.ends_with(".metadata")));
        before - requests.len()
    }

    /// Serves packages below a folder; answers the sha256 of every file.
    pub(crate) fn add(&self, folder: &str, packages: &Packages) -> BTreeMap<String, Digest> {
        let mut digests = BTreeMap::new();
        let mut answers = self.answers.lock().unwrap();
        for (name, package) in packages {
            let mut listed = Vec::new();
            for (version, release) in &package.versions {
                for file in files::of(name, version, release) {
                    let digest = Digest::of(&file.bytes);
                    let path = format!("/{folder}/files/{}", file.filename);
                    let mut entry = json!({
                    "filename": file.filename, "url": format!("../../files/{}", file.filename),
                    "hashes": {"sha256": digest.hex()}, "size": file.bytes.len(), "yanked": release.yanked,
                    "upload-time": format!("{}T00:00:00Z", release.uploaded),
                    });
                    if let Some(python) = &release.requires_python {
                        entry["requires-python"] = json!(python);
                    }
                    if let Some(metadata) = file.metadata {
                        entry["core-metadata"] = json!({"sha256": Digest::of(&metadata).hex()});
                        answers.insert(format!("{path}.metadata"), (FILE, Arc::new(metadata)));
                    }
                    listed.push(entry);
                    digests.insert(file.filename, digest);
                    answers.insert(path, (FILE, Arc::new(file.bytes)));
                }
            }
            let versions: Vec<_> = package.versions.keys().collect();
            let page =
                json!({"meta": {"api-version": "1.1"}, "name": name, "versions": versions, "files": listed});
            let body = Arc::new(page.to_string().into_bytes());
            answers.insert(format!("/{folder}/simple/{name}/"), (PAGE, body));
        }
        digests
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
        self.thread.take().map(JoinHandle::join);
    }
}

fn serve(connection: &TcpStream, answers: &Answers, requests: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut out = connection;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let is_head = line.starts_with("HEAD ");
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
                break;
            }
        }
        requests.lock().unwrap().push(path.clone());
        let found = answers.lock().unwrap().get(&path).cloned();
        let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
        let (kind, body) = found.unwrap_or(("text/plain", Arc::default()));
        let mut answer =
            format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len())
                .into_bytes();
        if !is_head {
            answer.extend_from_slice(&body);
        }
        out.write_all(&answer)?;
    }
}
