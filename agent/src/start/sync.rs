use std::io::Write;
use std::time::Duration;

use daemon::{OnFailure, Outcome, Policy, Signals, Stage, Supervisor};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::sync::{self, SyncAction, SyncError, SyncSettings};

/// A round that was begun is given up at any point: every step may be the last.
const GRACE: Duration = Duration::from_secs(15);

/// `updraft-agent sync`: follows until it is told to stop.
pub async fn sync(settings: SyncSettings, signals: Signals) -> Result<Outcome, SyncError> {
    let mut supervisor = Supervisor::new();
    let handle = supervisor.handle();
    let mut once = Some(settings);
    let (refusal, mut refused) = mpsc::channel(1);
    supervisor.spawn("sync", Stage::Intake, OnFailure::ShutDown, move |stop| {
        let (settings, handle, refusal) = (once.take(), handle.clone(), refusal.clone());
        async move {
            if let Some(settings) = settings {
                // On a thread of its own: it reads git and writes trees as much as it waits.
                let following = move || Handle::current().block_on(sync::run(settings, stop));
                if let Err(error) = tokio::task::spawn_blocking(following).await? {
                    // Told by the caller, with its hint; the channel has room for the one that can come.
                    drop(refusal.try_send(error));
                }
            }
            handle.shut_down("nothing is left to follow");
            Ok(())
        }
    });
    let outcome = supervisor.run(signals, Policy::new(GRACE)).await;
    refused.try_recv().map_or(Ok(outcome), Err)
}

/// `updraft-agent sync status`: says whether there was anything to print.
pub fn sync_status(settings: &SyncSettings, action: &SyncAction) -> Result<bool, SyncError> {
    let SyncAction::Status { format } = action;
    let Some(text) = sync::status(settings, format == "json")? else { return Ok(false) };
    // A reader that went away, as `head` does, is no error of ours.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(true)
}
