//! The MQTT layer alone: packets in, packets out, virtual time.

mod acknowledgements;
mod connecting;
mod delivery;
mod keeping_alive;
mod subscribing;
mod suspicion;

use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::codec::{Filter, ProtocolVersion, QoS, Topic};
use crate::time::Instant;

/// A message that is nothing but bytes.
#[derive(Debug)]
struct Text(Vec<u8>);

impl Content for Text {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn memory(&self) -> usize {
        self.0.capacity()
    }

    fn cost(&self) -> Cost {
        Cost::Telemetry { data_points: 1 }
    }

    fn filter_cost(_: &Filter) -> Cost {
        Cost::Message
    }

    fn is_of_gateway(&self) -> bool {
        self.0 == b"of a gateway"
    }
}

/// A client and the hand that plays its server.
struct Table {
    mqtt: Mqtt<Text>,
    now: Instant,
    link: Option<LinkId>,
    signals: Vec<Signal>,
    dials: usize,
}

fn settings(version: Option<ProtocolVersion>) -> Settings {
    Settings {
        endpoints: alloc::vec![
            "mqtt://first".parse().unwrap(),
            "mqtt://second".parse().unwrap()
        ],
        version,
        keep_alive: Duration::from_secs(60),
        ping_timeout: Duration::from_secs(15),
        connect_timeout: Duration::from_secs(20),
        acknowledgement_timeout: Duration::from_secs(60),
        backoff_min: Duration::from_secs(1),
        backoff_max: Duration::from_secs(60),
        slow_retry: Some(Duration::from_secs(600)),
        rate_limit_pause: Duration::from_secs(60),
        rate_limit_share: Share::percent(80),
        max_inflight: 1_000,
        max_incoming: 1 << 20,
        sharing: None,
        outbox: OutboxLimits {
            messages: 1_000,
            bytes: 1 << 20,
        },
    }
}

const ACCEPTED_V5: &[u8] = &[0x20, 3, 0, 0, 0];
const ACCEPTED_V4: &[u8] = &[0x20, 2, 0, 0];

impl Table {
    fn new(version: Option<ProtocolVersion>) -> Self {
        let credentials = Credentials::token("T");
        let mqtt = Mqtt::new(settings(version), credentials, Instant::default(), 1);
        Self {
            mqtt,
            now: Instant::default(),
            link: None,
            signals: Vec::new(),
            dials: 0,
        }
    }

    /// A client whose connection the server has just accepted.
    fn online(version: ProtocolVersion) -> Self {
        let mut table = Self::new(Some(version));
        table.wait(Duration::ZERO);
        table.accept();
        table
    }

    /// Opens the connection that is asked for and accepts it.
    fn accept(&mut self) {
        self.open();
        let accepted = match self.version() {
            ProtocolVersion::V5 => ACCEPTED_V5,
            ProtocolVersion::V3_1_1 => ACCEPTED_V4,
        };
        assert_eq!(self.sent()[0][0], 0x10, "CONNECT comes first");
        self.receive(accepted);
        assert!(self.mqtt.is_online());
    }

    /// Opens the connection that is asked for.
    fn open(&mut self) -> Endpoint {
        let mut found = None;
        while let Some(request) = self.mqtt.poll_link() {
            if let LinkRequest::Open { link, endpoint } = request {
                found = Some((link, endpoint));
            }
        }
        let (link, endpoint) = found.expect("a connection is asked for");
        self.dials += 1;
        self.link = Some(link);
        self.mqtt.handle_connected(self.now, link);
        endpoint
    }

    fn version(&self) -> ProtocolVersion {
        match self.mqtt.phase() {
            Phase::Handshake(link) | Phase::Online(link) => link.version,
            other => panic!("no connection: {other:?}"),
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.mqtt.handle_input(self.now, self.link.unwrap(), bytes);
        while self.mqtt.handle_next_packet() != Progress::Done {}
        self.collect();
    }

    fn lose(&mut self, why: LinkLost) {
        self.mqtt
            .handle_disconnected(self.now, self.link.unwrap(), why);
        self.collect();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.mqtt.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.mqtt.handle_timeout(self.now);
        }
        self.now = end;
        self.mqtt.handle_timeout(end);
        self.collect();
    }

    /// Waits for the next attempt to connect.
    fn wait_for_dial(&mut self) -> Duration {
        let start = self.now;
        while !matches!(self.mqtt.phase(), Phase::Dialling { .. }) {
            let due = self.mqtt.poll_timeout().expect("an attempt is planned");
            self.wait(due.duration_since(self.now));
        }
        self.now.duration_since(start)
    }

    /// The packets that are due, each whole.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.mqtt.poll_transmit() {
            bytes.extend_from_slice(&chunk);
        }
        self.collect();
        let mut packets = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (len, head) = match rest[1] {
                short if short < 0x80 => (usize::from(short), 2),
                low => (usize::from(low & 0x7F) | usize::from(rest[2]) << 7, 3),
            };
            let (packet, behind) = rest.split_at(head + len);
            packets.push(packet.to_vec());
            rest = behind;
        }
        packets
    }

    fn collect(&mut self) {
        while let Some(signal) = self.mqtt.poll_signal() {
            self.signals.push(signal);
        }
    }

    fn publish(&mut self, text: &str) -> MessageId {
        self.publish_as(text, |_| {})
    }

    fn publish_as(&mut self, text: &str, change: impl FnOnce(&mut Publication<Text>)) -> MessageId {
        let mut publication = Publication {
            topic: Topic::from_static("t"),
            content: Text(text.into()),
            qos: QoS::AtLeastOnce,
            lane: Lane::Normal,
            accepted: self.now,
            expires: None,
            on_link_end: OnLinkEnd::Resend,
            is_activity: true,
            origin: None,
        };
        change(&mut publication);
        self.mqtt.submit(publication, false)
    }

    /// Acknowledges this PUBLISH packet with `reason` (MQTT 5; 3.1.1 has none).
    fn acknowledge(&mut self, publish: &[u8], reason: u8) {
        let id = packet_id(publish);
        match (self.version(), reason) {
            (ProtocolVersion::V3_1_1, _) | (_, 0) => self.receive(&[0x40, 2, id[0], id[1]]),
            (ProtocolVersion::V5, reason) => self.receive(&[0x40, 3, id[0], id[1], reason]),
        }
    }

    /// The outcomes since last asked, in order.
    fn outcomes(&mut self) -> Vec<(MessageId, Outcome)> {
        self.collect();
        let (settled, rest): (Vec<_>, Vec<_>) = core::mem::take(&mut self.signals)
            .into_iter()
            .partition(|signal| matches!(signal, Signal::Settled { .. }));
        self.signals = rest;
        settled
            .into_iter()
            .map(|signal| match signal {
                Signal::Settled { id, outcome } => (id, outcome),
                _ => unreachable!(),
            })
            .collect()
    }

    /// Why the connection ended last, and whether another attempt is planned.
    fn last_end(&mut self) -> (Cause, bool) {
        self.collect();
        self.signals
            .iter()
            .rev()
            .find_map(|signal| match signal {
                Signal::Offline {
                    cause,
                    next_attempt,
                } => Some((*cause, next_attempt.is_some())),
                _ => None,
            })
            .expect("the connection has ended")
    }
}

/// The packet identifier of a QoS 1 PUBLISH on the topic `t`.
fn packet_id(publish: &[u8]) -> [u8; 2] {
    assert_eq!(publish[0], 0x32, "QoS 1, DUP 0, RETAIN 0");
    let head = if publish[1] < 0x80 { 2 } else { 3 };
    [publish[head + 3], publish[head + 4]]
}

/// Whether this packet is a PUBLISH that carries `text`.
fn carries(packet: &[u8], text: &str) -> bool {
    packet[0] & 0xF0 == 0x30 && packet.ends_with(text.as_bytes())
}

const ACKNOWLEDGED_V5: Outcome = Outcome::Delivered(Delivered::Acknowledged {
    version: ProtocolVersion::V5,
});
