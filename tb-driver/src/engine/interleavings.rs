//! Every order in which application, peer, driver and writer can come to the lock: whatever it is, nobody
//! sleeps while there is something to do.
//!
//! Each step is one passage through the lock, so orders of steps are all there is between threads.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::task::Context;

use super::tests::{BUSY, Counter, IDLE, Rig, config};
use super::*;
use crate::Delivery;

const MESSAGES: usize = 3;

/// Who takes the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Actor {
    Application,
    Peer,
    Driver,
    Writer,
}

/// What an actor sleeps on: it takes steps only when it is awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The driver writes by itself.
    Alone,
    /// A writer of its own takes the bytes.
    WithWriter,
}

struct World {
    rig: Rig,
    mode: Mode,
    tickets: Vec<Delivery>,
    /// Identifiers on their way to the peer.
    unacknowledged: VecDeque<[u8; 2]>,
    driver_asleep: bool,
    /// The driver found nothing in its last turn: it would sleep in the next.
    driver_idle: bool,
    writer: Arc<Counter>,
    writer_asleep: bool,
}

impl World {
    fn new(mode: Mode, window: u16) -> Self {
        let rig = Rig::connected(config().max_inflight(window));
        let mut world = Self {
            rig,
            mode,
            tickets: Vec::new(),
            unacknowledged: VecDeque::new(),
            driver_asleep: false,
            driver_idle: false,
            writer: Arc::default(),
            writer_asleep: false,
        };
        while world.can(Actor::Driver) || world.can(Actor::Writer) {
            world.step(Actor::Driver);
            world.step(Actor::Writer);
        }
        world
    }

    fn can(&self, actor: Actor) -> bool {
        match actor {
            Actor::Application => self.tickets.len() < MESSAGES,
            Actor::Peer => !self.unacknowledged.is_empty(),
            Actor::Driver => !self.driver_asleep || self.rig.woken() > 0,
            Actor::Writer => {
                self.mode == Mode::WithWriter && (!self.writer_asleep || self.writer.get() > 0)
            }
        }
    }

    fn step(&mut self, actor: Actor) {
        if !self.can(actor) {
            return;
        }
        match actor {
            Actor::Application => self.tickets.push(self.rig.send()),
            Actor::Peer => {
                if let Some([high, low]) = self.unacknowledged.pop_front() {
                    let puback = [0x40, 2, high, low];
                    self.rig.engine.wire().input(self.rig.link, &puback);
                }
            }
            Actor::Driver => self.turn(),
            Actor::Writer => self.write(),
        }
    }

    fn turn(&mut self) {
        self.rig.forget_wakes();
        let mut readiness = if self.driver_idle { IDLE } else { BUSY };
        readiness.wants_chunk = self.mode == Mode::Alone;
        let turn = self.rig.engine.turn(&self.rig.waker, readiness);
        self.driver_asleep = matches!(turn, Turn::Sleep { .. });
        self.driver_idle = false;
        if let Turn::Work { chunk, .. } = turn {
            self.driver_idle = chunk.is_none();
            self.written(chunk);
        }
    }

    fn write(&mut self) {
        self.writer.reset();
        let waker = Waker::from(Arc::clone(&self.writer));
        let wire = self.rig.engine.wire();
        let polled = wire.poll_chunk(self.rig.link, &Context::from_waker(&waker));
        self.writer_asleep = polled.is_pending();
        if let Poll::Ready(chunk) = polled {
            self.written(chunk);
        }
    }

    fn written(&mut self, chunk: Option<Bytes>) {
        let mut rest = chunk.unwrap_or_default();
        while let [0x32, length, _, topic, ..] = *rest {
            let packet = rest.split_to(2 + usize::from(length));
            let at = 4 + usize::from(topic);
            self.unacknowledged.push_back([packet[at], packet[at + 1]]);
        }
    }
}

/// Runs `schedule` and, after it, always the first who can. Gives the choices there were.
fn run(mode: Mode, window: u16, schedule: &[usize]) -> Vec<(usize, usize)> {
    let actors = [
        Actor::Application,
        Actor::Peer,
        Actor::Driver,
        Actor::Writer,
    ];
    let mut world = World::new(mode, window);
    let mut choices = Vec::new();
    loop {
        let able: Vec<Actor> = actors
            .into_iter()
            .filter(|&actor| world.can(actor))
            .collect();
        let choice = schedule.get(choices.len()).copied().unwrap_or(0);
        let Some(&actor) = able.get(choice) else {
            break;
        };
        choices.push((choice, able.len()));
        assert!(
            choices.len() < 100,
            "{mode:?}, window {window}: nobody comes to rest"
        );
        world.step(actor);
    }
    let stats = world.rig.client.stats();
    assert_eq!(
        (stats.acknowledged, stats.queued_messages),
        (MESSAGES as u64, 0),
        "{mode:?}, window {window}: somebody slept through {choices:?}"
    );
    choices
}

/// Every schedule, in the order of a counter whose digits are choices.
fn run_all(mode: Mode, window: u16) -> usize {
    let mut schedule = Vec::new();
    let mut runs = 0;
    loop {
        let choices = run(mode, window, &schedule);
        runs += 1;
        let Some(last) = choices.iter().rposition(|&(choice, of)| choice + 1 < of) else {
            return runs;
        };
        schedule = choices[..=last].iter().map(|&(choice, _)| choice).collect();
        schedule[last] += 1;
    }
}

#[test]
fn in_whatever_order_they_come_to_the_lock_driver_and_application_miss_nothing() {
    for window in [1, 2, 100] {
        assert!(run_all(Mode::Alone, window) > 100);
    }
}

#[test]
fn in_whatever_order_they_come_to_the_lock_writer_driver_and_application_miss_nothing() {
    for window in [1, 2, 100] {
        assert!(run_all(Mode::WithWriter, window) > 100);
    }
}
