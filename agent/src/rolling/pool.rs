use std::sync::Arc;

use agent_core::rolling::RollEvent;
use broker::Pidbox;

use crate::link::BrokerLink;

/// Takes up to `by` idle slots from a worker; answers how many it has certainly given up.
pub(super) async fn shrink(
    link: Option<Arc<BrokerLink>>,
    node: String,
    generation: u32,
    by: u32,
) -> RollEvent {
    // A worker without any slot would keep what it has taken for ever.
    let spare = match processes(link.as_deref(), &node).await {
        Ok(processes) => processes.saturating_sub(1).min(by),
        Err(error) => {
            tracing::debug!(worker = node, %error, "its slots are not known");
            0
        }
    };
    let mut given = 0;
    while given < spare {
        // An error of the worker: the slots that are left are busy. No answer: it may have given one up; that
        // one is not counted.
        if let Err(error) = shrink_by_one(link.as_deref(), &node).await {
            tracing::debug!(worker = node, given, by, %error, "not all slots were given up");
            break;
        }
        given += 1;
    }
    RollEvent::Shrunk { generation, by: given }
}

async fn shrink_by_one(link: Option<&BrokerLink>, node: &str) -> Result<(), broker::Error> {
    pidbox(link, node).await?.pool_shrink_by_one().await?.only()
}

/// Adds slots to a worker. Whether it heard that is seen when they are counted.
pub(super) async fn grow(link: Option<Arc<BrokerLink>>, node: String, generation: u32, by: u32) -> RollEvent {
    let grown = async { pidbox(link.as_deref(), &node).await?.pool_grow(by).await?.only() };
    if let Err(error) = grown.await {
        tracing::warn!(worker = node, by, %error, hint = error.hint(), "slots may not have been added");
    }
    RollEvent::Grown { generation }
}

/// Counts a worker's slots.
pub(super) async fn count(link: Option<Arc<BrokerLink>>, node: String, generation: u32) -> RollEvent {
    let slots = processes(link.as_deref(), &node).await.ok();
    RollEvent::Counted { generation, slots }
}

async fn processes(link: Option<&BrokerLink>, node: &str) -> Result<u32, broker::Error> {
    let stats = pidbox(link, node).await?.stats().await?.only()?;
    Ok(u32::try_from(stats.processes.len()).unwrap_or(u32::MAX))
}

async fn pidbox(link: Option<&BrokerLink>, node: &str) -> Result<Pidbox, broker::Error> {
    let link = link.ok_or(broker::Error::Address { reason: "no broker is named" })?;
    Ok(Pidbox::node(&link.broker().await?, node))
}
