use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::{DatabaseError, open};

/// Connections that are kept open; more at once are opened and closed again.
const KEPT: usize = 8;

/// Reads beside the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    path: PathBuf,
    free: Arc<Mutex<Vec<Connection>>>,
}

impl Reader {
    /// A reader of the database that a [`super::Writer`] opened.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), free: Arc::default() }
    }

    /// Runs `read` on a thread for blocking work, within one transaction: all its queries see the same state.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let reader = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut connection = match reader.take() {
                Some(connection) => connection,
                None => open::readable(&reader.path)?,
            };
            let answer = connection
                .transaction()
                .map_err(DatabaseError::at("reading"))
                .and_then(|transaction| read(&transaction));
            reader.give_back(connection);
            answer
        });
        done.await.map_err(DatabaseError::Worker)?
    }

    fn take(&self) -> Option<Connection> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, connection: Connection) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(connection);
        }
    }
}
