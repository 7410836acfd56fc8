//! A pub/sub subscription that survives outages and holds a bounded number of messages.

use std::time::Duration;

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::Broker;
use crate::connection::CONNECT_TIMEOUT;

/// Messages that wait for the reader. More are dropped: every subscriber also has another way to the truth.
const BUFFERED: usize = 256;
/// Pause after a failed or lost connection, doubled up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A silent connection is asked whether it still lives; without it a vanished peer is never noticed.
const ASK_AFTER: Duration = Duration::from_secs(10);

/// What to listen to.
#[derive(Debug, Clone)]
pub(crate) enum Topic {
    Channel(String),
    Pattern(String),
}

/// An item of a subscription.
pub(crate) enum Item {
    /// (Re)connected: something may have been missed before.
    Connected,
    /// One message.
    Message(Vec<u8>),
}

/// Owns the task that listens; dropping it ends the task.
pub(crate) struct Subscription {
    items: mpsc::Receiver<Item>,
    _listener: JoinSet<()>,
}

impl Subscription {
    pub(crate) fn start(broker: Broker, topic: Topic) -> Self {
        let (sender, items) = mpsc::channel(BUFFERED);
        let mut listener = JoinSet::new();
        listener.spawn(listen(broker, topic, sender));
        Self { items, _listener: listener }
    }

    /// The next item. Cancel-safe. Pends while the broker is away.
    pub(crate) async fn next(&mut self) -> Item {
        match self.items.recv().await {
            Some(item) => item,
            // The listener only ends with the receiver, or by a panic, which must not become a busy loop.
            None => std::future::pending().await,
        }
    }
}

async fn listen(broker: Broker, topic: Topic, sender: mpsc::Sender<Item>) {
    let mut pause = PAUSE_MIN;
    while !sender.is_closed() {
        let started = Instant::now();
        if let Err(source) = listen_once(&broker, &topic, &sender).await {
            tracing::warn!(broker = broker.label(), ?topic, error = %source, "subscription lost, connecting again");
        }
        // A connection that held for a while starts over with the short pause.
        pause = if started.elapsed() > PAUSE_MAX { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
        sleep(pause).await;
    }
}

async fn listen_once(broker: &Broker, topic: &Topic, sender: &mpsc::Sender<Item>) -> redis::RedisResult<()> {
    let connect = broker.address().client().get_async_pubsub();
    let (mut sink, mut messages) = timeout(CONNECT_TIMEOUT, connect).await.map_err(timed_out)??.split();
    let subscribed = async {
        match topic {
            Topic::Channel(channel) => sink.subscribe(channel).await,
            Topic::Pattern(pattern) => sink.psubscribe(pattern).await,
        }
    };
    timeout(CONNECT_TIMEOUT, subscribed).await.map_err(timed_out)??;
    offer(sender, Item::Connected);
    loop {
        match timeout(ASK_AFTER, messages.next()).await {
            Ok(Some(message)) => {
                offer(sender, Item::Message(message.get_payload_bytes().to_vec()));
            }
            Ok(None) => return Ok(()),
            Err(_silent) => {
                timeout(CONNECT_TIMEOUT, sink.ping::<redis::Value>()).await.map_err(timed_out)??;
            }
        }
        if sender.is_closed() {
            return Ok(());
        }
    }
}

fn offer(sender: &mpsc::Sender<Item>, item: Item) {
    if let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(item) {
        tracing::debug!("a subscriber is slow, a message is dropped");
    }
}

fn timed_out(_: tokio::time::error::Elapsed) -> redis::RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
