//! The server's end of one connection: reads what the client writes, and keeps the rules that a
//! strict server would keep.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::children::Announced;
use super::ledger::Ledger;
use super::updates::Question;
use crate::ProtocolVersion;

/// What the server announced in CONNACK.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) receive_maximum: usize,
    pub(super) maximum_packet_size: usize,
    pub(super) takes_qos_1: bool,
}

/// A packet that waits for its acknowledgement.
#[derive(Debug)]
pub(super) enum Unacknowledged {
    Publish {
        numbers: Vec<u32>,
        announces: Option<String>,
    },
    Subscribe {
        filters: usize,
    },
    Unsubscribe {
        filters: usize,
    },
}

#[derive(Debug)]
pub(super) struct Peer {
    version: Option<ProtocolVersion>,
    pub(super) terms: Option<Terms>,
    pub(super) unacknowledged: BTreeMap<u16, Unacknowledged>,
    /// Numbers of attribute requests and of RPC calls that came on this connection.
    pub(super) queries: Vec<i32>,
    pub(super) calls: Vec<i32>,
    /// Numbers of questions for attributes of children that came on this connection.
    pub(super) child_queries: Vec<i64>,
    pub(super) announced: Announced,
    /// Questions for chunks of a package that came on this connection.
    pub(super) questions: Vec<Question>,
    /// Bytes of the server that are still on their way.
    pub(super) held: Vec<u8>,
    /// The server sent bytes that nobody has read: what is acknowledged is unknown.
    pub(super) unreadable: bool,
    left: bool,
    max_inflight: usize,
}

impl Peer {
    pub(super) fn new(max_inflight: usize) -> Self {
        Self {
            version: None,
            terms: None,
            unacknowledged: BTreeMap::new(),
            queries: Vec::new(),
            calls: Vec::new(),
            child_queries: Vec::new(),
            announced: Announced::default(),
            questions: Vec::new(),
            held: Vec::new(),
            unreadable: false,
            left: false,
            max_inflight,
        }
    }

    /// The version that CONNECT asked for.
    pub(super) fn version(&self) -> ProtocolVersion {
        self.version.unwrap_or(ProtocolVersion::V5)
    }

    /// Bytes that the client wrote: whole packets.
    pub(super) fn read(&mut self, mut chunk: &[u8], ledger: &mut Ledger) {
        assert!(!chunk.is_empty(), "an empty chunk");
        while let Some((&first, rest)) = chunk.split_first() {
            let (body, behind) = split_body(rest).expect("a chunk ends where a packet ends");
            let size = chunk.len() - behind.len();
            chunk = behind;
            self.read_packet(first, body, size, ledger);
        }
    }

    fn read_packet(&mut self, first: u8, body: &[u8], size: usize, ledger: &mut Ledger) {
        assert!(
            !self.left,
            "a packet of type {} behind DISCONNECT",
            first >> 4
        );
        assert_eq!(
            self.version.is_none(),
            first == 0x10,
            "CONNECT comes first and once"
        );
        assert!(
            matches!(first, 0x10 | 0xE0) || self.terms.is_some() || self.unreadable,
            "a packet of type {} before CONNACK",
            first >> 4
        );
        if let Some(terms) = self.known_terms() {
            assert!(
                size <= terms.maximum_packet_size,
                "{size} bytes, but {terms:?}"
            );
        }
        match first {
            0x10 => {
                self.version = Some(match body.get(6) {
                    Some(4) => ProtocolVersion::V3_1_1,
                    Some(5) => ProtocolVersion::V5,
                    level => panic!("protocol level {level:?}"),
                });
            }
            0x30 | 0x32 => self.read_publish(first == 0x32, body, ledger),
            0x40 => assert_eq!(body.len(), 2, "a PUBACK of success is short"),
            0x82 => {
                let filters = self.filters(body, 1);
                self.take_identifier(body, Unacknowledged::Subscribe { filters });
            }
            0xA2 => {
                let filters = self.filters(body, 0);
                self.take_identifier(body, Unacknowledged::Unsubscribe { filters });
            }
            0xC0 => assert!(body.is_empty()),
            0xE0 => self.left = true,
            _ => panic!("a client does not send {first:#04x}"),
        }
    }

    fn read_publish(&mut self, qos_1: bool, body: &[u8], ledger: &mut Ledger) {
        let (topic, rest) = text(body).expect("a topic");
        let payload = rest
            .get(if qos_1 { 2 } else { 0 }..)
            .expect("a packet identifier");
        let payload = match self.version() {
            ProtocolVersion::V3_1_1 => payload,
            ProtocolVersion::V5 => payload.strip_prefix(&[0]).expect("no properties"),
        };
        let asked = |prefix| {
            topic
                .strip_prefix(prefix)
                .map(|id| id.parse::<i32>().expect("a number"))
        };
        self.queries
            .extend(asked("v1/devices/me/attributes/request/"));
        self.calls.extend(asked("v1/devices/me/rpc/request/"));
        self.questions.extend(Question::read(topic, payload));
        let announces = topic.strip_prefix("v1/gateway/").and_then(|topic| {
            if topic == "attributes/request" {
                self.child_queries.extend(number(payload));
            }
            self.announced.read(topic, payload, !self.unreadable)
        });
        let numbers: Vec<u32> = numbers(payload).collect();
        for &number in &numbers {
            ledger.written(number);
        }
        if qos_1 {
            let terms = self.known_terms();
            assert!(
                terms.is_none_or(|terms| terms.takes_qos_1),
                "QoS 1 was not offered"
            );
            self.take_identifier(rest, Unacknowledged::Publish { numbers, announces });
            let publishes = self
                .unacknowledged
                .values()
                .filter(|packet| matches!(packet, Unacknowledged::Publish { .. }))
                .count();
            let offered = terms.map_or(usize::MAX, |terms| terms.receive_maximum);
            let most = offered.min(self.max_inflight);
            assert!(
                publishes <= most || self.unreadable,
                "{publishes} on their way of {most}"
            );
        } else if let Some(announces) = announces {
            // A server that takes QoS 0 alone acknowledges nothing.
            self.announced.acknowledged(announces);
        }
    }

    fn known_terms(&self) -> Option<Terms> {
        self.terms.filter(|_| !self.unreadable)
    }

    /// No identifier has two owners.
    fn take_identifier(&mut self, body: &[u8], packet: Unacknowledged) {
        let id = body.first_chunk::<2>().expect("a packet identifier");
        let id = u16::from_be_bytes(*id);
        assert_ne!(id, 0, "packet identifier 0");
        let owner = self.unacknowledged.insert(id, packet);
        assert!(
            owner.is_none() || self.unreadable,
            "{id} still belongs to {owner:?}"
        );
    }

    /// How many filters follow, each with so many bytes of options.
    fn filters(&self, body: &[u8], options: usize) -> usize {
        let properties = usize::from(self.version() == ProtocolVersion::V5);
        let mut rest = body.get(2 + properties..).expect("a packet identifier");
        let mut filters = 0;
        while let Some((filter, behind)) = text(rest) {
            assert!(!filter.is_empty());
            rest = behind.get(options..).expect("subscription options");
            filters += 1;
        }
        assert!(
            rest.is_empty() && filters > 0,
            "{filters} filters, then {rest:x?}"
        );
        filters
    }

    pub(super) fn nth_unacknowledged(&self, position: u8) -> Option<u16> {
        let len = self.unacknowledged.len().max(1);
        self.unacknowledged
            .keys()
            .nth(usize::from(position) % len)
            .copied()
    }
}

/// The body of a packet by its remaining length, and what follows it.
fn split_body(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut len = 0;
    for (position, &byte) in bytes.iter().enumerate().take(4) {
        len |= usize::from(byte & 0x7F) << (7 * position);
        if byte < 0x80 {
            return bytes.get(position + 1..)?.split_at_checked(len);
        }
    }
    None
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    Some((core::str::from_utf8(text).ok()?, rest))
}

/// The number that stands first in a payload.
fn number(payload: &[u8]) -> Option<i64> {
    let rest = payload.strip_prefix(b"{\"id\":")?;
    let end = rest.iter().position(|byte| *byte == b',')?;
    core::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()
}

/// The numbers of messages in a payload: those of exactly six digits.
fn numbers(payload: &[u8]) -> impl Iterator<Item = u32> {
    payload
        .split(|byte| !byte.is_ascii_digit())
        .filter(|digits| digits.len() == 6)
        .filter_map(|digits| core::str::from_utf8(digits).ok()?.parse().ok())
}
