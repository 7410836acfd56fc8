//! A running `updraft-costs serve` on a free loopback port.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::Place;

pub(crate) const TOKEN: &str = "a-secret-of-the-test";

/// Ended by its process id when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

/// Status, and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) took: Duration,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Server {
    /// Started, and done with what the store holds.
    pub(crate) fn start(place: &Place, arguments: &[&str]) -> Self {
        let server = Self::spawn(place, arguments);
        testkit::wait_for(Duration::from_mins(2), "the store is read", || {
            let ready = server.try_get("/readyz")?;
            if ready.status == 200 { Ok(()) } else { Err(ready.body) }
        });
        server
    }

    pub(crate) fn spawn(place: &Place, arguments: &[&str]) -> Self {
        std::fs::write(place.folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
        let port = testkit::free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut command = place.command(&["serve", "--listen", &listen, "--database", "costs.db"]);
        let log = std::fs::File::create(place.folder.path().join("serve.log")).unwrap();
        command
            .args(["--token-file", "token", "--poll-interval-s", "1", "--log-format", "text"])
            .args(arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { child, port }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap()
    }

    pub(crate) fn try_get(&self, path: &str) -> Result<Answer, String> {
        self.ask(&format!("GET {path} HTTP/1.1\r\n"), &[])
    }

    /// Sends rows as an agent does.
    pub(crate) fn post(&self, rows: &[domain::UsageRecord], token: &str) -> Answer {
        let body = serde_json::json!({"schema": 1, "records": rows}).to_string();
        self.post_text(&body, token)
    }

    pub(crate) fn post_text(&self, body: &str, token: &str) -> Answer {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(body.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let head = format!(
            "POST /v1/usage HTTP/1.1\r\nauthorization: Bearer {token}\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n",
            packed.len()
        );
        self.ask(&head, &packed).unwrap()
    }

    /// HTTP by hand: one request, one connection.
    fn ask(&self, head: &str, body: &[u8]) -> Result<Answer, String> {
        let started = Instant::now();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let head = format!("{head}host: 127.0.0.1\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).map_err(|error| error.to_string())?;
        stream.write_all(body).map_err(|error| error.to_string())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
        let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            unchunked(body)
        } else {
            body.to_owned()
        };
        Ok(Answer { status, body, took: started.elapsed() })
    }

    /// Resident memory, for the record.
    pub(crate) fn memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or("");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1_024
    }
}

fn unchunked(body: &str) -> String {
    let (mut whole, mut rest) = (String::new(), body);
    while let Some((size, after)) = rest.split_once("\r\n") {
        let Some(size) = usize::from_str_radix(size.trim(), 16).ok().filter(|size| *size > 0) else { break };
        whole.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    whole
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed by id: what is in the database is not needed any more.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
