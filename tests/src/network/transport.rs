use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

use tb_proto::LinkLost;

use super::conditions::{Conditions, Dial, Pieces};
use super::lane::{Lane, LaneState};
use super::random::Random;
use crate::sim::Time;

/// One connection, or the attempt to get one; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(usize);

/// Who writes or reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The device.
    Client,
    /// The server.
    Server,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// How a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// What was on its way arrives, and nothing after it. Nobody is told; both sides believe that the
    /// connection lasts (half-open).
    Silent,
    /// In order: what was on its way arrives, then both sides are told.
    Fin,
    /// Both sides are told, and what was on its way is gone.
    Rst,
}

/// What a side is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arrival {
    /// The connection is open.
    Opened,
    /// The connection could not be opened.
    Refused,
    /// Bytes from the other side.
    Bytes(Vec<u8>),
    /// The other side has closed.
    Closed,
    /// The connection was reset.
    Reset,
}

/// Something arrives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delivery {
    /// On which connection.
    pub path: PathId,
    /// At whom.
    pub to: Side,
    /// What.
    pub what: Arrival,
}

/// See the [module](super).
#[derive(Debug)]
pub struct Network {
    conditions: Conditions,
    random: Random,
    paths: Vec<Path>,
    agenda: BinaryHeap<Reverse<(Time, u64, Delivery)>>,
    sequence: u64,
}

#[derive(Debug)]
struct Path {
    /// To the server.
    up: Lane,
    /// To the device.
    down: Lane,
    /// Why it was refused, if it was.
    refused: Option<LinkLost>,
}

impl Path {
    const fn to(&mut self, side: Side) -> &mut Lane {
        match side {
            Side::Server => &mut self.up,
            Side::Client => &mut self.down,
        }
    }
}

impl Network {
    /// A network without connections whose accidents follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            conditions: Conditions::default(),
            random: Random::new(seed),
            paths: Vec::new(),
            agenda: BinaryHeap::new(),
            sequence: 0,
        }
    }

    /// The conditions, to be changed at will.
    pub const fn conditions_mut(&mut self) -> &mut Conditions {
        &mut self.conditions
    }

    /// The device wants a connection.
    pub fn dial(&mut self, now: Time) -> PathId {
        let path = PathId(self.paths.len());
        self.paths.push(Path {
            up: Lane::new(now),
            down: Lane::new(now),
            refused: None,
        });
        match self.conditions.dial {
            Dial::Unanswered => {}
            Dial::Refused(why) => {
                self.paths[path.0].refused = Some(why);
                self.schedule(now, path, Side::Client, Arrival::Refused);
            }
            Dial::Accepted => {
                let reached = self.schedule(now, path, Side::Server, Arrival::Opened);
                self.schedule(reached, path, Side::Client, Arrival::Opened);
            }
        }
        path
    }

    /// Why the path was refused.
    #[must_use]
    pub fn refusal(&self, path: PathId) -> LinkLost {
        self.paths[path.0].refused.unwrap_or(LinkLost::Unreachable)
    }

    /// One side writes.
    pub fn write(&mut self, now: Time, path: PathId, from: Side, mut bytes: &[u8]) {
        let to = from.other();
        let lane = self.paths[path.0].to(to);
        if lane.state != LaneState::Flowing {
            return;
        }
        let mut breaks = None;
        if let Some((after, how)) = lane.breaks_after {
            let whole = bytes.len() as u64;
            if after <= whole {
                bytes = &bytes[..after as usize];
                breaks = Some(how);
            } else {
                lane.breaks_after = Some((after - whole, how));
            }
        }
        lane.in_flight += bytes.len();
        while !bytes.is_empty() {
            let length = match self.conditions.pieces {
                Pieces::Whole => bytes.len(),
                Pieces::OneByte => 1,
                Pieces::UpTo(most) => 1 + self.random.up_to(most.max(1) as u64 - 1) as usize,
            };
            let (piece, rest) = bytes.split_at(length.min(bytes.len()));
            self.schedule(now, path, to, Arrival::Bytes(piece.to_vec()));
            bytes = rest;
        }
        if let Some(how) = breaks {
            if how == Cut::Rst {
                self.paths[path.0].to(to).state = LaneState::Closing;
                self.schedule(now, path, to, Arrival::Reset);
            }
            self.cut(now, path, how);
        }
    }

    /// Whether the device's transport would take more bytes.
    #[must_use]
    pub fn can_write(&self, path: PathId) -> bool {
        self.paths[path.0].up.in_flight < self.conditions.capacity
    }

    /// One side closes: it hears nothing more, the other side is told behind all that was written.
    pub fn close(&mut self, now: Time, path: PathId, by: Side) {
        self.paths[path.0].to(by).state = LaneState::Ended;
        if self.paths[path.0].to(by.other()).state == LaneState::Flowing {
            self.paths[path.0].to(by.other()).state = LaneState::Closing;
            self.schedule(now, path, by.other(), Arrival::Closed);
        }
    }

    /// The connection breaks now.
    pub fn cut(&mut self, now: Time, path: PathId, how: Cut) {
        for side in [Side::Server, Side::Client] {
            let lane = self.paths[path.0].to(side);
            lane.breaks_after = None;
            if lane.state != LaneState::Flowing {
                continue;
            }
            match how {
                Cut::Silent => lane.state = LaneState::Closing,
                Cut::Fin => {
                    lane.state = LaneState::Closing;
                    self.schedule(now, path, side, Arrival::Closed);
                }
                Cut::Rst => {
                    lane.state = LaneState::Broken;
                    lane.last_arrival = now;
                    self.schedule(now, path, side, Arrival::Reset);
                }
            }
        }
    }

    /// The connection breaks when `from` has written so many more bytes: what is beyond them is lost.
    pub fn cut_after(&mut self, path: PathId, from: Side, bytes: u64, how: Cut) {
        let lane = self.paths[path.0].to(from.other());
        if lane.state == LaneState::Flowing {
            lane.breaks_after = Some((bytes, how));
        }
    }

    /// Takes back every [`cut_after`](Self::cut_after) that has not happened yet.
    pub fn disarm(&mut self) {
        for path in &mut self.paths {
            path.up.breaks_after = None;
            path.down.breaks_after = None;
        }
    }

    /// When something arrives next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.agenda.peek().map(|Reverse((at, ..))| *at)
    }

    /// The next thing that has arrived by `now`.
    pub fn poll_delivery(&mut self, now: Time) -> Option<Delivery> {
        while self.poll_timeout().is_some_and(|at| at <= now) {
            let Reverse((_, _, delivery)) = self.agenda.pop()?;
            let lane = self.paths[delivery.path.0].to(delivery.to);
            if let Arrival::Bytes(bytes) = &delivery.what {
                lane.in_flight -= bytes.len();
            }
            match (lane.state, &delivery.what) {
                (LaneState::Ended, _)
                | (LaneState::Broken, Arrival::Bytes(_) | Arrival::Opened) => {}
                (_, Arrival::Closed | Arrival::Reset | Arrival::Refused) => {
                    lane.state = LaneState::Ended;
                    return Some(delivery);
                }
                (LaneState::Flowing | LaneState::Closing, Arrival::Bytes(_) | Arrival::Opened) => {
                    return Some(delivery);
                }
            }
        }
        None
    }

    fn schedule(&mut self, now: Time, path: PathId, to: Side, what: Arrival) -> Time {
        let jitter = u64::try_from(self.conditions.jitter.as_micros()).unwrap_or(u64::MAX);
        let drawn = if jitter == 0 {
            0
        } else {
            self.random.up_to(jitter)
        };
        let mut at = now + self.conditions.latency + Duration::from_micros(drawn);
        if to == Side::Server {
            at = at.max(self.conditions.stalled_until);
        }
        let coalesce = u64::try_from(self.conditions.coalesce.as_micros()).unwrap_or(u64::MAX);
        if coalesce > 0 {
            at = Time(at.0.div_ceil(coalesce).saturating_mul(coalesce));
        }
        let lane = self.paths[path.0].to(to);
        at = at.max(lane.last_arrival);
        lane.last_arrival = at;
        self.sequence += 1;
        self.agenda
            .push(Reverse((at, self.sequence, Delivery { path, to, what })));
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(network: &mut Network, until: Time) -> Vec<(Side, Arrival)> {
        core::iter::from_fn(|| network.poll_delivery(until))
            .map(|delivery| (delivery.to, delivery.what))
            .collect()
    }

    fn connected(seed: u64) -> (Network, PathId) {
        let mut network = Network::new(seed);
        let path = network.dial(Time(0));
        let told = arrived(&mut network, Time::from_millis(100));
        assert_eq!(
            told,
            [
                (Side::Server, Arrival::Opened),
                (Side::Client, Arrival::Opened)
            ]
        );
        (network, path)
    }

    const LATER: Time = Time::from_millis(10_000);

    #[test]
    fn bytes_arrive_in_order_whatever_the_pieces_and_the_jitter() {
        for pieces in [Pieces::Whole, Pieces::OneByte, Pieces::UpTo(7)] {
            let (mut network, path) = connected(3);
            network.conditions_mut().pieces = pieces;
            network.conditions_mut().jitter = Duration::from_millis(500);
            let sent: Vec<u8> = (0..200).collect();
            for part in sent.chunks(30) {
                network.write(Time::from_millis(100), path, Side::Client, part);
            }
            let got: Vec<u8> = arrived(&mut network, LATER)
                .into_iter()
                .flat_map(|(_, what)| match what {
                    Arrival::Bytes(bytes) => bytes,
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(got, sent, "{pieces:?}");
        }
    }

    #[test]
    fn a_cut_after_so_many_bytes_lets_exactly_those_through() {
        for (how, end) in [
            (Cut::Silent, None),
            (Cut::Fin, Some(Arrival::Closed)),
            (Cut::Rst, Some(Arrival::Reset)),
        ] {
            let (mut network, path) = connected(3);
            network.cut_after(path, Side::Server, 5, how);
            network.write(Time::from_millis(100), path, Side::Server, b"1234567");
            network.write(Time::from_millis(101), path, Side::Server, b"89");
            let told = arrived(&mut network, LATER);
            let at = |side| {
                told.iter()
                    .filter(move |(to, _)| *to == side)
                    .map(|(_, what)| what)
            };
            let bytes = Arrival::Bytes(b"12345".to_vec());
            assert!(
                at(Side::Client).eq(core::iter::once(&bytes).chain(&end)),
                "{told:?}"
            );
            assert!(at(Side::Server).eq(&end), "{told:?}");
        }
    }

    #[test]
    fn a_reset_overtakes_what_was_on_its_way() {
        let (mut network, path) = connected(3);
        network.write(Time::from_millis(100), path, Side::Server, b"lost");
        network.cut(Time::from_millis(101), path, Cut::Rst);
        let told = arrived(&mut network, LATER);
        assert_eq!(
            told,
            [
                (Side::Server, Arrival::Reset),
                (Side::Client, Arrival::Reset)
            ]
        );
    }

    #[test]
    fn who_closes_hears_nothing_more_and_the_other_is_told_last() {
        let (mut network, path) = connected(3);
        network.write(Time::from_millis(100), path, Side::Client, b"bye");
        network.close(Time::from_millis(100), path, Side::Client);
        network.write(Time::from_millis(101), path, Side::Server, b"unheard");
        let told = arrived(&mut network, LATER);
        assert_eq!(
            told,
            [
                (Side::Server, Arrival::Bytes(b"bye".to_vec())),
                (Side::Server, Arrival::Closed)
            ]
        );
    }

    #[test]
    fn a_server_that_does_not_read_fills_the_transport() {
        let (mut network, path) = connected(3);
        network.conditions_mut().stalled_until = Time::from_millis(5_000);
        network.conditions_mut().capacity = 10;
        network.write(Time::from_millis(100), path, Side::Client, b"0123456789");
        assert!(!network.can_write(path));
        assert_eq!(arrived(&mut network, Time::from_millis(4_999)), []);
        assert_eq!(arrived(&mut network, Time::from_millis(5_000)).len(), 1);
        assert!(network.can_write(path));
    }

    #[test]
    fn nobody_answers_or_somebody_refuses() {
        let mut network = Network::new(1);
        network.conditions_mut().dial = Dial::Unanswered;
        network.dial(Time(0));
        assert_eq!(network.poll_timeout(), None);
        network.conditions_mut().dial = Dial::Refused(LinkLost::ConnectionRefused);
        let path = network.dial(Time(0));
        assert_eq!(
            arrived(&mut network, LATER),
            [(Side::Client, Arrival::Refused)]
        );
        assert_eq!(network.refusal(path), LinkLost::ConnectionRefused);
    }
}
