//! The connection to the broker that the parts of an agent share.

use broker::Broker;
use tokio::sync::OnceCell;

use crate::settings::BrokerUrl;

/// The broker, connected at first use: an agent starts, and its worker with it, while Redis is away.
pub struct BrokerLink {
    url: BrokerUrl,
    broker: OnceCell<Broker>,
}

impl std::fmt::Debug for BrokerLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrokerLink").finish_non_exhaustive()
    }
}

impl BrokerLink {
    /// A link to `url`.
    pub fn new(url: BrokerUrl) -> Self {
        Self { url, broker: OnceCell::new() }
    }

    /// The connection, which reconnects by itself once it stood.
    pub async fn broker(&self) -> Result<Broker, broker::Error> {
        self.broker.get_or_try_init(|| Broker::connect(self.url.secret())).await.cloned()
    }
}
