//! Passes over a simulated file and store that can be killed at every effect.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::executor::block_on;
use objectstore::{Condition, ETag, Object, PutOutcome};
use proptest::prelude::*;

use crate::cut::Limits;
use crate::pass::{Progress, Seen, World, pass};
use crate::position::{FileId, Position};

const LIMITS: Limits = Limits { part_bytes: 24, line_bytes: 12 };

/// The agent was killed, or the store did not answer.
#[derive(Debug)]
struct Killed;

#[derive(Default)]
struct Machine {
    /// Content and inode of the log file.
    file: Option<(u64, Vec<u8>)>,
    /// The file that the agent has open, when the path leads to another one by now.
    held: Option<(u64, Vec<u8>)>,
    store: BTreeMap<String, Bytes>,
    saved: Option<Position>,
    /// Effects until the next kill, and whether that effect still happens.
    kill_in: Option<(u32, bool)>,
}

impl Machine {
    /// Counts an effect down; `Err`: killed before it, `Ok(true)`: killed right after it.
    fn effect(&mut self) -> Result<bool, Killed> {
        match &mut self.kill_in {
            None => Ok(false),
            Some((0, happens)) => {
                let happens = *happens;
                self.kill_in = None;
                if happens { Ok(true) } else { Err(Killed) }
            }
            Some((left, _)) => {
                *left -= 1;
                Ok(false)
            }
        }
    }

    fn etag(content: &Bytes) -> ETag {
        ETag::new(domain::Digest::of(content).hex())
    }
}

fn after<T>(killed: bool, value: T) -> Result<T, Killed> {
    if killed { Err(Killed) } else { Ok(value) }
}

impl World for Machine {
    type Error = Killed;

    async fn look(&mut self) -> Result<Option<Seen>, Killed> {
        let Some((inode, content)) = self.held.as_ref().or(self.file.as_ref()) else { return Ok(None) };
        let file = FileId { device: 1, inode: *inode };
        Ok(Some(Seen { file, size_bytes: content.len() as u64, replaced: self.held.is_some() }))
    }

    async fn read(&mut self, start: u64, limit_bytes: u64) -> Result<Vec<u8>, Killed> {
        let content = &self.held.as_ref().or(self.file.as_ref()).unwrap().1;
        let start = usize::try_from(start).unwrap().min(content.len());
        let end = content.len().min(start + usize::try_from(limit_bytes).unwrap());
        Ok(content[start..end].to_vec())
    }

    fn close(&mut self) {
        self.held = None;
    }

    async fn put(&mut self, key: &str, content: Bytes, condition: Condition) -> Result<PutOutcome, Killed> {
        let killed = self.effect()?;
        let present = self.store.get(key).map(Self::etag);
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => present.is_none(),
            Condition::Matches(etag) => present == Some(etag),
        };
        if !holds {
            return after(killed, PutOutcome::Refused);
        }
        let etag = Self::etag(&content);
        self.store.insert(key.to_owned(), content);
        after(killed, PutOutcome::Written(etag))
    }

    async fn get(&mut self, key: &str) -> Result<Option<Object>, Killed> {
        let killed = self.effect()?;
        let object =
            self.store.get(key).map(|bytes| Object { bytes: bytes.clone(), etag: Self::etag(bytes) });
        after(killed, object)
    }

    async fn save(&mut self, position: &Position) -> Result<(), Killed> {
        let killed = self.effect()?;
        let json = serde_json::to_vec(position).unwrap();
        self.saved = Some(serde_json::from_slice(&json).unwrap());
        after(killed, ())
    }
}

/// What happens to a log.
#[derive(Debug, Clone)]
enum Event {
    /// The task writes.
    Append(String),
    /// The agent has a look. After so many effects, before or after the last one, it is killed, or (with
    /// `survives`) only the answer is lost.
    Look { kill_in: Option<(u32, bool)>, survives: bool },
    /// The task paused: everything is sent, then the file is emptied (as Airflow does after its upload).
    Emptied,
    /// Likewise, but the file is replaced.
    Replaced,
    /// The file is written to and replaced while the agent has it open.
    ReplacedWhileOpen(String),
    /// Everything is sent, and the attempt goes on later.
    Resumed,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let kill = proptest::option::of((0u32..6, any::<bool>()));
    let event = prop_oneof![
        5 => "[a-z]{0,9}\n?[a-zü]{0,9}\n?".prop_map(Event::Append),
        4 => (kill, any::<bool>()).prop_map(|(kill_in, survives)| Event::Look { kill_in, survives }),
        1 => Just(Event::Emptied),
        1 => Just(Event::Replaced),
        1 => "[a-z]{0,9}\n?[a-z]{0,9}".prop_map(Event::ReplacedWhileOpen),
        1 => Just(Event::Resumed),
    ];
    proptest::collection::vec(event, 0..40)
}

const LOOK: Event = Event::Look { kill_in: None, survives: true };

/// The agent: its memory, lost when it is killed.
struct Agent {
    position: Option<Position>,
}

impl Agent {
    fn look(&mut self, machine: &mut Machine, over: bool, survives: bool) -> Result<Progress, Killed> {
        let position = self.position.get_or_insert_with(|| {
            machine.saved.clone().unwrap_or_else(|| Position::new("d/attempt=1.log".into(), "host".into(), 7))
        });
        let done = block_on(pass(position, machine, over, LIMITS));
        if done.is_err() && !survives {
            // The next one starts from what was saved.
            self.position = None;
            machine.held = None;
        }
        done
    }

    fn drain(&mut self, machine: &mut Machine, over: bool) {
        machine.kill_in = None;
        while self.look(machine, over, true).unwrap() == Progress::More {}
    }
}

fn run(events: Vec<Event>) -> (String, Machine) {
    let (mut machine, mut agent) =
        (Machine { file: Some((1, Vec::new())), ..Machine::default() }, Agent { position: None });
    let mut written = String::new();
    for (number, event) in events.into_iter().enumerate() {
        match event {
            Event::Append(text) => {
                // As lines of a log have times: no two files begin alike.
                let text = format!("{number}:{text}");
                machine.file.as_mut().unwrap().1.extend_from_slice(text.as_bytes());
                written.push_str(&text);
            }
            Event::Look { kill_in, survives } => {
                machine.kill_in = kill_in;
                drop(agent.look(&mut machine, false, survives));
            }
            Event::Emptied => {
                agent.drain(&mut machine, true);
                machine.file.as_mut().unwrap().1.clear();
            }
            Event::Replaced => {
                agent.drain(&mut machine, true);
                let inode = machine.file.as_ref().unwrap().0 + 1;
                machine.file = Some((inode, Vec::new()));
            }
            Event::ReplacedWhileOpen(text) => {
                agent.drain(&mut machine, false);
                let text = format!("{number}:{text}");
                let (inode, mut content) = machine.file.take().unwrap();
                content.extend_from_slice(text.as_bytes());
                written.push_str(&text);
                machine.held = Some((inode, content));
                machine.file = Some((inode + 1, Vec::new()));
                agent.drain(&mut machine, false);
                assert!(machine.held.is_none(), "read to its end and closed");
            }
            Event::Resumed => {
                agent.drain(&mut machine, true);
                let position = agent.position.as_mut().unwrap();
                position.finished = true;
                let resumed_ms = position.start_ms + 1_000;
                position.resume(resumed_ms);
                machine.saved = Some(position.clone());
            }
        }
    }
    agent.drain(&mut machine, true);
    (written, machine)
}

fn shipped(machine: &Machine) -> String {
    machine.store.values().map(|part| std::str::from_utf8(part).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_byte_arrives_once_and_in_order(events in events()) {
        let (written, machine) = run(events);
        prop_assert_eq!(shipped(&machine), written);
        prop_assert!(machine.store.values().all(|part| part.len() <= LIMITS.part_bytes));
    }
}

#[test]
fn a_kill_at_each_single_effect_loses_and_repeats_nothing() {
    let text = (0..20).map(|line| format!("line {line}\n")).collect::<Vec<_>>().concat();
    for kill_at in 0..30 {
        for (happens, survives) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut events = Vec::new();
            for piece in text.as_bytes().chunks(37) {
                events.push(Event::Append(String::from_utf8(piece.to_vec()).unwrap()));
                events.push(Event::Look { kill_in: Some((kill_at, happens)), survives });
                events.push(LOOK);
            }
            let (written, machine) = run(events);
            assert_eq!(
                shipped(&machine),
                written,
                "killed at effect {kill_at}, which happened: {happens}, {survives}"
            );
        }
    }
}

#[test]
fn a_part_that_somebody_deleted_is_written_again() {
    let mut machine = Machine { file: Some((1, Vec::new())), ..Machine::default() };
    let mut agent = Agent { position: None };
    for piece in ["line 1 of the log\n", "line 2\n", "line 3\n"] {
        machine.file.as_mut().unwrap().1.extend_from_slice(piece.as_bytes());
        agent.drain(&mut machine, false);
        if piece.contains('2') {
            machine.store.pop_last().unwrap();
        }
    }
    assert_eq!(shipped(&machine), "line 1 of the log\nline 2\nline 3\n");
}

#[test]
fn running_parts_end_at_newlines() {
    let events = vec![Event::Append("one\ntwo\nthr".into()), LOOK];
    let mut machine = Machine { file: Some((1, Vec::new())), ..Machine::default() };
    let mut agent = Agent { position: None };
    for event in events {
        match event {
            Event::Append(text) => machine.file.as_mut().unwrap().1.extend_from_slice(text.as_bytes()),
            _ => assert_eq!(agent.look(&mut machine, false, true).unwrap(), Progress::Current),
        }
    }
    assert_eq!(shipped(&machine), "one\ntwo\n");
    let keys: Vec<_> = machine.store.keys().cloned().collect();
    insta::assert_snapshot!(keys.join("\n"), @"d/attempt=1.log.0000000000007.host.00000000");
}
