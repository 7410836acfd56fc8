//! Laws of rolling under any order of events, against simulated workers whose answers get lost.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::collections::BTreeMap;

use agent_core::rolling::{Kept, Place, Roll, RollCommand, RollEvent, RollPolicy, Seen};
use domain::control::{DrainRequest, WorkerState};
use domain::{Digest, EnvId, PublicationId};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Flip { environment: u8 },
    Ready(usize),
    Dies(usize),
    Begins(usize),
    Ends(usize),
    Exits(usize),
    Answer { index: usize, lost: bool },
    Look(usize),
    Drain { cancel: bool },
    Stop,
    Tick,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u8..3).prop_map(|environment| Step::Flip { environment }),
        4 => (0usize..4).prop_map(Step::Ready),
        1 => (0usize..4).prop_map(Step::Dies),
        6 => (0usize..4).prop_map(Step::Begins),
        5 => (0usize..4).prop_map(Step::Ends),
        4 => (0usize..4).prop_map(Step::Exits),
        6 => (0usize..4, any::<bool>()).prop_map(|(index, lost)| Step::Answer { index, lost }),
        8 => (0usize..4).prop_map(Step::Look),
        1 => any::<bool>().prop_map(|cancel| Step::Drain { cancel }),
        // Rare: nothing comes after it.
        1 => Just(Step::Tick),
        1 => any::<u8>().prop_map(|n| if n == 0 { Step::Stop } else { Step::Tick }),
    ]
}

fn place(sequence: u64, environment: u8) -> Place {
    let publication = PublicationId::new(sequence, &"a".repeat(40)).unwrap();
    // Environment 0 is the base.
    let environment = (environment > 0).then(|| EnvId(Digest::of(&[environment])));
    Place { publication, environment }
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what a worker process can be, each by itself")]
struct Worker {
    pool: u32,
    tasks: u32,
    ready: bool,
    died: bool,
    held: bool,
    stopping: bool,
}

impl Worker {
    fn seen(&self) -> Seen {
        let state = match (self.ready, self.held || self.stopping) {
            (_, true) if self.tasks == 0 => WorkerState::Drained,
            (_, true) => WorkerState::Draining,
            (true, false) => WorkerState::Ready,
            (false, false) => WorkerState::Starting,
        };
        Seen { state, active: self.tasks, reserved: 0, died: self.died && state == WorkerState::Starting }
    }
}

struct World {
    roll: Roll,
    limit: u32,
    now_ms: u64,
    workers: BTreeMap<u32, Worker>,
    places: BTreeMap<u32, Place>,
    published: BTreeMap<PublicationId, Place>,
    unanswered: Vec<RollCommand>,
    sequence: u64,
    epoch: u64,
    finished: bool,
}

impl World {
    fn new(limit: u32) -> Self {
        let policy = RollPolicy { slots: limit, ready_timeout_ms: 30_000, ..RollPolicy::default() };
        let mut world = Self {
            roll: Roll::new(policy, 0),
            limit,
            now_ms: 0,
            workers: BTreeMap::new(),
            places: BTreeMap::new(),
            published: BTreeMap::new(),
            unanswered: Vec::new(),
            sequence: 0,
            epoch: 0,
            finished: false,
        };
        world.apply(RollEvent::Begun { record: None, kept: Kept::default() });
        world
    }

    fn apply(&mut self, event: RollEvent) {
        for command in self.roll.apply(event, self.now_ms) {
            match &command {
                RollCommand::Start { generation, place, slots } => {
                    assert!(*slots > 0);
                    let worker = Worker { pool: *slots, ..Worker::default() };
                    assert!(self.workers.insert(*generation, worker).is_none());
                    assert!(self.published.values().any(|published| published == place));
                    self.places.insert(*generation, place.clone());
                }
                RollCommand::Resume { .. } => unreachable!("nothing was left"),
                RollCommand::MoveCode { generation, publication } => {
                    let ran = self.places.get_mut(generation).unwrap();
                    let moved = &self.published[publication];
                    assert_eq!(moved.environment, ran.environment, "code runs in its own environment");
                    assert!(moved.publication > ran.publication, "code only moves forward");
                    *ran = moved.clone();
                }
                RollCommand::Drain { generation, request } => {
                    let worker = self.workers.get_mut(generation).unwrap();
                    assert!(!worker.stopping);
                    worker.held = !request.cancel;
                }
                RollCommand::Stop { generation } => self.workers.get_mut(generation).unwrap().stopping = true,
                RollCommand::Grow { .. } | RollCommand::Shrink { .. } | RollCommand::Count { .. } => {
                    self.unanswered.push(command.clone());
                }
                RollCommand::Finish => {
                    assert!(self.workers.is_empty(), "nothing is left behind");
                    self.finished = true;
                }
                RollCommand::Persist(_)
                | RollCommand::ReportServing { .. }
                | RollCommand::ReportRefused { .. } => {}
            }
        }
        assert!(self.roll.slots() <= self.limit);
        let slots: u32 = self.workers.values().map(|worker| worker.pool).sum();
        assert!(slots <= self.limit, "{slots} slots of {}", self.limit);
    }

    fn answer(&mut self, index: usize, lost: bool) {
        if self.unanswered.is_empty() {
            return;
        }
        let index = index % self.unanswered.len();
        let event = match self.unanswered.remove(index) {
            RollCommand::Shrink { generation, by } => {
                let mut given = 0;
                if let Some(worker) = self.workers.get_mut(&generation).filter(|worker| worker.ready) {
                    given = by.min(worker.pool - worker.tasks.max(1));
                    worker.pool -= given;
                }
                RollEvent::Shrunk { generation, by: if lost { given.saturating_sub(1) } else { given } }
            }
            RollCommand::Grow { generation, by } => {
                if let Some(worker) = self.workers.get_mut(&generation).filter(|_| !lost) {
                    worker.pool += by;
                }
                RollEvent::Grown { generation }
            }
            RollCommand::Count { generation } => {
                let slots = self.workers.get(&generation).filter(|_| !lost).map(|worker| worker.pool);
                RollEvent::Counted { generation, slots }
            }
            other => unreachable!("{other:?}"),
        };
        self.apply(event);
    }

    /// What was sent to a process that died reaches nobody, what is sent upon that answer neither.
    fn lose_answers(&mut self, generation: u32) {
        let for_it = |command: &RollCommand| {
            matches!(command, RollCommand::Shrink { generation: to, .. } | RollCommand::Grow { generation: to, .. }
                if *to == generation)
        };
        while let Some(index) = self.unanswered.iter().position(for_it) {
            let event = match self.unanswered.remove(index) {
                RollCommand::Shrink { .. } => RollEvent::Shrunk { generation, by: 0 },
                _ => RollEvent::Grown { generation },
            };
            self.apply(event);
        }
    }

    fn pick(&self, index: usize) -> Option<u32> {
        self.workers.keys().nth(index % self.workers.len().max(1)).copied()
    }

    fn step(&mut self, step: &Step) {
        let worker = |index: usize| self.pick(index);
        match *step {
            Step::Flip { environment } => {
                self.sequence += 1;
                let place = place(self.sequence, environment);
                self.published.insert(place.publication.clone(), place.clone());
                self.apply(RollEvent::Wanted(place));
            }
            Step::Answer { index, lost } => self.answer(index, lost),
            Step::Drain { cancel } => {
                self.epoch += 1;
                self.apply(RollEvent::Drain(DrainRequest { epoch: self.epoch, cancel }));
            }
            Step::Stop => self.apply(RollEvent::Stop),
            Step::Tick => self.apply(RollEvent::Tick),
            Step::Look(index) => {
                if let Some(generation) = worker(index) {
                    let seen = self.workers[&generation].seen();
                    self.apply(RollEvent::Seen { generation, seen });
                }
            }
            Step::Exits(index) => {
                let over = worker(index).filter(|n| self.workers[n].stopping && self.workers[n].tasks == 0);
                if let Some(generation) = over {
                    self.workers.remove(&generation);
                    self.apply(RollEvent::Ended { generation, failure: None });
                }
            }
            Step::Ready(index) | Step::Dies(index) | Step::Begins(index) | Step::Ends(index) => {
                let Some(generation) = worker(index) else { return };
                let slots = |roll: &Roll| {
                    roll.slots_by_generation().find(|(number, _)| *number == generation).unwrap().1
                };
                if matches!(step, Step::Dies(_)) && self.workers[&generation].tasks == 0 {
                    self.lose_answers(generation);
                }
                let found = self.workers.get_mut(&generation).unwrap();
                match step {
                    Step::Ready(_) => found.ready = true,
                    Step::Dies(_) if found.tasks == 0 => {
                        // Its life cycle starts it again, with the slots that it may have then.
                        *found = Worker { pool: slots(&self.roll), died: true, ready: false, ..*found };
                    }
                    Step::Begins(_) => {
                        let consumes = found.ready && !found.held && !found.stopping;
                        found.tasks += u32::from(consumes && found.tasks < found.pool);
                    }
                    Step::Ends(_) => found.tasks = found.tasks.saturating_sub(1),
                    _ => {}
                }
            }
        }
    }

    /// Everything answers and every task ends, until nothing changes any more.
    fn calm_down(&mut self) {
        for _ in 0..200 {
            self.now_ms += 1_000;
            for index in 0..self.workers.len() {
                for step in [Step::Ready(index), Step::Ends(index), Step::Look(index), Step::Exits(index)] {
                    self.step(&step);
                }
            }
            while !self.unanswered.is_empty() {
                self.answer(0, false);
            }
            self.apply(RollEvent::Tick);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slots_never_exceed_the_limit_and_calm_brings_the_newest(
        limit in 1u32..7,
        history in proptest::collection::vec((1u64..5_000, any_step()), 1..120),
    ) {
        let mut world = World::new(limit);
        for (step_ms, step) in &history {
            world.now_ms += step_ms;
            world.step(step);
        }
        let stopped = history.iter().any(|(_, step)| matches!(step, Step::Stop));
        world.epoch += 1;
        let request = DrainRequest { epoch: world.epoch, cancel: true };
        world.apply(RollEvent::Drain(request));
        world.sequence += 1;
        let newest = place(world.sequence, 1);
        world.published.insert(newest.publication.clone(), newest.clone());
        world.apply(RollEvent::Wanted(newest.clone()));
        world.calm_down();
        prop_assert_eq!(world.finished, stopped);
        if !stopped {
            prop_assert_eq!(world.workers.len(), 1, "{:?}", world.roll);
            let (number, worker) = world.workers.first_key_value().unwrap();
            prop_assert_eq!(worker.pool, limit, "{:?}", world.roll);
            prop_assert_eq!(&world.places[number], &newest);
            prop_assert_eq!(world.roll.status("w").state, WorkerState::Ready);
            prop_assert_eq!(world.roll.status("w").reason, None);
        }
    }
}
