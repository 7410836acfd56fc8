/// What an attempt's state means for its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Not ended yet.
    Running,
    /// It did what it was for, or gave its slot back in order: success, skipped, deferred, up_for_reschedule.
    Useful,
    /// What it used was in vain: failed, up_for_retry, lost, and every state that this version does not know.
    Wasted,
}

impl Outcome {
    /// Of a row's `state`.
    pub fn of(state: &str) -> Self {
        match state {
            "" | "running" | "queued" => Self::Running,
            "success" | "skipped" | "deferred" | "up_for_reschedule" => Self::Useful,
            _ => Self::Wasted,
        }
    }
}
