//! Scenes of rolling: what happened at which second, and what was decided.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use agent_core::rolling::{Kept, Place, Roll, RollCommand, RollEvent, RollPolicy, Seen};
use domain::control::{DrainRequest, WorkerState};
use domain::{Digest, EnvId, PublicationId};

struct Scene {
    roll: Roll,
    transcript: String,
}

impl Scene {
    fn new(slots: u32) -> Self {
        let policy = RollPolicy { slots, ready_timeout_ms: 60_000, ..RollPolicy::default() };
        let mut scene = Self { roll: Roll::new(policy, 0), transcript: String::new() };
        scene.at(0, RollEvent::Begun { record: None, kept: Kept::default() });
        scene
    }

    /// Generation 1 serves publication 1 with environment a, and runs so many tasks.
    fn serving(slots: u32, active: u32) -> Self {
        let mut scene = Self::new(slots);
        scene.at(0, wanted(1, b"a"));
        scene.at(9_000, seen(1, WorkerState::Ready, active));
        scene.transcript.clear();
        scene
    }

    fn at(&mut self, now_ms: u64, event: RollEvent) {
        let commands: Vec<_> = self.roll.apply(event, now_ms).iter().map(name).collect();
        let state = self.roll.status("w").state;
        self.transcript.push_str(format!("{now_ms:>6} {state:?} {}", commands.join(", ")).trim_end());
        self.transcript.push('\n');
    }
}

fn name(command: &RollCommand) -> String {
    match command {
        RollCommand::Start { generation, place, slots } => {
            format!("start g{generation} of {} with {slots}", place.publication.sequence())
        }
        RollCommand::Resume { generation, slots, .. } => format!("resume g{generation} with {slots}"),
        RollCommand::MoveCode { generation, publication } => {
            format!("move g{generation} to {}", publication.sequence())
        }
        RollCommand::Drain { generation, request } if request.cancel => format!("take back g{generation}"),
        RollCommand::Drain { generation, .. } => format!("drain g{generation}"),
        RollCommand::Stop { generation } => format!("stop g{generation}"),
        RollCommand::Shrink { generation, by } => format!("shrink g{generation} by {by}"),
        RollCommand::Grow { generation, by } => format!("grow g{generation} by {by}"),
        RollCommand::Count { generation } => format!("count g{generation}"),
        RollCommand::Persist(record) => format!("persist epoch {} drained {}", record.epoch, record.drained),
        RollCommand::ReportServing { generation, took_ms, .. } => {
            format!("g{generation} serves after {took_ms} ms")
        }
        RollCommand::ReportRefused { place, reason } => {
            format!("refused {}: {reason}", place.publication.sequence())
        }
        RollCommand::Finish => "finish".to_owned(),
    }
}

fn wanted(sequence: u64, environment: &[u8]) -> RollEvent {
    let publication = PublicationId::new(sequence, &"a".repeat(40)).unwrap();
    RollEvent::Wanted(Place { publication, environment: Some(EnvId(Digest::of(environment))) })
}

fn seen(generation: u32, state: WorkerState, active: u32) -> RollEvent {
    RollEvent::Seen { generation, seen: Seen { state, active, ..Seen::default() } }
}

fn ended(generation: u32) -> RollEvent {
    RollEvent::Ended { generation, failure: None }
}

#[test]
fn a_flip_rolls_under_running_tasks() {
    use WorkerState::{Drained, Draining, Ready};
    let mut scene = Scene::serving(4, 2);
    scene.at(10_000, wanted(2, b"a"));
    scene.at(20_000, wanted(3, b"b"));
    scene.at(21_000, seen(1, Draining, 2));
    scene.at(22_000, RollEvent::Tick);
    scene.at(22_500, RollEvent::Shrunk { generation: 1, by: 2 });
    scene.at(28_000, seen(2, Ready, 0));
    scene.at(29_000, seen(1, Draining, 1));
    scene.at(29_100, RollEvent::Shrunk { generation: 1, by: 1 });
    scene.at(29_200, RollEvent::Grown { generation: 2 });
    scene.at(60_000, seen(1, Drained, 0));
    scene.at(64_000, ended(1));
    scene.at(65_000, RollEvent::Grown { generation: 2 });
    insta::assert_snapshot!(scene.transcript, @"
    10000 Ready move g1 to 2
    20000 Ready drain g1
    21000 Ready
    22000 Ready shrink g1 by 2
    22500 Ready start g2 of 3 with 2
    28000 Ready g2 serves after 5500 ms, stop g1
    29000 Ready shrink g1 by 1
    29100 Ready grow g2 by 1
    29200 Ready
    60000 Ready count g2
    64000 Ready grow g2 by 1
    65000 Ready
    ");
}

#[test]
fn with_every_slot_busy_the_new_generation_waits_for_one() {
    use WorkerState::Draining;
    let mut scene = Scene::serving(2, 2);
    scene.at(10_000, wanted(2, b"b"));
    scene.at(11_000, seen(1, Draining, 2));
    scene.at(30_000, seen(1, Draining, 1));
    scene.at(30_100, RollEvent::Shrunk { generation: 1, by: 1 });
    insta::assert_snapshot!(scene.transcript, @"
    10000 Ready drain g1
    11000 Ready
    30000 Ready shrink g1 by 1
    30100 Ready start g2 of 2 with 1
    ");
}

#[test]
fn a_worker_with_one_slot_ends_before_the_next_one_starts() {
    use WorkerState::{Drained, Draining};
    let mut scene = Scene::serving(1, 1);
    scene.at(10_000, wanted(2, b"b"));
    scene.at(11_000, seen(1, Draining, 1));
    scene.at(30_000, seen(1, Drained, 0));
    scene.at(34_000, ended(1));
    insta::assert_snapshot!(scene.transcript, @"
    10000 Ready drain g1
    11000 Ready
    30000 Starting stop g1
    34000 Ready start g2 of 2 with 1
    ");
}

#[test]
fn an_environment_that_does_not_start_is_refused_and_the_old_one_goes_on() {
    use WorkerState::{Drained, Ready};
    let mut scene = Scene::serving(4, 0);
    scene.at(10_000, wanted(2, b"b"));
    scene.at(12_000, seen(1, Drained, 0));
    scene.at(12_500, RollEvent::Shrunk { generation: 1, by: 3 });
    let died = Seen { died: true, ..Seen::default() };
    scene.at(13_000, RollEvent::Seen { generation: 2, seen: died });
    scene.at(14_000, ended(2));
    scene.at(15_000, seen(1, Ready, 0));
    scene.at(15_500, RollEvent::Grown { generation: 1 });
    scene.at(16_000, wanted(2, b"b"));
    let reason = scene.roll.status("w").reason.unwrap();
    scene.at(50_000, wanted(3, b"b"));
    insta::assert_snapshot!(scene.transcript, @"
    10000 Ready drain g1
    12000 Ready shrink g1 by 3
    12500 Ready start g2 of 2 with 3
    13000 Ready stop g2, refused 2: its worker process died before it was ready, take back g1
    14000 Ready
    15000 Ready grow g1 by 3
    15500 Ready
    16000 Ready
    50000 Ready drain g1
    ");
    insta::assert_snapshot!(reason, @"publication 00000002-aaaaaaaaaaaa does not run here: its worker process died before it was ready");
}

#[test]
fn only_the_newest_wanted_environment_counts() {
    use WorkerState::{Draining, Ready};
    let mut scene = Scene::serving(4, 1);
    scene.at(10_000, wanted(2, b"b"));
    scene.at(12_000, seen(1, Draining, 1));
    scene.at(12_500, RollEvent::Shrunk { generation: 1, by: 3 });
    scene.at(14_000, wanted(3, b"c"));
    scene.at(15_000, wanted(4, b"a"));
    scene.at(16_000, ended(2));
    scene.at(16_500, seen(1, Ready, 1));
    insta::assert_snapshot!(scene.transcript, @"
    10000 Ready drain g1
    12000 Ready shrink g1 by 3
    12500 Ready start g2 of 2 with 3
    14000 Ready stop g2
    15000 Ready move g1 to 4, take back g1
    16000 Ready
    16500 Ready grow g1 by 3
    ");
}

#[test]
fn a_drain_and_a_stop_concern_all_generations() {
    use WorkerState::{Drained, Draining, Ready};
    let mut scene = Scene::serving(4, 1);
    scene.at(10_000, wanted(2, b"b"));
    scene.at(12_000, seen(1, Draining, 1));
    scene.at(12_500, RollEvent::Shrunk { generation: 1, by: 3 });
    scene.at(20_000, seen(2, Ready, 0));
    scene.at(21_000, RollEvent::Drain(DrainRequest { epoch: 5, cancel: false }));
    scene.at(23_000, seen(2, Drained, 0));
    scene.at(24_000, seen(1, Draining, 1));
    scene.at(30_000, ended(1));
    scene.at(31_000, RollEvent::Drain(DrainRequest { epoch: 6, cancel: true }));
    scene.at(32_000, seen(2, Ready, 0));
    scene.at(33_000, RollEvent::Stop);
    scene.at(34_000, ended(2));
    insta::assert_snapshot!(scene.transcript, @"
    10000 Ready drain g1
    12000 Ready shrink g1 by 3
    12500 Ready start g2 of 2 with 3
    20000 Ready g2 serves after 7500 ms, stop g1
    21000 Draining persist epoch 5 drained false, drain g2
    23000 Draining
    24000 Draining
    30000 Drained persist epoch 5 drained true
    31000 Ready persist epoch 6 drained false, take back g2
    32000 Ready grow g2 by 1
    33000 Draining stop g2
    34000 Stopped finish
    ");
}

#[test]
fn an_agent_after_a_killed_one_goes_on_with_what_it_left() {
    use WorkerState::{Draining, Ready};
    let mut before = Scene::serving(4, 1);
    before.at(10_000, wanted(2, b"b"));
    before.at(12_000, seen(1, Draining, 1));
    before.at(12_100, RollEvent::Shrunk { generation: 1, by: 3 });
    before.at(20_000, seen(2, Ready, 0));
    let policy = RollPolicy { slots: 4, ..RollPolicy::default() };
    let mut scene = Scene { roll: Roll::new(policy, 0), transcript: String::new() };
    scene.at(0, RollEvent::Begun { record: None, kept: before.roll.kept() });
    scene.at(1_000, seen(1, Draining, 1));
    scene.at(1_000, seen(2, Ready, 0));
    scene.at(2_000, wanted(2, b"b"));
    scene.at(9_000, ended(1));
    insta::assert_snapshot!(scene.transcript, @"
       0 Starting resume g1 with 1, stop g1, resume g2 with 3
    1000 Starting
    1000 Ready
    2000 Ready count g2
    9000 Ready grow g2 by 1
    ");
}
