//! A server that answers whatever a test wants, also what no server should.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Status line, header lines, body.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: &'static str,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Body,
}

#[derive(Clone)]
pub(crate) enum Body {
    Bytes(Vec<u8>),
    /// Without end and without a length.
    Endless(u8),
}

pub(crate) fn page(content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    let headers = vec![format!("Content-Type: {content_type}")];
    Answer { status: "200 OK", headers, body: Body::Bytes(body.into()) }
}

pub(crate) struct Server {
    address: SocketAddr,
    answers: Arc<Mutex<BTreeMap<String, Answer>>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let answers = Arc::<Mutex<BTreeMap<String, Answer>>>::default();
        let stop = Arc::<AtomicBool>::default();
        let (shared, stopping) = (Arc::clone(&answers), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            std::thread::scope(|scope| {
                for connection in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        break;
                    }
                    let (Ok(connection), shared) = (connection, Arc::clone(&shared)) else { continue };
                    // A client that has heard enough closes, and the write fails.
                    scope.spawn(move || drop(answer(&connection, &shared)));
                }
            });
        });
        Self { address, answers, stop, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn answer(connection: &TcpStream, answers: &Mutex<BTreeMap<String, Answer>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
    while reader.read_line(&mut line)? > 2 {}
    let found = answers.lock().unwrap().get(&path).cloned();
    let absent = Answer { status: "404 Not Found", headers: Vec::new(), body: Body::Bytes(Vec::new()) };
    let answer = found.unwrap_or(absent);
    let mut out = connection;
    write!(out, "HTTP/1.1 {}\r\nConnection: close\r\n", answer.status)?;
    for header in &answer.headers {
        write!(out, "{header}\r\n")?;
    }
    match answer.body {
        Body::Bytes(bytes) => {
            write!(out, "Content-Length: {}\r\n\r\n", bytes.len())?;
            out.write_all(&bytes)
        }
        Body::Endless(byte) => {
            write!(out, "\r\n")?;
            let piece = vec![byte; 256 << 10];
            loop {
                out.write_all(&piece)?;
            }
        }
    }
}
