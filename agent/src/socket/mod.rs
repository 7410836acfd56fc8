//! The agent's local HTTP API over a unix socket: tasks ask for environments, whoever scales asks for drains.

mod client;
mod routes;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use daemon::CancellationToken;
use tokio::net::{UnixListener, UnixStream};

pub use client::{ClientError, overview};
pub use routes::{Api, router};

/// Why the socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another agent answers there.
    #[error("another agent serves {}", path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// It cannot be made.
    #[error("the socket {} cannot be made", path.display())]
    Bind {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Binds `path` for this user only. A socket that nobody answers any more is replaced.
pub async fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(SocketError::Taken { path: path.to_owned() });
    }
    try_bind(path).map_err(|source| SocketError::Bind { path: path.to_owned(), source })
}

fn try_bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    // Permissions first, name last: nobody else can connect in between.
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&temporary)?;
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o600))?;
    fs::rename(&temporary, path)?;
    Ok(listener)
}

/// Serves `api` until `stop`; requests under way are not waited for, their askers ask again.
pub async fn serve(listener: UnixListener, api: Api, stop: CancellationToken) -> io::Result<()> {
    tokio::select! {
        result = async { axum::serve(listener, router(api)).await } => result,
        () = stop.cancelled() => Ok(()),
    }
}
