//! A real redis-server per test.

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::{free_port, wait_for};

/// redis-server starts in well under a second; a loaded machine takes longer.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// A redis-server on a free loopback port, without persistence; ended by its pid when dropped.
#[derive(Debug)]
pub struct Redis {
    /// `redis://127.0.0.1:PORT/0`.
    pub url: String,
    /// The port.
    pub port: u16,
    child: Child,
    _folder: TempDir,
}

impl Redis {
    /// Starts a server and waits until it accepts connections.
    ///
    /// # Panics
    /// When redis-server is not installed or does not start.
    pub fn start() -> Self {
        Self::start_at(free_port())
    }

    /// Starts a server on a given port: the way to play an outage and a return.
    ///
    /// # Panics
    /// When redis-server is not installed or does not start.
    pub fn start_at(port: u16) -> Self {
        let folder = match tempfile::tempdir() {
            Ok(folder) => folder,
            Err(error) => panic!("no temporary directory for redis-server: {error}"),
        };
        let spawned = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = match spawned {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                panic!("redis-server is not installed: `apt-get install redis-server` (Debian)")
            }
            Err(error) => panic!("redis-server cannot be started: {error}"),
        };
        let mut redis = Self { url: format!("redis://127.0.0.1:{port}/0"), port, child, _folder: folder };
        wait_for(START_DEADLINE, "redis-server accepts connections", || {
            if let Ok(Some(status)) = redis.child.try_wait() {
                panic!("redis-server ended at once ({status}): is port {port} taken?");
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|error| error.to_string())
        });
        redis
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended already; nothing is kept, so there is nothing to save.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn a_real_server_answers_and_ends_with_its_owner() {
        let redis = Redis::start();
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, redis.port)).unwrap();
        connection.write_all(b"PING\r\n").unwrap();
        let mut answer = [0; 7];
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
        let port = redis.port;
        drop(redis);
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    }
}
