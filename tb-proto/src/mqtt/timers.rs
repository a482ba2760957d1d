//! Every deadline of the MQTT layer, in one table, but for those of messages: the outbox keeps them.

use crate::time::Instant;

/// What can fall due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Dial, TLS and CONNACK have taken too long.
    Connect,
    /// The pause between two attempts is over.
    Retry,
    /// The connection has held long enough to forget earlier failures.
    Held,
    /// MQTT 5 deserves another try.
    VersionRetry,
    /// Messages may flow again after the server asked for a break.
    Resume,
    /// Something about a suspect: its turn to travel alone has come, or is over.
    Suspect,
    /// Tokens of the server's rate limits have come back, or the backlog has waited long enough.
    Pace,
    /// The connection has outlived acknowledgements.
    Confirm,
    /// Draining ends.
    Drain,
    /// PINGREQ is due.
    Ping,
    /// Nothing came from the server for too long.
    Dead,
    /// The oldest written message, or SUBSCRIBE, should have been acknowledged.
    Acknowledgement,
}

const TIMERS: [Timer; 12] = [
    Timer::Connect,
    Timer::Retry,
    Timer::Held,
    Timer::VersionRetry,
    Timer::Resume,
    Timer::Suspect,
    Timer::Pace,
    Timer::Confirm,
    Timer::Drain,
    Timer::Ping,
    Timer::Dead,
    Timer::Acknowledgement,
];

/// Those before [`Timer::Ping`]: the others follow from the state of the connection.
const OF_THEIR_OWN: usize = Timer::Ping as usize;

#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    due: [Option<Instant>; TIMERS.len()],
}

impl Timers {
    /// More than can follow from each other while time goes on.
    pub(crate) const MOST_AT_ONCE: usize = 4 * TIMERS.len();

    pub(crate) const fn set(&mut self, timer: Timer, at: Instant) {
        self.due[timer as usize] = Some(at);
    }

    /// Sets a timer that is not set, or set for later.
    pub(crate) fn set_sooner(&mut self, timer: Timer, at: Instant) {
        let due = &mut self.due[timer as usize];
        *due = Some(due.map_or(at, |due| due.min(at)));
    }

    /// When a timer falls due.
    pub(crate) const fn at(&self, timer: Timer) -> Option<Instant> {
        self.due[timer as usize]
    }

    /// Whether a timer will have fallen due by then.
    pub(crate) fn is_set_before(&self, timer: Timer, at: Instant) -> bool {
        self.due[timer as usize].is_some_and(|due| due <= at)
    }

    pub(crate) const fn stop(&mut self, timer: Timer) {
        self.due[timer as usize] = None;
    }

    /// The first to fall due of those that do not follow from the state of the connection.
    pub(crate) fn next_of_their_own(&self) -> Option<Instant> {
        self.due[..OF_THEIR_OWN]
            .iter()
            .fold(None, |first, &due| Instant::sooner(first, due))
    }

    /// Takes one timer that is due at `now` out of the table.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Timer> {
        let timer = TIMERS
            .into_iter()
            .find(|&timer| self.due[timer as usize].is_some_and(|due| due <= now))?;
        self.stop(timer);
        Some(timer)
    }

    /// Stops everything that belongs to the connection that has ended.
    pub(crate) fn stop_link(&mut self) {
        for timer in [
            Timer::Connect,
            Timer::Held,
            Timer::Ping,
            Timer::Dead,
            Timer::Acknowledgement,
            Timer::VersionRetry,
            Timer::Resume,
            Timer::Suspect,
            Timer::Pace,
            Timer::Confirm,
        ] {
            self.stop(timer);
        }
    }
}
