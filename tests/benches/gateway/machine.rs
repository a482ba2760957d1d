//! The machine of a gateway with a connection that the server has accepted, and the least of a server.

use std::hint::black_box;
use std::time::Duration;

use bytes::BufMut;
use tb_proto::{
    AttributeKeys, ChildId, Client, Combining, Completion, Config, Credentials, Event,
    GatewayConfig, Instant, LinkId, LinkLost, LinkRequest, ProtocolVersion, VersionPolicy,
    WhichChildren,
};
use tb_tests::bench::Reading;

/// Whether messages of several children go in one publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Combine {
    Never,
    Always,
}

pub(crate) struct Machine {
    client: Client,
    link: LinkId,
    now: Instant,
    combine: Combine,
    children: Vec<ChildId>,
    /// Changes of a shared attribute, one for each of some children.
    changes: Vec<Vec<u8>>,
    next: usize,
    sent: u64,
    /// What the server answers.
    answers: Vec<u8>,
}

/// Longer than anything waits for others.
const LATER: Duration = Duration::from_millis(200);

impl Machine {
    /// With so many children, which are all announced.
    pub(crate) fn announced(children: usize, combine: Combine) -> Self {
        let mut gateway = GatewayConfig::new();
        if combine == Combine::Always {
            gateway = gateway.combine(Combining::new());
        }
        let config = Config::new(
            "mqtt://bench".parse().expect("an address"),
            Credentials::token("BENCH"),
        )
        .version(VersionPolicy::Only(ProtocolVersion::V5))
        // Asked for, they hold the backlog back until the answer comes.
        .ask_session_limits(false)
        .max_inflight(1_000)
        .gateway(gateway);
        let now = Instant::from_micros(1_000_000);
        let mut client = Client::new(config, now, 1).expect("a valid configuration");
        client.set_wall_clock(now, 1_767_225_600_000);
        let mut gateway = client.gateway();
        let _subscription =
            gateway.subscribe_to_attributes(now, WhichChildren::All, AttributeKeys::All);
        let children: Vec<_> = (0..children)
            .map(|at| gateway.child(now, &name(at), Some("meter")))
            .collect::<Result<_, _>>()
            .expect("names of devices");
        client.handle_timeout(now);
        let mut machine = Self {
            link: open(&mut client),
            client,
            now,
            combine,
            changes: changes(children.len()),
            children,
            next: 0,
            sent: 0,
            answers: Vec::new(),
        };
        machine.connect();
        machine
    }

    /// So many readings, one child after the other, until the server has acknowledged them all.
    pub(crate) fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            let child = self.children[self.next];
            self.next = (self.next + 1) % self.children.len();
            self.sent += 1;
            let reading = Reading::numbered(self.sent);
            let sent = self
                .client
                .gateway()
                .send_telemetry(self.now, child, &reading);
            let _ticket = black_box(sent.expect("it is accepted"));
        }
        self.now = self.now + LATER;
        if self.combine == Combine::Always {
            self.client.handle_timeout(self.now);
        }
        self.exchange();
        let mut acknowledged = 0;
        while let Some(event) = self.client.poll_event() {
            if let Event::Completed {
                completion: Completion::Delivery(Ok(_)),
                ..
            } = event
            {
                acknowledged += 1;
            }
        }
        assert_eq!(acknowledged, messages);
    }

    /// So many changes of a shared attribute come, each for another child.
    pub(crate) fn change(&mut self, changes: usize) {
        for at in 0..changes {
            let change = &self.changes[at % self.changes.len()];
            self.client.handle_input(self.now, self.link, change);
            let event = self.client.poll_event();
            assert!(matches!(event, Some(Event::ChildAttributesUpdated { .. })));
        }
    }

    /// The connection is lost; on the next one all children are announced.
    pub(crate) fn reconnect(&mut self) {
        self.client
            .handle_disconnected(self.now, self.link, LinkLost::Reset);
        while self.client.poll_event().is_some() {}
        if let Some(at) = self.client.poll_timeout() {
            self.now = self.now.max(at);
        }
        self.client.handle_timeout(self.now);
        self.link = open(&mut self.client);
        self.connect();
    }

    fn connect(&mut self) {
        self.client.handle_connected(self.now, self.link);
        while self.client.poll_transmit().is_some() {}
        self.client
            .handle_input(self.now, self.link, &[0x20, 3, 0, 0, 0]);
        self.exchange();
        while self.client.poll_event().is_some() {}
        let last = self.children.last().copied();
        assert!(last.is_none_or(|last| self.client.gateway().is_announced(last)));
    }

    /// Until nothing is left to say, the server acknowledges everything.
    fn exchange(&mut self) {
        loop {
            self.answers.clear();
            while let Some(chunk) = self.client.poll_transmit() {
                acknowledge(&chunk, &mut self.answers);
            }
            if self.answers.is_empty() {
                break;
            }
            self.client.handle_input(self.now, self.link, &self.answers);
        }
    }
}

pub(crate) fn name(at: usize) -> String {
    format!("Meter {at:05}")
}

fn open(client: &mut Client) -> LinkId {
    match client.poll_link() {
        Some(LinkRequest::Open { link, .. }) => link,
        other => panic!("it wants to connect: {other:?}"),
    }
}

/// For up to a hundred children, evenly among all.
fn changes(children: usize) -> Vec<Vec<u8>> {
    const TOPIC: &[u8] = b"v1/gateway/attributes";
    let places = (0..children).step_by((children / 100).max(1)).take(100);
    let change = |at| {
        let payload = format!(r#"{{"device":"{}","data":{{"interval":60}}}}"#, name(at));
        let mut packet = vec![0x30, (2 + TOPIC.len() + 1 + payload.len()) as u8];
        packet.put_u16(TOPIC.len() as u16);
        packet.put_slice(TOPIC);
        packet.put_u8(0);
        packet.put_slice(payload.as_bytes());
        packet
    };
    places.map(change).collect()
}

/// Answers every PUBLISH and SUBSCRIBE of a chunk.
fn acknowledge(mut chunk: &[u8], answers: &mut Vec<u8>) {
    while let Some((&first, rest)) = chunk.split_first() {
        let (mut length, mut digits) = (0_usize, 0);
        for &byte in rest {
            length |= usize::from(byte & 0x7F) << (7 * digits);
            digits += 1;
            if byte < 0x80 {
                break;
            }
        }
        let (body, behind) = rest[digits..].split_at(length);
        chunk = behind;
        match first {
            0x32 => {
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                answers.put_slice(&[0x40, 2, body[2 + topic], body[3 + topic]]);
            }
            0x82 => {
                let mut filters = &body[3..];
                let mut granted = Vec::new();
                while let [high, low, behind @ ..] = filters {
                    let length = usize::from(u16::from_be_bytes([*high, *low]));
                    filters = &behind[length + 1..];
                    granted.push(1);
                }
                answers.put_slice(&[0x90, 3 + granted.len() as u8, body[0], body[1], 0]);
                answers.put_slice(&granted);
            }
            _ => {}
        }
    }
}
