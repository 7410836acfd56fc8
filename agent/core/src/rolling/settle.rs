use domain::control::WorkerState;

use super::Roll;
use super::event::{Place, RollCommand};
use super::generation::{Generation, Role};

impl Roll {
    /// Compares what is with what should be.
    pub(super) fn settle(&mut self, now_ms: u64, commands: &mut Vec<RollCommand>) {
        if self.finished {
            return;
        }
        let shrink_at_ms = now_ms.saturating_add(self.policy.shrink_delay_ms);
        if self.stopping || self.failed.is_some() {
            self.generations.iter_mut().for_each(|generation| generation.stop(shrink_at_ms, commands));
            if self.generations.is_empty() {
                self.finished = true;
                commands.push(RollCommand::Finish);
            }
            return;
        }
        if self.drain_requested {
            self.generations.iter_mut().for_each(|generation| generation.hold(shrink_at_ms, commands));
            if self.is_drained() {
                self.persist(true, commands);
            }
            return;
        }
        self.give_up_late_ones(now_ms, commands);
        let Some(target) = self.target() else { return };
        match self.front(&target) {
            Some(index) => self.serve(index, &target, now_ms, commands),
            None => self.make_room(target, now_ms, commands),
        }
    }

    /// What should run: the newest publication, or what ran before when that one does not start here.
    pub(super) fn target(&self) -> Option<Place> {
        let wanted = self.wanted.as_ref()?;
        match &self.refused {
            Some((publication, _)) if *publication == wanted.publication => self.proved.clone(),
            _ => Some(wanted.clone()),
        }
    }

    /// The generation that runs, or can run, in the target's environment.
    pub(super) fn front(&self, target: &Place) -> Option<usize> {
        let fits = |generation: &Generation| {
            generation.role != Role::Leaving && generation.place.environment == target.environment
        };
        self.generations.iter().rposition(fits)
    }

    pub(super) fn is_drained(&self) -> bool {
        self.generations.iter().all(|generation| {
            matches!(generation.seen.state, WorkerState::Drained | WorkerState::Stopped)
                && generation.busy() == 0
        })
    }

    fn give_up_late_ones(&mut self, now_ms: u64, commands: &mut Vec<RollCommand>) {
        let late = self.generations.iter().position(|generation| match generation.role {
            Role::Starting { since_ms } => {
                let waited_ms = now_ms.saturating_sub(since_ms);
                !generation.is_ready()
                    && (generation.seen.died || waited_ms >= self.policy.ready_timeout_ms)
                    && self.can_go_back_from(&generation.place)
            }
            _ => false,
        });
        let Some(index) = late else { return };
        let shrink_at_ms = now_ms.saturating_add(self.policy.shrink_delay_ms);
        let generation = &mut self.generations[index];
        let reason = if generation.seen.died {
            "its worker process died before it was ready".to_owned()
        } else {
            format!("its worker was not ready after {} s", self.policy.ready_timeout_ms / 1000)
        };
        generation.stop(shrink_at_ms, commands);
        let place = generation.place.clone();
        self.refuse(&place, reason, commands);
    }

    fn serve(&mut self, index: usize, target: &Place, now_ms: u64, commands: &mut Vec<RollCommand>) {
        let front = &mut self.generations[index];
        if front.place.publication < target.publication {
            front.place.publication = target.publication.clone();
            let publication = target.publication.clone();
            commands.push(RollCommand::MoveCode { generation: front.number, publication });
        }
        front.take_back(now_ms, commands);
        if let Role::Starting { since_ms } = front.role
            && front.is_ready()
        {
            front.role = Role::Serving;
            front.count_at_ms = now_ms.saturating_add(self.policy.count_every_ms);
            self.start_failures = 0;
            let took_ms = now_ms.saturating_sub(since_ms);
            let (generation, place) = (front.number, front.place.clone());
            commands.push(RollCommand::ReportServing { generation, place, took_ms });
        }
        let serving = front.role == Role::Serving;
        let shrink_at_ms = now_ms.saturating_add(self.policy.shrink_delay_ms);
        if serving {
            self.proved = Some(front.place.clone());
        }
        for (other, generation) in self.generations.iter_mut().enumerate() {
            if other == index {
                continue;
            }
            match generation.role {
                // There is something to go back to until the front serves.
                Role::Serving | Role::Held { proved: true } if !serving => {
                    generation.hold(shrink_at_ms, commands);
                }
                _ => generation.stop(shrink_at_ms, commands),
            }
            generation.give(now_ms, commands);
        }
        let free = self.free();
        let front = &mut self.generations[index];
        if serving && front.is_ready() {
            front.grow(free, commands);
            front.count(now_ms, commands);
        }
    }

    /// Nothing runs in the target's environment yet: takes idle slots from the others, then starts.
    fn make_room(&mut self, target: Place, now_ms: u64, commands: &mut Vec<RollCommand>) {
        let shrink_at_ms = now_ms.saturating_add(self.policy.shrink_delay_ms);
        // One to go back to is enough: the newest that was ready.
        let keep = self
            .generations
            .iter()
            .rposition(|generation| matches!(generation.role, Role::Serving | Role::Held { proved: true }));
        for (index, generation) in self.generations.iter_mut().enumerate() {
            if Some(index) == keep {
                generation.hold(shrink_at_ms, commands);
            } else {
                generation.stop(shrink_at_ms, commands);
            }
            generation.give(now_ms, commands);
        }
        let soon = |generation: &Generation| {
            matches!(generation.role, Role::Held { .. }) && generation.gives_soon() || generation.resizing
        };
        if now_ms < self.start_at_ms || self.generations.iter().any(soon) {
            return;
        }
        let slots = self.free();
        if slots > 0 {
            self.last_number = self.last_number.saturating_add(1);
            let generation = self.last_number;
            self.generations.push(Generation::new(generation, target.clone(), slots, now_ms));
            commands.push(RollCommand::Start { generation, place: target, slots });
            return;
        }
        // Its last slot ends only with its process, and so do slots that it does not give.
        for generation in &mut self.generations {
            if generation.busy() == 0 && (generation.slots == 1 || generation.clings) {
                generation.stop(shrink_at_ms, commands);
            }
        }
    }

    /// Slots that no generation has.
    fn free(&self) -> u32 {
        let taken =
            self.generations.iter().fold(0u32, |sum, generation| sum.saturating_add(generation.slots));
        self.policy.slots.saturating_sub(taken)
    }
}
