//! Airflow's Celery broker on Redis: what waits, what runs, who works, and remote control of workers.
//!
//! Reads what kombu and Celery write, byte for byte as captured from Airflow 2.11 and 3.3; never changes a
//! queue. Also carries Updraft's own nudges over the same Redis.
//!
//! Invariants:
//! - Nothing is guessed: when the broker does not answer, the call fails and says so.
//! - A URL's credentials appear in no message, log line or `Debug`.
//! - Everything is bounded: attempts, waits, elements read, messages buffered.
//!
//! With `rediss://` the process must have installed rustls's ring provider first.
//!
//! ```no_run
//! use broker::{Broker, Pidbox};
//! use secrecy::SecretString;
//! # async fn example() -> Result<(), broker::Error> {
//! let broker = Broker::connect(&SecretString::from("redis://127.0.0.1:6379/0".to_owned())).await?;
//! let facts = broker.facts(&["default".into(), "heavy".into()]).await?;
//! println!("{} tasks wait", facts.queues.values().map(|queue| queue.ready).sum::<u64>());
//!
//! let worker = Pidbox::node(&broker, "celery@worker-1");
//! worker.cancel_consumer("default").await?.only()?;
//! let running = worker.active().await?.only()?;
//! # Ok(())
//! # }
//! ```

mod address;
mod connection;
pub mod demand;
mod error;
mod facts;
mod heartbeats;
mod keys;
pub mod message;
mod nudges;
pub mod pidbox;
mod subscription;
mod token;

pub use connection::Broker;
pub use demand::QueueFacts;
pub use error::Error;
pub use facts::Facts;
pub use heartbeats::{Heartbeats, SeenWorker, WorkerEvent, WorkerEventKind, WorkerTable};
pub use nudges::{NudgeEvent, Nudges};
pub use pidbox::{Pidbox, Replies};
