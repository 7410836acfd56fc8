use std::io;
use std::os::fd::OwnedFd;

use agent_core::Ending;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::Child;

use super::table::start_ticks;

/// A worker process: started by this agent, or by an earlier one that was killed.
#[derive(Debug)]
pub struct Handle {
    pid: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Started(Child),
    /// Not our child: the descriptor tells when it ends, nobody tells us how.
    Adopted(AsyncFd<OwnedFd>),
}

impl Handle {
    /// A child of this process.
    pub fn started(child: Child) -> Self {
        Self { pid: child.id().unwrap_or_default(), kind: Kind::Started(child) }
    }

    /// The process with this pid, if it is the one that started at `ticks` and still runs. Needs a runtime.
    pub fn adopt(pid: u32, ticks: u64) -> io::Result<Option<Self>> {
        let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        let descriptor = match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(descriptor) => descriptor,
            Err(Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // After the open: what has this start time now is what was opened.
        if start_ticks(pid) != Some(ticks) {
            return Ok(None);
        }
        #[expect(deprecated, reason = "safe for an owned descriptor, which stays open and the same")]
        let descriptor = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
        Ok(Some(Self { pid, kind: Kind::Adopted(descriptor) }))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for its end. Cancel-safe.
    pub async fn ended(&mut self) -> Ending {
        use std::os::unix::process::ExitStatusExt;
        match &mut self.kind {
            Kind::Started(child) => match child.wait().await {
                Ok(status) => match (status.code(), status.signal()) {
                    (Some(code), _) => Ending::Code(code),
                    (None, signal) => Ending::Signal(signal.unwrap_or_default()),
                },
                Err(error) => {
                    tracing::warn!(%error, "the worker's end was not seen; it counts as ended");
                    Ending::Unknown
                }
            },
            Kind::Adopted(descriptor) => {
                if let Err(error) = descriptor.readable().await {
                    tracing::warn!(%error, "the worker's end was not seen; it counts as ended");
                }
                Ending::Unknown
            }
        }
    }

    /// Sends SIGTERM to exactly this process.
    pub fn terminate(&self) {
        let sent = match &self.kind {
            Kind::Started(_) => match i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
                Some(pid) => kill_process(pid, Signal::TERM),
                None => Err(Errno::SRCH),
            },
            Kind::Adopted(descriptor) => pidfd_send_signal(descriptor.get_ref(), Signal::TERM),
        };
        if let Err(error) = sent {
            tracing::debug!(pid = self.pid, %error, "the worker had ended already");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_adopted_process_is_waited_for_and_another_one_is_not_taken_for_it() {
        // A grandchild: not ours to wait for.
        let output = std::process::Command::new("sh")
            .args(["-c", "sleep 600 >/dev/null 2>&1 & echo $!"])
            .output()
            .unwrap();
        let pid: u32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        let ticks = start_ticks(pid).unwrap();
        assert!(Handle::adopt(pid, ticks + 1).unwrap().is_none());
        let mut handle = Handle::adopt(pid, ticks).unwrap().unwrap();
        let early = tokio::time::timeout(std::time::Duration::from_millis(50), handle.ended()).await;
        assert!(early.is_err(), "it runs");
        handle.terminate();
        assert_eq!(handle.ended().await, Ending::Unknown);
        assert!(Handle::adopt(pid, ticks).unwrap().is_none());
    }
}
