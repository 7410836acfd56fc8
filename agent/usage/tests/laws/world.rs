//! A worker's world: random steps, played on the kernel and told to the meter.

use std::collections::BTreeMap;

use agent_usage::{Allotment, Counters, Identity, Meter, Now, Writer};
use domain::UsageRecord;
use domain::usage::UsageKind;
use proptest::prelude::*;

use crate::kernel::{AGENT, Kernel, MAIN};

pub const SLOTS: u32 = 3;

/// What happens next; `who` chooses among the processes that can do it.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    Begin { slot: u32 },
    Fork { who: usize, leads: bool },
    Burn { who: usize, used: Counters },
    BurnWorker { who: u32, used: Counters },
    Exit { who: usize },
    Reap { who: usize },
    ReapOrphans,
    End { slot: u32 },
    KillPoolChild { slot: u32 },
    Pass { ms: u64 },
    Jump { ms: u64, back: bool },
    Look,
    Close,
}

fn used() -> impl Strategy<Value = Counters> {
    (0..5_000_u64, 0..5_000_u64, 0..9_u64).prop_map(|(user_ns, system_ns, write_bytes)| Counters {
        user_ns,
        system_ns,
        read_bytes: 0,
        write_bytes: if write_bytes > 6 { write_bytes } else { 0 },
    })
}

pub fn step(groups: bool) -> impl Strategy<Value = Step> {
    let who = 0..64_usize;
    prop_oneof![
        2 => (0..SLOTS).prop_map(|slot| Step::Begin { slot }),
        5 => (who.clone(), 0..4_u8).prop_map(move |(who, n)| Step::Fork { who, leads: groups && n == 0 }),
        6 => (who.clone(), used()).prop_map(|(who, used)| Step::Burn { who, used }),
        2 => (0..5_u32, used()).prop_map(|(who, used)| Step::BurnWorker { who, used }),
        4 => who.clone().prop_map(|who| Step::Exit { who }),
        4 => who.prop_map(|who| Step::Reap { who }),
        2 => Just(Step::ReapOrphans),
        2 => (0..SLOTS).prop_map(|slot| Step::End { slot }),
        1 => (0..SLOTS).prop_map(|slot| Step::KillPoolChild { slot }),
        3 => (1..4_000_u64).prop_map(|ms| Step::Pass { ms }),
        1 => (1..10_000_000_u64, any::<bool>()).prop_map(|(ms, back)| Step::Jump { ms, back }),
        5 => Just(Step::Look),
        1 => Just(Step::Close),
    ]
}

pub struct World {
    pub kernel: Kernel,
    meter: Meter,
    now: Now,
    pool: Vec<u32>,
    /// Per slot: the attempt and its runner.
    running: Vec<Option<(u32, u32)>>,
    attempts: u32,
    pub rows: Vec<UsageRecord>,
    pub windows: Vec<(u64, Vec<UsageRecord>)>,
    opened_ms: u64,
}

impl World {
    fn new(allotment: Allotment) -> Self {
        let (kernel, pool) = Kernel::new(SLOTS);
        let now = Now { wall_ms: 1_790_000_000_000, mono_ms: 5_000 };
        let writer = Writer { worker: "w@h".into(), ..Writer::default() };
        let mut meter = Meter::new(writer, allotment, 600_000, now);
        meter.worker_started(MAIN);
        let running = vec![None; SLOTS as usize];
        let opened_ms = now.mono_ms;
        let (rows, windows) = (Vec::new(), Vec::new());
        let mut world = Self { kernel, meter, now, pool, running, attempts: 0, rows, windows, opened_ms };
        world.look(&mut Vec::new());
        world
    }

    /// A look, while `between` goes on beside it.
    fn look(&mut self, between: &mut Vec<Step>) {
        let table = self.kernel.table(|kernel| {
            if let Some(step) = between.pop() {
                beside(kernel, step);
            }
        });
        self.meter.sample(&table, self.now);
    }

    fn close(&mut self) {
        let rows = self.meter.close(self.now);
        self.windows.push((self.now.mono_ms - self.opened_ms, rows.clone()));
        self.opened_ms = self.now.mono_ms;
        self.rows.extend(rows);
    }

    fn end(&mut self, slot: usize, state: &str) {
        if let Some((attempt, _)) = self.running[slot].take() {
            self.look(&mut Vec::new());
            self.meter.ended(&attempt.to_string(), state, self.now);
        }
    }

    fn play(&mut self, step: Step, rest: &mut Vec<Step>) {
        match step {
            Step::Begin { slot } if self.running[slot as usize].is_none() => {
                self.attempts += 1;
                let id = self.attempts.to_string();
                let identity =
                    Identity { id: id.clone(), ti_id: id.clone(), dag_id: "d".into(), ..Identity::default() };
                self.meter.begun(&identity, Some(MAIN), self.now);
                let title = format!("airflow worker -- {id}");
                let pool_child = self.pool[slot as usize];
                let runner = self.kernel.start(pool_child, Some(self.attempts), &title, true);
                self.running[slot as usize] = Some((self.attempts, runner));
                self.look(&mut Vec::new());
            }
            Step::BurnWorker { who, used } => {
                let pids = [&[AGENT, MAIN], self.pool.as_slice()].concat();
                self.kernel.burn(pids[who as usize], used);
            }
            Step::ReapOrphans => {
                for process in self.kernel.reap_those(AGENT, |id| self.meter.may_reap(id)) {
                    self.meter.reaped(&process, self.now);
                }
            }
            Step::End { slot } => {
                if let Some((_, runner)) = self.running[slot as usize] {
                    self.kernel.exit(runner);
                    self.kernel.reap(self.pool[slot as usize]);
                    self.end(slot as usize, "success");
                }
            }
            Step::KillPoolChild { slot } => {
                // What it used itself since the last look would be the attempt's.
                self.look(&mut Vec::new());
                self.kernel.exit(self.pool[slot as usize]);
                self.kernel.reap(MAIN);
                self.pool[slot as usize] = self.kernel.pool_child();
                self.end(slot as usize, "failed");
            }
            Step::Pass { ms } => {
                self.now.mono_ms += ms;
                self.now.wall_ms += ms;
                self.kernel.uptime_ms += ms;
            }
            Step::Jump { ms, back } => {
                self.now.wall_ms = if back { self.now.wall_ms - ms } else { self.now.wall_ms + ms };
            }
            Step::Look => {
                let mut between: Vec<Step> = Vec::new();
                while between.len() < 6 && rest.last().is_some_and(is_beside) {
                    between.extend(rest.pop());
                }
                self.look(&mut between);
            }
            Step::Close => {
                self.look(&mut Vec::new());
                self.close();
            }
            step => beside(&mut self.kernel, step),
        }
    }

    /// Everything ends, and is seen or reaped.
    fn finish(&mut self) {
        for slot in 0..SLOTS {
            self.play(Step::End { slot }, &mut Vec::new());
        }
        while let Some(pid) = self.kernel.tasks().pop() {
            self.kernel.exit(pid);
        }
        let pids: Vec<u32> =
            self.kernel.processes.keys().rev().copied().filter(|pid| *pid != AGENT).collect();
        for pid in pids {
            self.kernel.reap(pid);
        }
        self.look(&mut Vec::new());
        self.play(Step::ReapOrphans, &mut Vec::new());
        for _ in 0..20 {
            self.play(Step::Pass { ms: 1_000 }, &mut Vec::new());
            self.look(&mut Vec::new());
        }
        self.close();
    }

    pub fn counted(&self) -> BTreeMap<Option<u32>, Counters> {
        let mut counted: BTreeMap<Option<u32>, Counters> = BTreeMap::new();
        for row in &self.rows {
            let whose = match row.kind {
                UsageKind::Task | UsageKind::Orphan => Some(row.ti_id.parse().unwrap()),
                UsageKind::Overhead => None,
                _ => continue,
            };
            *counted.entry(whose).or_default() +=
                Counters { user_ns: row.cpu_user_ns, system_ns: row.cpu_system_ns, ..Counters::default() };
        }
        counted
    }
}

/// What processes of attempts do, also while a table is read.
fn beside(kernel: &mut Kernel, step: Step) {
    let tasks = kernel.tasks();
    let of = |who: usize| tasks.get(who % tasks.len().max(1)).copied();
    match step {
        Step::Fork { who, leads } => {
            if let Some(pid) = of(who) {
                let attempt = kernel.processes[&pid].attempt;
                kernel.start(pid, attempt, "sleep 1", leads);
            }
        }
        Step::Burn { who, used } => {
            if let Some(pid) = of(who) {
                // The kernel's IO counters do not tell own from reaped; they are not followed here.
                kernel.burn(pid, Counters { write_bytes: 0, ..used });
            }
        }
        Step::Exit { who } => {
            // A runner ends with its attempt.
            let is_runner = |pid: &u32| {
                let parent = kernel.processes[pid].parent;
                kernel
                    .processes
                    .get(&parent)
                    .is_some_and(|parent| parent.attempt.is_none() && parent.id.pid != AGENT)
            };
            if let Some(pid) = of(who).filter(|pid| !is_runner(pid)) {
                kernel.exit(pid);
            }
        }
        Step::Reap { who } => {
            if let Some(pid) = of(who) {
                kernel.reap(pid);
            }
        }
        _ => {}
    }
}

fn is_beside(step: &Step) -> bool {
    matches!(step, Step::Fork { .. } | Step::Burn { .. } | Step::Exit { .. } | Step::Reap { .. })
}

pub fn play(mut steps: Vec<Step>, allotment: Allotment) -> World {
    let mut world = World::new(allotment);
    while let Some(step) = steps.pop() {
        world.play(step, &mut steps);
    }
    world.finish();
    world
}
