//! A recording turned round: what its server did, and what the application has to do to provoke it.

use std::collections::BTreeMap;

use super::super::exchange::{Connection, Expected, Protocol, Recording, Step};
use super::super::packet::{Kind, PacketView};
use super::super::protobuf;
use super::super::template::Template;

/// What happens on one connection, from its opening on.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct LinkScript {
    pub(crate) moves: Vec<Move>,
}

impl LinkScript {
    /// How many packets of this type the server writes in it.
    pub(crate) fn delivered(&self, kind: Kind) -> usize {
        let packets = self.moves.iter().filter_map(|each| match each {
            Move::Deliver(packets) => Some(packets),
            _ => None,
        });
        let firsts = packets.flatten().filter_map(|packet| packet.first());
        firsts.filter(|first| Kind::of(**first) == kind).count()
    }
}

/// One move.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Move {
    /// The recorded client sent this packet; the application does what leads to one like it.
    Provoke {
        /// The packet as it was recorded.
        recorded: Vec<u8>,
        /// What the application calls.
        call: Option<Call>,
    },
    /// The server writes these packets.
    Deliver(Vec<Vec<u8>>),
    /// Time passes, in milliseconds.
    Pass(u64),
    /// The server closes the connection.
    HangUp,
    /// The connection is lost without a word from the server.
    Lose,
}

/// What an application calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// Sends telemetry, this if it is acceptable.
    Telemetry(Vec<u8>),
    /// Sends client attributes, these if they are acceptable.
    Attributes(Vec<u8>),
    /// Asks for attributes.
    RequestAttributes,
    /// Calls a method of the server.
    Rpc,
    /// Answers an open call of the server.
    Reply,
}

/// One script for each connection that the recording opens, in this order.
pub(crate) fn scripts(recording: &Recording) -> Vec<LinkScript> {
    let mut scripts: Vec<LinkScript> = Vec::new();
    let mut current: BTreeMap<&Connection, usize> = BTreeMap::new();
    for step in &recording.steps {
        if let Step::Open { connection, .. } = step {
            current.insert(connection, scripts.len());
            scripts.push(LinkScript::default());
            continue;
        }
        match connection_of(step) {
            Some(connection) => {
                let script = current
                    .get(connection)
                    .and_then(|&place| scripts.get_mut(place));
                if let Some(script) = script {
                    script.moves.extend(moves(step, recording.protocol));
                }
            }
            // Time passes on every connection.
            None => {
                for script in &mut scripts {
                    script.moves.extend(moves(step, recording.protocol));
                }
            }
        }
    }
    scripts
}

fn connection_of(step: &Step) -> Option<&Connection> {
    match step {
        Step::Open { connection, .. }
        | Step::Send { connection, .. }
        | Step::Receive { connection, .. }
        | Step::ReceiveUnlisted { connection }
        | Step::Silence { connection, .. }
        | Step::Closed { connection }
        | Step::ClientCloses { connection } => Some(connection),
        Step::Wait { .. } | Step::Control(_) | Step::Outcome(_) => None,
    }
}

fn moves(step: &Step, protocol: Protocol) -> Vec<Move> {
    match step {
        Step::Send { packets, .. } => packets
            .iter()
            .map(|packet| provoke(packet, protocol))
            .collect(),
        Step::Receive { packets, .. } => {
            vec![Move::Deliver(
                packets
                    .iter()
                    .filter_map(|packet| bytes(packet, protocol))
                    .collect(),
            )]
        }
        Step::Silence { millis, .. } | Step::Wait { millis } => vec![Move::Pass(*millis)],
        Step::Closed { .. } => vec![Move::HangUp],
        Step::ClientCloses { .. } => vec![Move::Lose],
        Step::Open { .. } | Step::ReceiveUnlisted { .. } | Step::Control(_) | Step::Outcome(_) => {
            Vec::new()
        }
    }
}

fn provoke(packet: &Template, protocol: Protocol) -> Move {
    let recorded = packet.bytes().to_vec();
    let view = PacketView::new(&recorded, protocol);
    let call = view.publish().and_then(|publish| {
        let topic = core::str::from_utf8(publish.topic).ok()?;
        let payload = || publish.payload.to_vec();
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| topic.starts_with(prefix));
        Some(
            if starts(&[
                "v1/devices/me/attributes/request/",
                "v2/a/req/",
                "v1/gateway/attributes/request",
            ]) {
                Call::RequestAttributes
            } else if starts(&["v1/devices/me/rpc/request/", "v2/r/req/"]) {
                Call::Rpc
            } else if starts(&["v1/devices/me/rpc/response/", "v2/r/res/", "v1/gateway/rpc"]) {
                Call::Reply
            } else if starts(&[
                "v1/devices/me/attributes",
                "v2/a",
                "v1/gateway/attributes",
                "lab/x/attributes",
            ]) {
                Call::Attributes(payload())
            } else {
                Call::Telemetry(payload())
            },
        )
    });
    // What is no publish the client under test does in its own way and at its own time.
    Move::Provoke {
        call: call.filter(|_| view.kind() == Kind::Publish),
        recorded,
    }
}

fn bytes(packet: &Expected, protocol: Protocol) -> Option<Vec<u8>> {
    match packet {
        Expected::Bytes(template) => Some(template.bytes().to_vec()),
        Expected::Described(publish) => {
            let mut body = Vec::new();
            body.extend(u16::try_from(publish.topic.len()).ok()?.to_be_bytes());
            body.extend(publish.topic.as_bytes());
            body.extend(
                publish
                    .packet_id
                    .map(u16::to_be_bytes)
                    .into_iter()
                    .flatten(),
            );
            body.extend(protocol.has_properties().then_some(0));
            body.extend(protobuf::encode(&publish.protobuf)?);
            Some(super::frame(0x30 | publish.flags(), &body))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Corpus;

    fn recording(id: &str) -> Recording {
        let corpus = Corpus::golden().unwrap();
        corpus
            .recordings
            .into_iter()
            .find(|recording| recording.id == id)
            .unwrap()
    }

    #[test]
    fn the_server_keeps_its_packets_and_the_client_loses_its_own() {
        let scripts = scripts(&recording("c-029-qos0-nothing-v4"));
        let [script] = &scripts[..] else {
            panic!("{scripts:?}")
        };
        let [
            Move::Provoke { call: None, .. },
            Move::Deliver(connack),
            Move::Provoke {
                call: Some(call), ..
            },
            Move::Pass(250),
            ..,
        ] = &script.moves[..]
        else {
            panic!("{script:?}")
        };
        assert_eq!(connack, &[vec![0x20, 2, 0, 0]]);
        assert_eq!(call, &Call::Telemetry(b"{\"a\":1}".to_vec()));
    }

    #[test]
    fn a_payload_that_was_only_described_is_made_again() {
        for (id, properties) in [
            ("proto-gw-rpc-v4", None),
            ("proto-gw-rpc-v5", Some(&[][..])),
        ] {
            let recording = recording(id);
            let scripts = scripts(&recording);
            let delivered = scripts
                .iter()
                .flat_map(|script| &script.moves)
                .filter_map(|each| match each {
                    Move::Deliver(packets) => Some(packets),
                    _ => None,
                });
            let publish = delivered
                .flatten()
                .find_map(|packet| PacketView::new(packet, recording.protocol).publish())
                .unwrap();
            assert_eq!(publish.topic, b"v1/gateway/rpc");
            assert_eq!(publish.properties, properties);
            assert!(publish.payload.starts_with(b"\x0a\x06child1"));
        }
    }
}
