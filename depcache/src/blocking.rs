//! Blocking work and threads that may not block.

/// Runs blocking work off the async threads; a panic in it goes on in the caller.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Waits for a future from code that blocks; inside a runtime with several threads.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> Result<T, tokio::runtime::TryCurrentError> {
    let runtime = tokio::runtime::Handle::try_current()?;
    Ok(tokio::task::block_in_place(|| runtime.block_on(future)))
}
