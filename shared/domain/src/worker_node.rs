//! Celery node names of one worker that has several processes, one after the other.

/// The node name of process `generation` (from 1) of the worker `node`: the first has the worker's own name,
/// `celery@pod`, a later one `celery.g2@pod`.
///
/// ```
/// use domain::worker_node::{generation_node, worker_of};
/// assert_eq!(generation_node("celery@pod", 1), "celery@pod");
/// assert_eq!(worker_of(&generation_node("celery@pod", 12)), "celery@pod");
/// ```
pub fn generation_node(node: &str, generation: u32) -> String {
    match node.split_once('@') {
        _ if generation <= 1 => node.to_owned(),
        Some((name, host)) => format!("{name}.g{generation}@{host}"),
        None => format!("{node}.g{generation}"),
    }
}

/// The worker that a process with this node name belongs to; the name itself when it is no later process.
pub fn worker_of(node: &str) -> String {
    let (name, host) = match node.split_once('@') {
        Some((name, host)) => (name, Some(host)),
        None => (node, None),
    };
    let later = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    match (name.rsplit_once(".g"), host) {
        (Some((worker, digits)), Some(host)) if later(digits) => format!("{worker}@{host}"),
        (Some((worker, digits)), None) if later(digits) => worker.to_owned(),
        _ => node.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_generations_are_cut_off() {
        for (node, worker) in [
            ("celery.g2@pod", "celery@pod"),
            ("etl.v1.g10@pod.g3", "etl.v1@pod.g3"),
            ("celery.g@pod", "celery.g@pod"),
            ("celery.gx@pod", "celery.gx@pod"),
            ("celery@pod.g2", "celery@pod.g2"),
        ] {
            assert_eq!(worker_of(node), worker, "{node}");
        }
    }
}
