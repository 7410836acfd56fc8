//! Questions asked ahead, on tasks of their own that end with this value.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Questions that may be on their way at a time. More advice than this is dropped: the question itself will be asked.
const AHEAD_LIMIT: usize = 400;

/// What was asked ahead, and what of it was answered. A failed question is asked again by whoever needs the answer.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    tasks: Mutex<JoinSet<()>>,
    asked: Arc<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    /// By package name or address of a file: whether the question has ended, answered or not.
    ended: Mutex<HashMap<String, bool>>,
    /// The files of a package came since somebody last looked.
    files_came: AtomicBool,
    changed: Notify,
}

impl Asked {
    fn ended(&self) -> MutexGuard<'_, HashMap<String, bool>> {
        // A panic while the lock was held leaves the map usable: entries are only ever added or set.
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks the question as ended, however its task ends: nobody waits for one that panicked.
struct End {
    asked: Arc<Asked>,
    key: String,
    is_files: bool,
}

impl Drop for End {
    fn drop(&mut self) {
        self.asked.ended().insert(std::mem::take(&mut self.key), true);
        if self.is_files {
            self.asked.files_came.store(true, Ordering::Release);
        }
        self.asked.changed.notify_one();
    }
}

impl Ahead {
    /// Whether the question `key` was asked ahead.
    pub(super) fn has(&self, key: &str) -> bool {
        self.asked.ended().contains_key(key)
    }

    /// Asks `question`, unless `key` was asked before or too much is on its way. `is_files`: it is for the files of
    /// a package.
    pub(super) fn ask(
        &self,
        runtime: &Handle,
        key: &str,
        is_files: bool,
        question: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        if tasks.len() >= AHEAD_LIMIT || self.has(key) {
            return;
        }
        self.asked.ended().insert(key.to_owned(), false);
        let end = End { asked: Arc::clone(&self.asked), key: key.to_owned(), is_files };
        let asked = async move {
            question.await;
            drop(end);
        };
        tasks.spawn_on(asked, runtime);
    }

    /// Waits until the question `key` has ended, if it was asked: true. False when before that the files of some
    /// package came.
    pub(super) fn wait(&self, runtime: &Handle, key: &str) -> bool {
        loop {
            if self.asked.ended().get(key).is_none_or(|ended| *ended) {
                return true;
            }
            if self.asked.files_came.swap(false, Ordering::AcqRel) {
                return false;
            }
            // One that ends between the looks above and here has left its permit.
            runtime.block_on(self.asked.changed.notified());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[test]
    fn who_waits_hears_of_files_that_come_before() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (ahead, handle) = (Ahead::default(), runtime.handle());
        assert!(ahead.wait(handle, "a"), "nobody asked");
        let (answer, answered) = oneshot::channel::<()>();
        ahead.ask(handle, "a", false, async { drop(answered.await) });
        ahead.ask(handle, "b", true, async {});
        assert!(!ahead.wait(handle, "a"), "the files of b came");
        answer.send(()).unwrap();
        assert!(ahead.wait(handle, "a"));
        assert!(ahead.wait(handle, "b"));
    }

    #[test]
    fn nobody_waits_for_a_question_that_panicked() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let ahead = Ahead::default();
        ahead.ask(runtime.handle(), "a", false, async { panic!("as the test wants") });
        assert!(ahead.wait(runtime.handle(), "a"));
    }
}
