use std::fmt;
use std::io;

use tokio::signal::unix::{self, SignalKind};
use tokio::sync::mpsc;

/// A signal that asks a program to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGINT, a terminal's Ctrl-C.
    Interrupt,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        })
    }
}

/// Where signals come from.
#[derive(Debug)]
pub struct Signals(Source);

#[derive(Debug)]
enum Source {
    Process { terminate: unix::Signal, interrupt: unix::Signal },
    Channel(mpsc::Receiver<Signal>),
    Never,
}

impl Signals {
    /// SIGTERM and SIGINT of this process. From here on they no longer end it by themselves.
    pub fn listen() -> io::Result<Self> {
        let terminate = unix::signal(SignalKind::terminate())?;
        let interrupt = unix::signal(SignalKind::interrupt())?;
        Ok(Self(Source::Process { terminate, interrupt }))
    }

    /// Signals that a test sends.
    pub fn from_channel(receiver: mpsc::Receiver<Signal>) -> Self {
        Self(Source::Channel(receiver))
    }

    /// No signal ever comes.
    pub fn none() -> Self {
        Self(Source::Never)
    }

    /// The next signal. Cancel-safe; waits for ever when none can come any more.
    pub async fn next(&mut self) -> Signal {
        match &mut self.0 {
            Source::Process { terminate, interrupt } => tokio::select! {
                Some(()) = terminate.recv() => Signal::Terminate,
                Some(()) = interrupt.recv() => Signal::Interrupt,
                else => std::future::pending().await,
            },
            Source::Channel(receiver) => match receiver.recv().await {
                Some(signal) => signal,
                None => std::future::pending().await,
            },
            Source::Never => std::future::pending().await,
        }
    }
}
