//! An index on loopback: pages of PEP 691 with upload times, metadata of PEP 658; no files.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use domain::Digest;

use crate::recording::Source;

/// The server; ends with this value.
pub(crate) struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(source: Arc<dyn Source>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            std::thread::scope(|scope| {
                for connection in listener.incoming() {
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let source = &source;
                    let Ok(connection) = connection else { continue };
                    // Who hangs up is not missed.
                    scope.spawn(move || drop(answer(&connection, source.as_ref())));
                }
            });
        });
        Self { address, stop, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/simple", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
        self.thread.take().map(JoinHandle::join);
    }
}

fn answer(connection: &TcpStream, source: &dyn Source) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
    }
    let path = line.split_whitespace().nth(1).unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let found = match parts.as_slice() {
        ["simple", name] => page(source, name).map(|page| ("application/vnd.pypi.simple.v1+json", page)),
        ["files", name, file] => file
            .strip_suffix(".metadata")
            .and_then(|filename| source.metadata(name, &filename.replace("%2B", "+")))
            .map(|text| ("text/plain", text)),
        _ => None,
    };
    let (status, kind, body) = match found {
        Some((kind, body)) => ("200 OK", kind, body),
        None => ("404 Not Found", "text/plain", String::new()),
    };
    let mut out = connection;
    write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Hashes are those of names: nobody fetches the files.
fn page(source: &dyn Source, name: &str) -> Option<String> {
    let files: Vec<_> = source
        .files(name)?
        .into_iter()
        .map(|file| {
            let is_wheel = std::path::Path::new(&file.0).extension().is_some_and(|end| end == "whl");
            serde_json::json!({
                "filename": file.0,
                "url": format!("../../files/{name}/{}", file.0),
                "hashes": {"sha256": Digest::of(file.0.as_bytes())},
                "size": 1,
                "upload-time": file.1,
                "requires-python": file.2,
                "yanked": file.3.map_or(serde_json::Value::Bool(false), serde_json::Value::String),
                "core-metadata": is_wheel,
            })
        })
        .collect();
    let page = serde_json::json!({
        "meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files,
    });
    Some(page.to_string())
}
