use domain::control::{DrainRequest, WorkerState};

use super::event::{KeptGeneration, Place, RollCommand, Seen, Standing};

/// What a generation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Was started and is not ready yet.
    Starting { since_ms: u64 },
    /// Takes tasks.
    Serving,
    /// Was told to drain; can be taken back.
    Held {
        /// It was ready once.
        proved: bool,
    },
    /// Was told to stop; ends.
    Leaving,
}

/// One worker process and what is believed about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Generation {
    pub(super) number: u32,
    pub(super) place: Place,
    /// The most slots that it may have: lowered when the worker has confirmed it, raised before it is told.
    pub(super) slots: u32,
    pub(super) role: Role,
    pub(super) seen: Seen,
    /// Last epoch that its life cycle was given.
    epoch: u64,
    /// A change of its slots waits for the answer.
    pub(super) resizing: bool,
    resize_at_ms: u64,
    /// It gave fewer slots than asked although it looked idle enough.
    pub(super) clings: bool,
    pub(super) counting: bool,
    pub(super) count_at_ms: u64,
    /// A count that differs from `slots`, and when it was first seen.
    odd_count: Option<(u32, u64)>,
}

impl Generation {
    pub(super) fn new(number: u32, place: Place, slots: u32, now_ms: u64) -> Self {
        Self {
            number,
            place,
            slots,
            role: Role::Starting { since_ms: now_ms },
            seen: Seen::default(),
            epoch: 0,
            resizing: false,
            resize_at_ms: now_ms,
            clings: false,
            counting: false,
            count_at_ms: now_ms,
            odd_count: None,
        }
    }

    /// One that an earlier agent left running.
    pub(super) fn resumed(kept: KeptGeneration, now_ms: u64) -> Self {
        let role = match kept.standing {
            Standing::Starting => Role::Starting { since_ms: now_ms },
            Standing::Serving => Role::Serving,
            Standing::Held => Role::Held { proved: true },
            Standing::Leaving => Role::Leaving,
        };
        Self { role, epoch: kept.epoch, ..Self::new(kept.number, kept.place, kept.slots, now_ms) }
    }

    pub(super) fn kept(&self) -> KeptGeneration {
        let standing = match self.role {
            Role::Starting { .. } | Role::Held { proved: false } => Standing::Starting,
            Role::Serving => Standing::Serving,
            Role::Held { proved: true } => Standing::Held,
            Role::Leaving => Standing::Leaving,
        };
        let (number, place) = (self.number, self.place.clone());
        KeptGeneration { number, place, slots: self.slots, epoch: self.epoch, standing }
    }

    /// Slots that its tasks need, at least the one that a worker cannot give up.
    fn needed(&self) -> u32 {
        self.busy().max(1)
    }

    /// Tasks that it has.
    pub(super) fn busy(&self) -> u32 {
        self.seen.active.saturating_add(self.seen.reserved)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.seen.state == WorkerState::Ready
    }

    /// Takes it from the tasks, for now.
    pub(super) fn hold(&mut self, shrink_at_ms: u64, commands: &mut Vec<RollCommand>) {
        let proved = match self.role {
            Role::Starting { .. } => false,
            Role::Serving => true,
            Role::Held { .. } | Role::Leaving => return,
        };
        self.role = Role::Held { proved };
        self.resize_at_ms = self.resize_at_ms.max(shrink_at_ms);
        self.clings = false;
        self.request(false, commands);
    }

    /// Gives it tasks again.
    pub(super) fn take_back(&mut self, now_ms: u64, commands: &mut Vec<RollCommand>) {
        if let Role::Held { proved } = self.role {
            self.role = if proved { Role::Serving } else { Role::Starting { since_ms: now_ms } };
            self.seen.died = false;
            self.request(true, commands);
        }
    }

    /// A new publication: what was wrong with the last one counts no more.
    pub(super) fn try_anew(&mut self, now_ms: u64) {
        if let Role::Starting { .. } = self.role {
            self.role = Role::Starting { since_ms: now_ms };
            self.seen.died = false;
        }
    }

    /// Ends it, when its tasks have ended.
    pub(super) fn stop(&mut self, shrink_at_ms: u64, commands: &mut Vec<RollCommand>) {
        if self.role != Role::Leaving {
            if self.role == Role::Serving {
                self.resize_at_ms = self.resize_at_ms.max(shrink_at_ms);
            }
            self.role = Role::Leaving;
            commands.push(RollCommand::Stop { generation: self.number });
        }
    }

    fn request(&mut self, cancel: bool, commands: &mut Vec<RollCommand>) {
        self.epoch += 1;
        let request = DrainRequest { epoch: self.epoch, cancel };
        commands.push(RollCommand::Drain { generation: self.number, request });
    }

    /// Slots that it has not been asked for yet will be free soon.
    pub(super) fn gives_soon(&self) -> bool {
        self.resizing || (self.slots > self.needed() && !self.clings)
    }

    /// Takes slots that no task needs, and looks again at one that gave fewer than asked.
    pub(super) fn give(&mut self, now_ms: u64, commands: &mut Vec<RollCommand>) {
        self.shrink(now_ms, commands);
        if self.clings {
            self.count(now_ms, commands);
        }
    }

    fn shrink(&mut self, now_ms: u64, commands: &mut Vec<RollCommand>) {
        let by = self.slots.saturating_sub(self.needed());
        // One that starts cannot be asked.
        let starts = self.seen.state == WorkerState::Starting;
        if by > 0 && !starts && !self.resizing && now_ms >= self.resize_at_ms {
            self.resizing = true;
            commands.push(RollCommand::Shrink { generation: self.number, by });
        }
    }

    pub(super) fn shrunk(&mut self, by: u32, retry_at_ms: u64) {
        self.resizing = false;
        self.odd_count = None;
        self.slots = self.slots.saturating_sub(by).max(1);
        self.clings = self.slots > self.needed();
        if self.clings {
            self.resize_at_ms = retry_at_ms;
        }
    }

    /// Adds slots; they count from now on.
    pub(super) fn grow(&mut self, by: u32, commands: &mut Vec<RollCommand>) {
        if by > 0 && !self.resizing {
            self.resizing = true;
            self.odd_count = None;
            self.slots = self.slots.saturating_add(by);
            commands.push(RollCommand::Grow { generation: self.number, by });
        }
    }

    /// Sees whether it has as many slots as is believed.
    pub(super) fn count(&mut self, now_ms: u64, commands: &mut Vec<RollCommand>) {
        if !self.counting && !self.resizing && now_ms >= self.count_at_ms {
            self.counting = true;
            commands.push(RollCommand::Count { generation: self.number });
        }
    }

    pub(super) fn counted(&mut self, slots: Option<u32>, gap_ms: u64, every_ms: u64, now_ms: u64) {
        self.counting = false;
        self.count_at_ms = now_ms.saturating_add(every_ms);
        let Some(slots) = slots else { return };
        match self.odd_count {
            _ if self.resizing || slots >= self.slots => self.odd_count = None,
            Some((odd, since_ms)) if odd == slots => {
                if now_ms.saturating_sub(since_ms) >= gap_ms {
                    self.slots = slots.max(1);
                    self.clings &= self.slots > self.needed();
                    self.odd_count = None;
                }
            }
            _ => self.odd_count = Some((slots, now_ms)),
        }
    }
}
