//! What one QoS 1 message costs in the machine alone: call, serialise, frame, hand out, acknowledge,
//! complete. Nanoseconds, allocations and bytes for each message, beside a loop written by hand.
//!
//! `cargo bench -p tb-tests --bench core`, or with `-- --short` only to see that it runs. For a profiler,
//! `-- --only WINDOW MESSAGES` does nothing but move so many messages through the machine, with `paced`
//! behind it under rate limits that are never reached: instructions for each message are the difference of
//! two runs, divided (`valgrind --tool=callgrind`).

mod cost;

use std::collections::VecDeque;
use std::hint::black_box;

use bytes::{BufMut, BytesMut};
use cost::Costs;
use serde::Serialize;
use tb_proto::{
    Client, Completion, Config, Credentials, Event, Instant, LinkRequest, ProtocolVersion,
    RateLimit, RateLimits, Telemetry, VersionPolicy,
};

/// Serialises to some 60 bytes.
#[derive(Serialize)]
struct Reading {
    temperature: f64,
    humidity: u32,
    enabled: bool,
    mode: &'static str,
}

const READING: Reading = Reading {
    temperature: 41.9,
    humidity: 64,
    enabled: true,
    mode: "economy",
};

const NOW: Instant = Instant::from_micros(1_000_000);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, option, window, messages, rest @ ..] = arguments.as_slice()
        && option == "--only"
    {
        let (window, messages): (usize, usize) =
            (window.parse().unwrap(), messages.parse().unwrap());
        let paced = rest.iter().any(|argument| argument == "paced");
        let mut machine = Machine::online(window, paced);
        for _ in 0..messages / window {
            machine.cycle(window);
        }
        return;
    }
    // One short round shows that it runs; it measures nothing.
    let thorough = !arguments.iter().any(|argument| argument == "--short");
    let (rounds, messages) = if thorough { (9, 200_000) } else { (1, 2_000) };
    println!(
        "one QoS 1 telemetry message of {} bytes, best of {rounds} rounds",
        body().len()
    );
    let costs = Costs { width: 34, rounds };
    costs.head();
    costs.row("serialising alone (serde_json)", messages, 1, || {
        let mut out = Vec::with_capacity(128);
        serde_json::to_writer(&mut out, &READING).unwrap();
        black_box(&out);
    });
    costs.row("serialising and checking (ours)", messages, 1, || {
        black_box(Telemetry::new(black_box(&READING)));
    });
    let cycle = |name: &str, window: usize, work: &mut dyn FnMut()| {
        costs.row(name, (messages / window).max(1), window, work);
    };
    for window in [1, 100, 1_000, 60_000] {
        let mut by_hand = ByHand::default();
        let name = format!("by hand, window {window}");
        cycle(&name, window, &mut || by_hand.cycle(window));
    }
    let rows = [1, 100, 1_000, 60_000].map(|window| (window, false));
    for (window, paced) in rows.into_iter().chain([(1_000, true)]) {
        let mut machine = Machine::online(window, paced);
        let limits = if paced { ", paced" } else { "" };
        let name = format!("tb-proto, window {window}{limits}");
        cycle(&name, window, &mut || machine.cycle(window));
    }
}

fn body() -> Vec<u8> {
    serde_json::to_vec(&READING).unwrap()
}

/// The machine with a connection that the server has accepted.
struct Machine {
    client: Client,
    link: tb_proto::LinkId,
    acknowledgements: Vec<u8>,
    next: u16,
}

impl Machine {
    fn online(window: usize, paced: bool) -> Self {
        let mut config = Config::new("mqtt://bench".parse().unwrap(), Credentials::token("BENCH"))
            .version(VersionPolicy::Only(ProtocolVersion::V5))
            // Asked for, they hold the backlog back until the answer comes.
            .ask_session_limits(false)
            .max_inflight(u16::try_from(window).unwrap())
            .max_queued_bytes(1 << 30);
        if paced {
            // Paced like any other, and far from the limits: time stands still here.
            let never_reached: RateLimit = "1000000000:1,2000000000:60".parse().unwrap();
            config = config.rate_limits(RateLimits {
                messages: never_reached.clone(),
                telemetry_messages: never_reached.clone(),
                data_points: never_reached,
            });
        }
        let mut client = Client::new(config, NOW, 1).unwrap();
        client.set_wall_clock(NOW, 1_767_225_600_000);
        client.handle_timeout(NOW);
        let Some(LinkRequest::Open { link, .. }) = client.poll_link() else {
            unreachable!("a new client wants to connect")
        };
        client.handle_connected(NOW, link);
        while client.poll_transmit().is_some() {}
        client.handle_input(NOW, link, &[0x20, 3, 0, 0, 0]);
        while client.poll_event().is_some() {}
        Self {
            client,
            link,
            acknowledgements: Vec::new(),
            next: 1,
        }
    }

    fn cycle(&mut self, messages: usize) {
        for _ in 0..messages {
            let _ = black_box(self.client.send_telemetry(NOW, &READING).unwrap());
        }
        while let Some(chunk) = self.client.poll_transmit() {
            black_box(&chunk);
        }
        self.acknowledgements.clear();
        for _ in 0..messages {
            self.acknowledgements.put_slice(&[0x40, 2]);
            self.acknowledgements.put_u16(self.next);
            self.next = self.next.checked_add(1).unwrap_or(1);
        }
        for chunk in self.acknowledgements.chunks(16 * 1024) {
            self.client.handle_input(NOW, self.link, chunk);
        }
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
}

/// The least that any client has to do: serialise, keep for a resend, frame, find by identifier.
#[derive(Default)]
struct ByHand {
    kept: VecDeque<(u16, Vec<u8>)>,
    out: BytesMut,
    next: u16,
    acknowledgements: Vec<u8>,
}

impl ByHand {
    fn cycle(&mut self, messages: usize) {
        const TOPIC: &[u8] = b"v1/devices/me/telemetry";
        for _ in 0..messages {
            let mut payload = Vec::with_capacity(128);
            serde_json::to_writer(&mut payload, &READING).unwrap();
            self.next = self.next.checked_add(1).unwrap_or(1);
            let len = 2 + TOPIC.len() + 2 + 1 + payload.len();
            self.out.put_u8(0x32);
            self.out.put_u8(len as u8);
            self.out.put_u16(TOPIC.len() as u16);
            self.out.put_slice(TOPIC);
            self.out.put_u16(self.next);
            self.out.put_u8(0);
            self.out.put_slice(&payload);
            self.kept.push_back((self.next, payload));
            if self.out.len() > 32 * 1024 {
                black_box(self.out.split().freeze());
            }
        }
        black_box(self.out.split().freeze());
        self.acknowledgements.clear();
        for (id, _) in &self.kept {
            self.acknowledgements.put_slice(&[0x40, 2]);
            self.acknowledgements.put_u16(*id);
        }
        for acknowledgement in self.acknowledgements.chunks(4) {
            let id = u16::from_be_bytes([acknowledgement[2], acknowledgement[3]]);
            assert_eq!(self.kept.pop_front().map(|(kept, _)| kept), Some(id));
        }
    }
}
