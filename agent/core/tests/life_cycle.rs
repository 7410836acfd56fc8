//! Scenes from a worker's life: what happened at which second, and what was decided.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use agent_core::{Command, ControlFacts, DrainRecord, Ending, Event, Policy, Sample, State, apply};
use domain::control::{DrainRequest, WorkerState};

struct Scene {
    state: State,
    transcript: String,
}

impl Scene {
    fn new(policy: Policy) -> Self {
        Self { state: State::new(policy, 0), transcript: String::new() }
    }

    /// A worker that is ready at 6 s.
    fn ready() -> Self {
        let mut scene = Self::new(Policy { drain_timeout_ms: 60_000, ..Policy::default() });
        scene.at(0, Event::Begun { record: None });
        scene.at(0, Event::Spawned);
        scene.at(6_000, Event::Announced);
        scene.at(6_050, sample(&[], 0));
        scene.at(6_060, sample(&[], 0));
        scene.transcript.clear();
        scene
    }

    fn at(&mut self, now_ms: u64, event: Event) -> Vec<Command> {
        let commands = apply(&mut self.state, event, now_ms);
        let names: Vec<_> = commands.iter().map(name).collect();
        let state = self.state.status("w").state;
        self.transcript
            .push_str(&format!("{now_ms:>6} {state:?} {}\n", names.join(" ")).replace(" \n", "\n"));
        commands
    }
}

fn name(command: &Command) -> String {
    let value = serde_json::to_value(command).unwrap();
    let rest: Vec<_> = value.as_object().unwrap().iter().filter(|(key, _)| *key != "command").collect();
    let rest: Vec<_> = rest.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{}({})", value["command"].as_str().unwrap(), rest.join(",")).replace("()", "")
}

fn sample(active: &[&str], reserved: u32) -> Event {
    let active = active.iter().map(ToString::to_string).collect();
    Event::Sampled(Sample { control: Some(ControlFacts { active, reserved }), running: vec![] })
}

fn unanswered(running: &[&str]) -> Event {
    Event::Sampled(Sample { control: None, running: running.iter().map(ToString::to_string).collect() })
}

fn cancelled() -> Event {
    Event::ConsumersCancelled { queues: vec!["default".into(), "heavy".into()] }
}

fn drain(epoch: u64) -> Event {
    Event::Drain(DrainRequest { epoch, cancel: false })
}

fn undrain(epoch: u64) -> Event {
    Event::Drain(DrainRequest { epoch, cancel: true })
}

#[test]
fn stop_waits_for_the_task_and_then_for_two_idle_samples() {
    let mut scene = Scene::ready();
    scene.at(10_000, Event::Stop);
    scene.at(10_100, sample(&["t1"], 0));
    scene.at(10_200, cancelled());
    scene.at(10_600, Event::Tick);
    scene.at(10_700, sample(&["t1"], 1));
    scene.at(40_000, Event::Tick);
    scene.at(40_100, sample(&[], 0));
    scene.at(41_000, Event::Tick);
    scene.at(41_100, sample(&[], 0));
    scene.at(42_050, Event::Tick);
    scene.at(42_150, sample(&[], 0));
    scene.at(47_000, Event::Exited(Ending::Code(0)));
    insta::assert_snapshot!(scene.transcript, @"
    10000 Draining cancel_consumers sample
    10100 Draining
    10200 Draining
    10600 Draining sample
    10700 Draining
    40000 Draining sample
    40100 Draining
    41000 Draining sample
    41100 Draining
    42050 Draining sample
    42150 Drained terminate
    47000 Stopped finish
    ");
}

#[test]
fn a_drained_worker_lives_on_until_it_is_stopped_or_wanted_again() {
    let mut scene = Scene::ready();
    scene.at(10_000, drain(7));
    scene.at(10_100, cancelled());
    scene.at(10_200, sample(&[], 0));
    scene.at(12_300, sample(&[], 0));
    scene.at(15_000, undrain(8));
    scene.at(15_100, Event::ConsumersAdded);
    scene.at(15_200, undrain(8));
    scene.at(15_300, drain(3));
    insta::assert_snapshot!(scene.transcript, @r#"
    10000 Draining persist(cancelled=false,drained=false,epoch=7) cancel_consumers sample
    10100 Draining persist(cancelled=false,cancelled_queues=["default","heavy"],drained=false,epoch=7)
    10200 Draining
    12300 Drained persist(cancelled=false,cancelled_queues=["default","heavy"],drained=true,epoch=7) sample
    15000 Starting persist(cancelled=true,cancelled_queues=["default","heavy"],drained=false,epoch=8) add_consumers(queues=["default","heavy"])
    15100 Ready
    15200 Ready
    15300 Ready
    "#);
}

#[test]
fn past_the_deadline_the_tree_is_ended_and_the_lost_tasks_are_named() {
    let mut scene = Scene::ready();
    scene.at(10_000, Event::Stop);
    scene.at(10_100, cancelled());
    scene.at(69_000, sample(&["t1", "t2"], 0));
    scene.at(69_999, Event::Tick);
    scene.at(70_000, Event::Tick);
    scene.at(70_500, Event::Tick);
    scene.at(70_600, Event::Exited(Ending::Signal(9)));
    insta::assert_snapshot!(scene.transcript, @r#"
    10000 Draining cancel_consumers sample
    10100 Draining
    69000 Draining sample
    69999 Draining
    70000 Draining kill_tree(lost=["t1","t2"])
    70500 Draining
    70600 Stopped finish
    "#);
}

#[test]
fn a_crashed_worker_is_reported_and_started_again_after_growing_waits() {
    let mut scene = Scene::ready();
    scene.at(7_000, sample(&["t1"], 0));
    scene.at(8_000, Event::Exited(Ending::Signal(9)));
    scene.at(8_999, Event::Tick);
    scene.at(9_000, Event::Tick);
    scene.at(9_010, Event::Spawned);
    scene.at(9_500, Event::Exited(Ending::Code(1)));
    scene.at(11_499, Event::Tick);
    scene.at(11_500, Event::SpawnFailed { reason: "no memory".into(), retryable: true });
    scene.at(15_500, Event::Tick);
    insta::assert_snapshot!(scene.transcript, @r#"
     7000 Ready
     8000 Starting report_died(ending={"signal":9},tasks=["t1"])
     8999 Starting
     9000 Starting spawn
     9010 Starting sample
     9500 Starting report_died(ending={"code":1},tasks=[])
    11499 Starting
    11500 Starting
    15500 Starting spawn
    "#);
}

#[test]
fn a_worker_that_was_drained_stays_so_over_a_restart_of_the_agent() {
    let record =
        |cancelled| Some(DrainRecord { epoch: 5, cancelled, drained: true, cancelled_queues: vec![] });
    let mut scene = Scene::new(Policy::default());
    assert_eq!(
        scene.at(0, Event::Begun { record: record(false) }),
        [],
        "drained already, nothing to write and nothing to start"
    );
    assert_eq!(scene.state.status("w").state, WorkerState::Drained);
    assert_eq!(scene.at(1_000, Event::Tick), []);
    assert_eq!(scene.at(2_000, undrain(5)), [], "not newer");
    assert!(scene.at(3_000, undrain(6)).contains(&Command::Spawn));

    let mut wanted = Scene::new(Policy::default());
    assert_eq!(wanted.at(0, Event::Begun { record: record(true) }), [Command::Spawn]);
}

#[test]
fn without_remote_control_the_process_tree_decides_after_a_silence() {
    let mut scene = Scene::ready();
    scene.at(6_100, sample(&[], 0));
    scene.at(10_000, Event::Stop);
    scene.at(11_000, Event::ConsumersFailed { cancelled: vec![] });
    scene.at(11_000, unanswered(&[]));
    scene.at(30_000, unanswered(&["t1"]));
    scene.at(36_200, unanswered(&[]));
    scene.at(37_000, unanswered(&[]));
    scene.at(38_300, unanswered(&[]));
    insta::assert_snapshot!(scene.transcript, @"
     6100 Ready
    10000 Draining cancel_consumers sample
    11000 Draining
    11000 Draining sample
    30000 Draining cancel_consumers sample
    36200 Draining sample
    37000 Draining sample
    38300 Drained terminate
    ");
}

#[test]
fn an_idle_worker_that_does_not_end_is_ended_after_its_grace() {
    let mut scene = Scene::ready();
    scene.state = {
        let mut fresh = Scene::new(Policy { exit_grace_ms: 10_000, has_control: false, ..Policy::default() });
        fresh.at(0, Event::Begun { record: None });
        fresh.at(0, Event::Spawned);
        fresh.at(500, unanswered(&[]));
        fresh.state
    };
    scene.at(1_000, unanswered(&[]));
    scene.at(2_000, Event::Stop);
    scene.at(2_100, unanswered(&[]));
    scene.at(4_200, unanswered(&[]));
    scene.at(14_199, Event::Tick);
    scene.at(14_200, Event::Tick);
    insta::assert_snapshot!(scene.transcript, @"
     1000 Ready
     2000 Draining sample
     2100 Draining
     4200 Drained terminate
    14199 Drained sample
    14200 Drained kill_tree(lost=[])
    ");
}

#[test]
fn a_missing_program_ends_the_agent() {
    let mut scene = Scene::new(Policy::default());
    scene.at(0, Event::Begun { record: None });
    let commands = scene.at(1, Event::SpawnFailed { reason: "airflow: not found".into(), retryable: false });
    assert_eq!(commands, [Command::Finish]);
    assert_eq!(scene.state.status("w").reason.as_deref(), Some("airflow: not found"));
}

#[test]
fn a_late_answer_to_a_drain_that_was_taken_back_is_repaired() {
    let mut scene = Scene::ready();
    scene.at(10_000, drain(1));
    scene.at(10_100, undrain(2));
    scene.at(10_200, sample(&[], 0));
    scene.at(10_300, cancelled());
    scene.at(10_400, Event::ConsumersAdded);
    insta::assert_snapshot!(scene.transcript, @r#"
    10000 Draining persist(cancelled=false,drained=false,epoch=1) cancel_consumers sample
    10100 Starting persist(cancelled=true,drained=false,epoch=2)
    10200 Starting
    10300 Starting add_consumers(queues=["default","heavy"])
    10400 Ready
    "#);
}

#[test]
fn an_agent_after_a_killed_one_asks_again_for_what_is_wanted() {
    let queues = || vec!["default".to_owned(), "heavy".to_owned()];
    let mut scene = Scene::new(Policy::default());
    scene.at(0, Event::Resumed { record: None, queues: queues() });
    scene.at(100, sample(&["t1"], 0));
    scene.at(200, Event::ConsumersAdded);
    scene.at(9_000, Event::Exited(Ending::Unknown));
    insta::assert_snapshot!(scene.transcript, @r#"
        0 Starting add_consumers(queues=["default","heavy"]) sample
      100 Starting
      200 Ready
     9000 Starting report_died(ending="unknown",tasks=["t1"])
    "#);

    let record =
        DrainRecord { epoch: 4, cancelled: false, drained: true, cancelled_queues: vec!["other".into()] };
    let mut drained = Scene::new(Policy::default());
    drained.at(0, Event::Resumed { record: Some(record), queues: queues() });
    drained.at(100, Event::ConsumersCancelled { queues: vec![] });
    drained.at(200, sample(&[], 0));
    drained.at(2_300, sample(&[], 0));
    drained.at(3_000, undrain(5));
    insta::assert_snapshot!(drained.transcript, @r#"
        0 Draining cancel_consumers sample
      100 Draining persist(cancelled=false,cancelled_queues=["default","heavy","other"],drained=false,epoch=4)
      200 Draining
     2300 Drained persist(cancelled=false,cancelled_queues=["default","heavy","other"],drained=true,epoch=4) sample
     3000 Starting persist(cancelled=true,cancelled_queues=["default","heavy","other"],drained=false,epoch=5) add_consumers(queues=["default","heavy","other"])
    "#);
}
