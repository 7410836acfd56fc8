use std::sync::Arc;
use std::time::Duration;

use agent_core::rolling::RollEvent;
use broker::Pidbox;

use crate::link::BrokerLink;

/// Between two looks whether processes that were told to end have ended.
const PAUSE: Duration = Duration::from_millis(250);
/// Looks at most: an idle pool process ends within a second.
const LOOKS: u32 = 16;

/// Takes up to `by` idle slots from a worker; answers how many processes have ended.
pub(super) async fn shrink(
    link: Option<Arc<BrokerLink>>,
    node: String,
    generation: u32,
    by: u32,
) -> RollEvent {
    let given = match try_shrink(link.as_deref(), &node, by).await {
        Ok(given) => given,
        Err(error) => {
            tracing::debug!(worker = node, by, %error, "no slots were taken");
            0
        }
    };
    RollEvent::Shrunk { generation, by: given }
}

async fn try_shrink(link: Option<&BrokerLink>, node: &str, by: u32) -> Result<u32, broker::Error> {
    let before = processes(link, node).await?;
    // A worker without any slot would keep what it has taken for ever.
    let by = by.min(before.saturating_sub(1));
    if by == 0 {
        return Ok(0);
    }
    if let Err(error) = pidbox(link, node).await?.pool_shrink(by).await?.only() {
        // It gives what is idle also when that is less, and may have heard what it did not answer.
        tracing::debug!(worker = node, by, %error, "not all slots may be idle");
    }
    let mut given = 0;
    for _ in 0..LOOKS {
        tokio::time::sleep(PAUSE).await;
        given = before.saturating_sub(processes(link, node).await?);
        if given >= by {
            break;
        }
    }
    Ok(given.min(by))
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
