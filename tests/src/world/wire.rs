use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::announced::Announced;
use super::arrivals::READING;
use super::children;
use super::messages;

/// What is seen of the bytes on their way, without the codec under test: no packet identifier has
/// two owners, first transmissions are in order, and what is sent again is the same.
#[derive(Debug, Default)]
pub struct Wire {
    up: Vec<u8>,
    down: Vec<u8>,
    /// MQTT 5: a PUBLISH has properties.
    five: bool,
    /// A connection of 3.1.1 was asked for.
    spoken_3: bool,
    owners: BTreeMap<u16, Owner>,
    /// PUBLISH packets written and not acknowledged on this connection.
    in_flight: usize,
    /// The last reading of each kind that was written for the first time, of each child.
    newest: BTreeMap<(Child, Order), u64>,
    /// The last reading of normal priority that was written on this connection, of each child.
    last: BTreeMap<Child, u64>,
    /// Nothing makes a message suspect on MQTT 5, so readings are in order on every connection, also
    /// those that are sent again.
    ordered: bool,
    /// Readings from this one on may go past older ones.
    live_from: Option<u64>,
    any_order: bool,
    payloads: BTreeMap<u64, Vec<u8>>,
    urgent: BTreeSet<u64>,
    announced: Announced,
    /// PUBLISH packets so far, over all connections.
    pub publishes: u64,
    /// PINGREQ packets so far.
    pub pings: u64,
    /// The most PUBLISH packets that were ever unacknowledged at a time.
    pub most_in_flight: usize,
}

/// Whose reading it is: that of a child, or of the device itself.
type Child = Option<u8>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Publish,
    Subscribe,
    Unsubscribe,
}

/// Readings of these kinds are in order among themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Normal,
    Live,
    Urgent,
}

impl Wire {
    /// A new connection: everything that belonged to the last one is forgotten.
    pub(super) fn connected(&mut self) {
        self.up.clear();
        self.down.clear();
        self.owners.clear();
        self.in_flight = 0;
        self.last.clear();
        self.announced.connected();
    }

    /// The server blames no message and asks for no break.
    pub(super) const fn expect_order(&mut self) {
        self.ordered = true;
    }

    /// The server fails over some messages: those that are suspected of it go past others when they are
    /// sent again.
    pub(super) const fn expect_suspects(&mut self) {
        self.ordered = false;
    }

    /// Readings may go past each other: at any moment rate limits hold some of them up.
    pub(super) const fn expect_any_order(&mut self) {
        self.any_order = true;
    }

    /// Readings from this one on may go past older ones, which rate limits hold up.
    pub(super) const fn expect_overtaking(&mut self, first: u64) {
        self.live_from = Some(first);
    }

    /// This reading goes ahead of others.
    pub(super) fn expect_urgent(&mut self, number: u64) {
        self.urgent.insert(number);
    }

    /// The device writes.
    pub(super) fn up(&mut self, bytes: &[u8]) {
        self.up.extend_from_slice(bytes);
        let mut start = 0;
        while let Some((first, body, end)) = frame(&self.up, start) {
            let body = self.up[body..end].to_vec();
            self.packet_up(first, &body);
            start = end;
        }
        self.up.drain(..start);
    }

    /// The device reads.
    pub(super) fn down(&mut self, bytes: &[u8]) {
        self.down.extend_from_slice(bytes);
        let mut start = 0;
        while let Some((first, body, end)) = frame(&self.down, start) {
            if let [high, low, ..] = self.down[body..end] {
                let id = u16::from_be_bytes([high, low]);
                let owner = match first >> 4 {
                    4 => Some(Owner::Publish),
                    9 => Some(Owner::Subscribe),
                    11 => Some(Owner::Unsubscribe),
                    _ => None,
                };
                if owner.is_some() && self.owners.get(&id) == owner.as_ref() {
                    self.owners.remove(&id);
                    self.in_flight -= usize::from(owner == Some(Owner::Publish));
                    let code = self.down[body..end].get(2);
                    self.announced.acknowledged(id, code.copied().unwrap_or(0));
                }
            }
            start = end;
        }
        self.down.drain(..start);
    }

    /// Whether the device has written only whole packets.
    #[must_use]
    pub const fn is_between_packets(&self) -> bool {
        self.up.is_empty()
    }

    /// Whether any connection has been one of 3.1.1.
    #[must_use]
    pub const fn has_spoken_3(&self) -> bool {
        self.spoken_3
    }

    fn packet_up(&mut self, first: u8, body: &[u8]) {
        match first >> 4 {
            1 => {
                self.five = body.get(6) == Some(&5);
                self.spoken_3 |= !self.five;
                // What is suspected on 3.1.1 is suspected on the next connection too.
                self.ordered &= self.five;
            }
            3 => self.publish_up(first, body),
            8 => {
                self.take(body, Owner::Subscribe);
            }
            10 => {
                self.take(body, Owner::Unsubscribe);
            }
            12 => self.pings += 1,
            4 | 14 => {}
            other => panic!("a device does not send packets of type {other}"),
        }
    }

    fn publish_up(&mut self, first: u8, body: &[u8]) {
        assert_eq!(
            first & 0b1001,
            0,
            "every resend is a new publish, and nothing is retained"
        );
        self.publishes += 1;
        let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let mut at = 2 + topic;
        let mut id = None;
        if first & 0b0110 != 0 {
            id = Some(self.take(&body[at..], Owner::Publish));
            self.in_flight += 1;
            self.most_in_flight = self.most_in_flight.max(self.in_flight);
            at += 2;
        }
        if self.five {
            assert_eq!(body[at], 0, "ThingsBoard knows no property of a PUBLISH");
            at += 1;
        }
        let payload = &body[at..];
        let topic = &body[2..2 + topic];
        if topic.starts_with(b"v1/gateway/") {
            let topic = core::str::from_utf8(topic).expect("a topic");
            let payload = serde_json::from_slice(payload).expect("gateways speak JSON");
            self.announced.publish_up(topic, id, &payload);
            if topic == "v1/gateway/telemetry" {
                self.children_up(&payload);
            }
        } else if (topic.ends_with(b"/telemetry") || topic.starts_with(b"v2/t"))
            && let Some(number) = number(payload).or_else(|| messages::number(payload))
        {
            self.reading_up(None, number, payload);
        }
    }

    fn children_up(&mut self, payload: &Value) {
        for (name, elements) in payload.as_object().into_iter().flatten() {
            for element in elements.as_array().into_iter().flatten() {
                let values = element.get("values").unwrap_or(element);
                if let Some(number) = values[READING].as_u64() {
                    let child = children::number_of(name);
                    self.reading_up(child, number, element.to_string().as_bytes());
                }
            }
        }
    }

    fn reading_up(&mut self, child: Child, number: u64, payload: &[u8]) {
        let is_live = self.live_from.is_some_and(|first| first <= number);
        if self.ordered
            && self.five
            && !self.any_order
            && self.live_from.is_none()
            && !self.urgent.contains(&number)
        {
            let before = self.last.insert(child, number);
            assert!(
                before < Some(number),
                "reading {number} was sent after {before:?} on one connection"
            );
        }
        if let Some(before) = self.payloads.get(&number) {
            assert_eq!(
                before, payload,
                "reading {number} was changed when it was sent again"
            );
            return;
        }
        self.payloads.insert(number, payload.to_vec());
        let order = if self.urgent.contains(&number) {
            Order::Urgent
        } else if is_live {
            Order::Live
        } else {
            Order::Normal
        };
        let newest = self.newest.entry((child, order)).or_insert(0);
        assert!(
            self.any_order || *newest < number,
            "reading {number} was first sent after {newest}"
        );
        *newest = number;
    }

    fn take(&mut self, body: &[u8], owner: Owner) -> u16 {
        let id = u16::from_be_bytes([body[0], body[1]]);
        assert_ne!(id, 0, "0 is no packet identifier");
        if let Some(before) = self.owners.insert(id, owner) {
            panic!("packet identifier {id} has two owners: {before:?} and {owner:?}");
        }
        id
    }
}

/// The number of a reading: what follows `"n":`.
fn number(payload: &[u8]) -> Option<u64> {
    let at = payload.windows(4).position(|window| window == b"\"n\":")? + 4;
    let digits = payload[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number, digit| {
        Some(number.unwrap_or(0) * 10 + u64::from(digit - b'0'))
    })
}

/// The first byte, the start of the body and the end of the packet that begins at `start`.
fn frame(bytes: &[u8], start: usize) -> Option<(u8, usize, usize)> {
    let mut length = 0_usize;
    for (index, &byte) in bytes.get(start + 1..)?.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            let body = start + 2 + index;
            return (body + length <= bytes.len()).then(|| (bytes[start], body, body + length));
        }
    }
    None
}
