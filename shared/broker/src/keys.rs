//! The names that Celery's Redis transport (kombu) gives its keys and channels.

/// Separates the parts of kombu's composite names.
const SEPARATOR: &str = "\u{6}\u{16}";
/// kombu's default `priority_steps`. Airflow sends everything with priority 0.
const PRIORITY_STEPS: [u8; 4] = [0, 3, 6, 9];
/// The exchange that remote control commands go to.
pub(crate) const PIDBOX_EXCHANGE: &str = "celery.pidbox";
/// The exchange that replies to them go to.
pub(crate) const REPLY_EXCHANGE: &str = "reply.celery.pidbox";
/// The set of reply queues that workers look up.
pub(crate) const REPLY_BINDINGS: &str = "_kombu.binding.reply.celery.pidbox";
/// Hash: delivery tag → message that a worker has taken and not acknowledged.
pub(crate) const UNACKED: &str = "unacked";

/// The lists that make up a queue, highest priority first.
pub(crate) fn queue_lists(queue: &str) -> [String; 4] {
    PRIORITY_STEPS.map(|priority| match priority {
        0 => queue.to_owned(),
        step => format!("{queue}{SEPARATOR}{step}"),
    })
}

/// The channel that every worker of this database listens to for remote control.
pub(crate) fn pidbox_channel(database: i64) -> String {
    format!("/{database}.{PIDBOX_EXCHANGE}")
}

/// The channels of `worker-heartbeat`, `worker-online` and `worker-offline`.
pub(crate) fn worker_events_pattern(database: i64) -> String {
    format!("/{database}.celeryev/worker.*")
}

/// The list on which the replies to `reply_id` arrive.
pub(crate) fn reply_list(reply_id: &str) -> String {
    format!("{reply_id}.{REPLY_EXCHANGE}")
}

/// The member of [`REPLY_BINDINGS`] that leads workers to [`reply_list`].
pub(crate) fn reply_binding(reply_id: &str) -> String {
    format!("{reply_id}{SEPARATOR}{SEPARATOR}{}", reply_list(reply_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_kombu_writes() {
        assert_eq!(
            queue_lists("default"),
            ["default", "default\u{6}\u{16}3", "default\u{6}\u{16}6", "default\u{6}\u{16}9"]
        );
        assert_eq!(reply_binding("o"), "o\u{6}\u{16}\u{6}\u{16}o.reply.celery.pidbox");
        assert_eq!(pidbox_channel(1), "/1.celery.pidbox");
        assert_eq!(worker_events_pattern(0), "/0.celeryev/worker.*");
    }
}
