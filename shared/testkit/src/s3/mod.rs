//! An S3 server over a directory, for tests and the demo.
//!
//! It does what Updraft and Airflow use, exactly as S3 does it: conditional writes are atomic (also on
//! completing a multipart upload), any key comes back as it was written, ranges, pages, delimiters,
//! SigV4 by header or presigned URL. What is there survives a restart: objects are files, one per key
//! (`<root>/<bucket>/<directory>%/<name>`), their etag is the sha256 of the content. Not there, answered
//! with 501: versions, tags, policies, copies. Metadata and content types of objects are not kept, and
//! checksums of bodies beyond the signature are not verified.

mod body;
mod disk;
mod keys;
mod listing;
mod service;
mod uploads;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use disk::Disk;
use service::Service;

/// Connections served at once; more wait in the listener's backlog.
const CONNECTIONS_LIMIT: usize = 512;

/// What a server serves, and to whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Directory of all buckets; created when missing.
    pub root: PathBuf,
    /// The one access key.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// Buckets to create when missing.
    pub buckets: Vec<String>,
}

/// A server in this process, on its own thread and runtime; ended when dropped.
///
/// Objects stay in the directory: a server started again over it (see [`Server::start_at`]) goes on
/// where the first one ended, which is how tests play an outage.
#[derive(Debug)]
pub struct Server {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// Access key.
    pub access_key: String,
    /// Secret key.
    pub secret_key: String,
    root: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server over `root` on a free port.
    ///
    /// # Panics
    /// When it cannot start; the message says why.
    #[expect(clippy::unused_async, reason = "the thread may become a task without changing every caller")]
    pub async fn start(root: &Path) -> Self {
        Self::start_at(root, 0)
    }

    /// Starts a server over `root` on `port` (0: a free one).
    ///
    /// # Panics
    /// When it cannot start; the message says why.
    pub fn start_at(root: &Path, port: u16) -> Self {
        let settings = Settings {
            root: root.to_owned(),
            access_key: "testkit-access".to_owned(),
            secret_key: "testkit-secret".to_owned(),
            buckets: Vec::new(),
        };
        let (access_key, secret_key) = (settings.access_key.clone(), settings.secret_key.clone());
        let started = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| {
            let address = listener.local_addr()?;
            let (stop, stopped) = oneshot::channel();
            let service = service(&settings)?;
            let serving = thread::Builder::new().name("testkit-s3".to_owned()).spawn(move || {
                if let Err(error) = run(listener, service, stopped) {
                    panic!("testkit's S3 server at {address} ended: {error}");
                }
            })?;
            Ok((address, stop, serving))
        });
        let (address, stop, thread) = match started {
            Ok(started) => started,
            Err(error) => panic!("testkit's S3 server over {} cannot start: {error}", root.display()),
        };
        let endpoint = format!("http://{address}");
        let root = root.to_owned();
        Self { endpoint, access_key, secret_key, root, stop: Some(stop), thread: Some(thread) }
    }

    /// Creates a bucket; fine when it exists.
    ///
    /// # Panics
    /// When the directory cannot be created.
    pub fn create_bucket(&self, name: &str) {
        if let Err(error) = std::fs::create_dir_all(self.root.join(name)) {
            panic!("the bucket {name} cannot be created: {error}");
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.endpoint.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default()
    }

    /// AWS's standard variables for a client of this server.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", self.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_key.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended already.
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed.
            drop(thread.join());
        }
    }
}

fn run(listener: TcpListener, service: S3Service, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(accept(listener, service, async {
        // A dropped sender means the same as a message.
        drop(stopped.await);
    }))
}

/// Binds, says so by calling `ready`, and serves until `stop` resolves.
pub async fn serve(
    settings: &Settings,
    listen: SocketAddr,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = TcpListener::bind(listen)?;
    let service = service(settings)?;
    ready(listener.local_addr()?);
    accept(listener, service, stop).await
}

fn service(settings: &Settings) -> io::Result<S3Service> {
    let disk = Disk::open(&settings.root)?;
    for bucket in &settings.buckets {
        disk.create_bucket(bucket).map_err(|error| io::Error::other(format!("bucket {bucket}: {error}")))?;
    }
    let mut builder = S3ServiceBuilder::new(Service { disk: Arc::new(disk) });
    builder.set_auth(OneKey {
        access_key: settings.access_key.clone(),
        secret_key: SecretKey::from(settings.secret_key.as_str()),
    });
    Ok(builder.build())
}

/// Serves connections until `stop` resolves; connections in flight are cut off then.
async fn accept(listener: TcpListener, service: S3Service, stop: impl Future<Output = ()>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_LIMIT => {
                // A client that is gone again is no failure of the server.
                let Ok((stream, _)) = accepted else { continue };
                let service = service.clone();
                connections.spawn(async move {
                    // Without it small answers wait for the client's delayed acknowledgement.
                    drop(stream.set_nodelay(true));
                    let connection = auto::Builder::new(TokioExecutor::new());
                    // A broken connection is the client's affair.
                    drop(connection.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        }
    }
}

/// Knows exactly one pair of keys.
struct OneKey {
    access_key: String,
    secret_key: SecretKey,
}

#[async_trait::async_trait]
impl S3Auth for OneKey {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            Ok(self.secret_key.clone())
        } else {
            Err(s3_error!(InvalidAccessKeyId))
        }
    }
}
