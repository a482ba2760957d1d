//! The whole client between an application, a driver, a network and a server that all do as the bytes
//! say. After every step the promises are checked that hold at every step: one outcome each (1),
//! bounded (5), no panic and no hang (7).
//!
//! Only the public interface is used.

mod calls;
mod children;
mod ledger;
mod limits;
mod network;
mod packets;
mod publishes;
mod recovery;
mod script;
mod updates;
mod wire;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::{
    AttributeSubscription, ChildId, Client, Combining, Config, Credentials, Event, GatewayConfig,
    Instant, LinkId, LinkRequest, Overflow, ProtocolVersion, QoS, Room, RpcRequest, RpcServer,
    State, VersionPolicy,
};
use children::CHILDREN;
use ledger::{Ledger, Ticket};
use script::{Script, Verb};
use updates::Downloads;
use wire::Peer;

/// Steps of one run; more of them find nothing new and take long.
const MAX_STEPS: usize = 400;

/// Deadlines that may fall due at one instant, one after the other.
const MAX_ROUNDS: usize = 32;

/// Chunks, link requests and events that may come at one instant.
const MAX_OUTPUTS: usize = 1_000;

/// Calls that the application keeps before it forgets the oldest.
const MAX_KEPT_CALLS: usize = 16;

/// Runs a script of calls, bytes, time and cuts on a client. See `script` for its form.
pub fn machine(data: &[u8]) {
    let mut script = Script::new(data);
    let version = script.number().unwrap_or(0);
    let limits = script.number().unwrap_or(0);
    let mut world = World::new(version, limits);
    world.client.handle_timeout(world.now);
    world.settle();
    for _ in 0..MAX_STEPS {
        let Some((verb, number)) = script.step() else {
            break;
        };
        world.step(verb, number, &mut script);
        world.settle();
    }
    // Every other setting ends in the middle of things.
    if (version / 12).is_multiple_of(2) {
        world.recover();
    }
    world.finish();
}

/// The connection as driver and network have it.
#[derive(Debug)]
enum Wire {
    Idle,
    Dialling(LinkId),
    Up(LinkId, Box<Peer>),
}

struct World {
    client: Client,
    now: Instant,
    /// Whether the driver fetches everything after every step.
    eager: bool,
    wire: Wire,
    past: Option<LinkId>,
    ledger: Ledger,
    /// The number of the last message.
    number: u32,
    kept_calls: VecDeque<RpcRequest>,
    rooms: Vec<Room>,
    servers: Vec<RpcServer>,
    subscriptions: Vec<AttributeSubscription>,
    downloads: Downloads,
    children: [Option<ChildId>; CHILDREN],
    /// Children whose devices the server has deleted.
    deleted: Vec<ChildId>,
    /// Bytes of the largest piece that came from the network.
    largest_input: usize,
    /// The first deadline that was given for disconnecting: later ones change nothing.
    deadline: Option<Instant>,
    /// The server's own numbers: packet identifiers and RPC calls.
    server_number: u16,
}

impl World {
    fn new(version: u8, limits: u8) -> Self {
        let endpoint = "mqtt://localhost".parse().expect("an endpoint");
        let config = Config::new(endpoint, Credentials::token("A1_TEST_TOKEN"))
            .version(match version % 3 {
                0 => VersionPolicy::Automatic,
                1 => VersionPolicy::Only(ProtocolVersion::V5),
                _ => VersionPolicy::Only(ProtocolVersion::V3_1_1),
            })
            .overflow(if (version / 6).is_multiple_of(2) {
                Overflow::Reject
            } else {
                Overflow::DropOldest
            })
            .max_inflight([10, 1, 2, 1_000][usize::from(limits % 4)])
            .default_qos(if (limits / 4).is_multiple_of(2) {
                QoS::AtLeastOnce
            } else {
                QoS::AtMostOnce
            })
            .slow_retry(
                (limits / 16)
                    .is_multiple_of(2)
                    .then_some(Duration::from_secs(600)),
            )
            .max_queued_messages(limits::QUEUED_MESSAGES)
            .max_queued_bytes(limits::QUEUED_BYTES)
            .max_packet_size(1_024)
            .max_incoming_packet_size(limits::INCOMING)
            .max_open_requests(limits::OPEN_REQUESTS)
            .max_rpc_calls(limits::RPC_CALLS)
            .chunk_size(updates::CHUNK);
        let config = limits::of_the_server(config, limits / 32);
        let gateway = GatewayConfig::new().max_announcing(2);
        let config = match version / 24 % 3 {
            0 => config,
            1 => config.gateway(gateway),
            _ => config.gateway(gateway.combine(Combining::new())),
        };
        let now = Instant::from_micros(1_000_000);
        let mut client = Client::new(config, now, u64::from(limits)).expect("good credentials");
        if (limits / 8).is_multiple_of(2) {
            client.set_wall_clock(now, calls::NOON_MS);
        }
        Self {
            client,
            now,
            eager: (version / 3).is_multiple_of(2),
            wire: Wire::Idle,
            past: None,
            ledger: Ledger::default(),
            number: 100_000,
            kept_calls: VecDeque::new(),
            rooms: Vec::new(),
            servers: Vec::new(),
            subscriptions: Vec::new(),
            downloads: Downloads::default(),
            children: [None; CHILDREN],
            deleted: Vec::new(),
            largest_input: 0,
            deadline: None,
            server_number: 0,
        }
    }

    fn step(&mut self, verb: Verb, number: u8, script: &mut Script<'_>) {
        match verb {
            Verb::Wait => self.wait(number),
            Verb::NextTimeout => self.next_timeout(),
            Verb::Timeout => self.client.handle_timeout(self.now),
            Verb::FetchLink => {
                self.fetch_link();
            }
            Verb::FetchBytes => {
                self.fetch_bytes();
            }
            Verb::FetchEvent => {
                (0..=number)
                    .take_while(|_| self.fetch_event())
                    .for_each(drop);
            }
            Verb::Raw => {
                let bytes = script.take(usize::from(number));
                self.raw(bytes);
            }
            Verb::Connected
            | Verb::Lost
            | Verb::ConnAck
            | Verb::Acknowledge
            | Verb::AcknowledgeAll
            | Verb::Publish
            | Verb::ChildPublish
            | Verb::PingResp
            | Verb::ServerDisconnect
            | Verb::StaleInput => self.network(verb, number),
            _ => self.call(verb, number),
        }
    }

    fn wait(&mut self, number: u8) {
        let millis = [
            0, 1, 100, 1_000, 5_000, 15_000, 30_000, 60_000, 600_000, 3_600_000,
        ];
        let millis = millis[usize::from(number) % millis.len()];
        self.now = self.now + Duration::from_millis(millis);
        if self.eager {
            self.client.handle_timeout(self.now);
        }
    }

    /// The driver sleeps until the client wants to be woken.
    fn next_timeout(&mut self) {
        if let Some(at) = self.client.poll_timeout() {
            self.now = self.now.max(at);
            self.client.handle_timeout(self.now);
        }
        self.time_moves_on();
    }

    /// Serves what is due until nothing is: the clock of a driver must not stand still.
    fn time_moves_on(&mut self) {
        let mut rounds = 0;
        while let Some(at) = self.client.poll_timeout().filter(|&at| at <= self.now) {
            rounds += 1;
            assert!(
                rounds <= MAX_ROUNDS,
                "{at:?} is due at {:?} again and again",
                self.now
            );
            self.client.handle_timeout(self.now);
            if self.eager {
                self.fetch_all();
            }
        }
    }

    /// What follows every step: the driver's part, and the checks.
    fn settle(&mut self) {
        if self.eager {
            self.fetch_all();
            self.time_moves_on();
            self.fetch_all();
            self.check_counts();
        }
        self.check_limits();
    }

    fn fetch_all(&mut self) {
        let mut outputs = 0;
        while self.fetch_link() || self.fetch_bytes() || self.fetch_event() {
            outputs += 1;
            assert!(
                outputs <= MAX_OUTPUTS,
                "{outputs} outputs at one instant, in {self:?}"
            );
        }
    }

    fn fetch_link(&mut self) -> bool {
        match self.client.poll_link() {
            Some(LinkRequest::Open { link, .. }) => {
                assert!(
                    matches!(self.wire, Wire::Idle),
                    "{link:?} beside {:?}",
                    self.wire
                );
                self.wire = Wire::Dialling(link);
            }
            Some(LinkRequest::Close { link }) => match self.wire {
                Wire::Dialling(current) | Wire::Up(current, _) if current == link => self.cut(link),
                _ => {}
            },
            None => return false,
        }
        true
    }

    fn fetch_bytes(&mut self) -> bool {
        let Some(chunk) = self.client.poll_transmit() else {
            return false;
        };
        let Wire::Up(_, peer) = &mut self.wire else {
            panic!("{} bytes for no connection: {:?}", chunk.len(), self.wire);
        };
        peer.read(&chunk, &mut self.ledger);
        true
    }

    fn fetch_event(&mut self) -> bool {
        match self.client.poll_event() {
            Some(Event::Completed { id, completion }) => self.ledger.complete(id, completion),
            Some(Event::RpcRequest(call)) => {
                self.kept_calls.push_back(call);
                if self.kept_calls.len() > MAX_KEPT_CALLS {
                    self.kept_calls.pop_front();
                }
            }
            Some(Event::AttributesUpdated(update)) => assert!(!update.is_empty()),
            Some(Event::UpdateOffered(offer)) => self.offered(offer),
            Some(Event::ChildDeleted { child }) if !self.deleted.contains(&child) => {
                self.deleted.push(child);
            }
            Some(_) => {}
            None => return false,
        }
        true
    }

    /// Disconnects, and tells by when.
    fn disconnect(&mut self, within: Duration) -> Instant {
        let deadline = self.now + within;
        let ticket = self.client.disconnect(self.now, deadline);
        self.ledger.open(ticket.id(), Ticket::Disconnect);
        *self.deadline.get_or_insert(deadline)
    }

    fn cut(&mut self, link: LinkId) {
        self.past = Some(link);
        self.wire = Wire::Idle;
    }

    /// The end of every run: whatever state the client is in, it closes by its deadline, and every
    /// ticket has ended.
    fn finish(&mut self) {
        for room in self.rooms.drain(..) {
            self.client.release(room);
        }
        let deadline = self.disconnect(Duration::from_secs(10)).max(self.now);
        let mut rounds = 0;
        self.fetch_all();
        while self.client.state() != State::Closed || self.ledger.open_disconnects() > 0 {
            rounds += 1;
            assert!(rounds <= MAX_ROUNDS * 8, "it does not close: {self:?}");
            let at = self.client.poll_timeout();
            self.now = self
                .now
                .max(at.expect("a client that closes keeps the time"));
            self.client.handle_timeout(self.now);
            self.fetch_all();
        }
        // One second more than the deadline, to hand out the last bytes.
        assert!(
            self.now <= deadline + Duration::from_secs(2),
            "closed only at {:?}",
            self.now
        );
        self.eager = true;
        self.settle();
        self.ledger.check_all_ended();
        self.check_empty();
    }
}

impl core::fmt::Debug for World {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now)
            .field("state", &self.client.state())
            .field("stats", &self.client.stats())
            .field("due", &self.client.poll_timeout())
            .field("wire", &self.wire)
            .finish_non_exhaustive()
    }
}
