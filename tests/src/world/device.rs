use core::time::Duration;
use std::collections::VecDeque;

use serde_json::json;
use tb_proto::{
    Client, Config, Event, Instant, LinkId, LinkLost, LinkRequest, RpcReply, RpcRequest, Stats,
};

use super::application::{Answering, Application};
use super::children::Family;
use super::ledger::{Kind, Ledger};
use super::meter::Meter;
use super::wire::Wire;
use crate::network::{Arrival, Network, PathId, Side};
use crate::sim::Time;

/// In which order a driver asks the machine what it has to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Draining {
    /// Connections, bytes, events; after every call.
    #[default]
    Usual,
    /// Events, bytes, connections; after every call.
    Reversed,
    /// As usual, but only when all that happens at an instant has happened.
    Late,
}

/// What the machine was configured with, for those who check.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) queued_messages: usize,
    pub(super) queued_bytes: usize,
    pub(super) incoming_packet_size: usize,
    pub(super) keep_alive: Duration,
}

impl Limits {
    /// The defaults of [`Config`].
    pub(super) const DEFAULT: Self = Self {
        queued_messages: 100_000,
        queued_bytes: 16 * 1024 * 1024,
        incoming_packet_size: 1024 * 1024,
        keep_alive: Duration::from_secs(60),
    };
}

/// What a machine said, to be compared with what it says elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Events, each with the moment when it was fetched.
    pub events: Vec<String>,
    /// Bytes, connection by connection.
    pub written: Vec<Vec<u8>>,
}

/// A client, its driver and its application.
#[derive(Debug)]
pub struct Device {
    pub(super) client: Client,
    pub(super) limits: Limits,
    /// Its readings and attributes are protobuf messages.
    pub(super) speaks_protobuf: bool,
    pub(super) meter: Meter,
    pub(super) ledger: Ledger,
    pub(super) wire: Wire,
    pub(super) application: Application,
    pub(super) downloads: super::Downloads,
    pub(super) family: Family,
    /// The connection that the driver has, or tries to get.
    pub(super) link: Option<(LinkId, PathId)>,
    pub(super) past_link: Option<LinkId>,
    /// The hosts that were dialled, in turn.
    pub(super) dialled: Vec<String>,
    /// Time of the world that the device's own clock did not count.
    pub(super) slept: u64,
    /// While it sleeps, what arrives waits here.
    pub(super) mailbox: Option<VecDeque<(PathId, Arrival)>>,
    pub(super) draining: Draining,
    /// The application fetches events.
    pub(super) fetches: bool,
    /// What its wall clock shows is right.
    pub(super) clock_is_right: bool,
    /// Everything that it was told and everything that it wrote, if somebody wants to compare.
    pub(super) trace: Option<Trace>,
    /// Times that the machine was woken because it asked for it.
    pub(super) wakes: u64,
}

/// More outputs than this at one instant are a machine that never comes to rest.
const MOST_OUTPUTS: usize = 20_000;

impl Device {
    pub(super) fn new(
        config: Config,
        limits: Limits,
        now: Time,
        seed: u64,
        mut meter: Meter,
    ) -> Self {
        let client = meter.run(|| Client::new(config, Instant::from_micros(now.0), seed));
        Self {
            client: client.expect("the credentials of the world are fine"),
            limits,
            speaks_protobuf: false,
            meter,
            ledger: Ledger::default(),
            wire: Wire::default(),
            application: Application::default(),
            downloads: super::Downloads::default(),
            family: Family::default(),
            link: None,
            past_link: None,
            dialled: Vec::new(),
            slept: 0,
            mailbox: None,
            draining: Draining::Usual,
            fetches: true,
            clock_is_right: true,
            trace: None,
            wakes: 0,
        }
    }

    /// What it was promised, and got.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What was seen of its bytes.
    #[must_use]
    pub const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Its children, if it is a gateway.
    #[must_use]
    pub const fn family(&self) -> &Family {
        &self.family
    }

    /// What it did so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.client.stats()
    }

    /// The machine itself.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The newest notices of the machine, the newest last: everything but outcomes, calls and updates.
    #[must_use]
    pub fn notices(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.application.notices.iter()
    }

    /// What it was told and what it wrote since [`World::trace`](super::World::trace).
    #[must_use]
    pub const fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// The hosts that were dialled, in turn.
    #[must_use]
    pub fn dialled(&self) -> &[String] {
        &self.dialled
    }

    /// Calls that the application has not answered.
    #[must_use]
    pub fn unanswered_calls(&self) -> usize {
        self.application.calls.len()
    }

    /// The value of a shared attribute, as the application was told last. Deleted ones have none.
    #[must_use]
    pub fn shared(&self, key: &str) -> Option<i64> {
        self.application.shared.get(key).copied().flatten()
    }

    /// What the device's own clock shows at a moment of the world.
    pub(super) const fn clock(&self, now: Time) -> Instant {
        Instant::from_micros(now.0.saturating_sub(self.slept))
    }

    /// A moment of the device's clock as a moment of the world.
    pub(super) const fn world_time(&self, at: Instant) -> Time {
        Time(at.as_micros().saturating_add(self.slept))
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.client.poll_timeout().map(|at| self.world_time(at))
    }

    /// Runs something inside the client, under the meter.
    pub(super) fn call<R>(&mut self, act: impl FnOnce(&mut Client) -> R) -> R {
        let Self { client, meter, .. } = self;
        meter.run(|| act(client))
    }

    /// The timer that the machine asked for.
    pub(super) fn wake(&mut self, now: Time) {
        let clock = self.clock(now);
        self.wakes += 1;
        self.call(|client| client.handle_timeout(clock));
    }

    /// Something comes from the network.
    pub(super) fn arrive(&mut self, now: Time, path: PathId, what: Arrival, network: &Network) {
        if let Some(mailbox) = &mut self.mailbox {
            mailbox.push_back((path, what));
            return;
        }
        let Some((link, _)) = self.link.filter(|&(_, current)| current == path) else {
            return;
        };
        let clock = self.clock(now);
        let lost = match what {
            Arrival::Opened => {
                self.wire.connected();
                if let Some(trace) = &mut self.trace {
                    trace.written.push(Vec::new());
                }
                self.call(|client| client.handle_connected(clock, link));
                return;
            }
            Arrival::Bytes(bytes) => {
                self.wire.down(&bytes);
                self.call(|client| client.handle_input(clock, link, &bytes));
                return;
            }
            Arrival::Refused => network.refusal(path),
            Arrival::Closed => LinkLost::Closed,
            Arrival::Reset => LinkLost::Reset,
        };
        self.lose(now, lost);
    }

    /// The driver reports that the connection is lost.
    pub(super) fn lose(&mut self, now: Time, why: LinkLost) {
        if let Some((link, _)) = self.link.take() {
            self.past_link = Some(link);
            let clock = self.clock(now);
            self.call(|client| client.handle_disconnected(clock, link, why));
        }
    }

    /// Asks the machine what it has to say, until it has nothing more.
    pub(super) fn drain(&mut self, now: Time, network: &mut Network) {
        if self.mailbox.is_some() {
            return;
        }
        let mut outputs = 0;
        loop {
            let before = outputs;
            if self.draining == Draining::Reversed {
                outputs += self.drain_events(now);
                outputs += self.take_chunks(now);
                outputs += self.drain_bytes(now, network);
                outputs += self.drain_links(now, network);
            } else {
                outputs += self.drain_links(now, network);
                outputs += self.drain_bytes(now, network);
                outputs += self.drain_events(now);
                outputs += self.take_chunks(now);
            }
            if outputs == before {
                break;
            }
            assert!(
                outputs < MOST_OUTPUTS,
                "the machine never comes to rest at {now:?}"
            );
        }
    }

    fn drain_links(&mut self, now: Time, network: &mut Network) -> usize {
        let mut outputs = 0;
        while let Some(request) = self.call(Client::poll_link) {
            outputs += 1;
            match &request {
                LinkRequest::Open { link, endpoint } => {
                    self.dialled.push(endpoint.host().to_owned());
                    if let Some((past, path)) = self.link.replace((*link, network.dial(now))) {
                        panic!("{past:?} on {path:?} was not closed before {link:?} was opened");
                    }
                }
                LinkRequest::Close { link } => {
                    if let Some((_, path)) = self.link.take_if(|(current, _)| current == link) {
                        self.past_link = Some(*link);
                        network.close(now, path, Side::Client);
                    }
                }
                other => panic!("unknown request {other:?}"),
            }
            self.meter.run(|| drop(request));
        }
        outputs
    }

    fn drain_bytes(&mut self, now: Time, network: &mut Network) -> usize {
        let mut outputs = 0;
        loop {
            if let Some((_, path)) = self.link
                && !network.can_write(path)
            {
                break;
            }
            let wanted = self.client.wants_transmit();
            let Some(chunk) = self.call(Client::poll_transmit) else {
                break;
            };
            assert!(wanted, "a driver that asks first would have slept");
            outputs += 1;
            let (_, path) = self
                .link
                .expect("bytes come only for a connection that is open");
            self.wire.up(&chunk);
            if let Some(written) = self
                .trace
                .as_mut()
                .and_then(|trace| trace.written.last_mut())
            {
                written.extend_from_slice(&chunk);
            }
            network.write(now, path, Side::Client, &chunk);
            self.meter.run(|| drop(chunk));
        }
        outputs
    }

    fn drain_events(&mut self, now: Time) -> usize {
        let mut outputs = 0;
        while self.fetches
            && let Some(event) = self.call(Client::poll_event)
        {
            outputs += 1;
            if let Some(trace) = &mut self.trace {
                // Ids also tell places in memory, so tickets are named by their position.
                let said = match &event {
                    Event::Completed { id, completion } => {
                        let position = self.ledger.position(*id);
                        let id = format!("{id:?}");
                        format!(
                            "{position:?}: {}",
                            format!("{completion:?}").replace(&id, "#")
                        )
                    }
                    other => format!("{other:?}"),
                };
                trace.events.push(format!("{now:?} {said}"));
            }
            match event {
                Event::Completed { id, completion } => {
                    self.ledger.complete(id, &completion);
                    self.meter.run(|| drop(completion));
                }
                Event::RpcRequest(request) => {
                    self.application.called(request);
                    if self.application.answering == Answering::AtOnce {
                        self.answer_calls(now);
                    }
                }
                Event::AttributesUpdated(update) => {
                    let shared = &mut self.application.shared;
                    for (key, value) in update.updated.iter() {
                        shared.insert(key.to_owned(), value.as_i64());
                    }
                    for key in &update.deleted {
                        shared.insert(key.clone(), None);
                    }
                    self.meter.run(|| drop(update));
                }
                notice => {
                    self.note_update(now, &notice);
                    self.application.note(notice);
                }
            }
        }
        outputs
    }

    /// The application answers every call that it has.
    pub(super) fn answer_calls(&mut self, now: Time) {
        while let Some(request) = self.application.calls.pop_front() {
            self.answer(now, request);
        }
    }

    fn answer(&mut self, now: Time, request: RpcRequest) {
        let clock = self.clock(now);
        let child = request.child();
        let accepted = self.call(|client| {
            let reply = RpcReply::new(&json!({ "method": request.method() }));
            client
                .send_rpc_reply(clock, request, reply)
                .map_err(|refused| refused.reason)
        });
        if let Ok(pending) = accepted {
            let accepted = Time(clock.as_micros());
            self.ledger
                .issue_for(child, pending.id(), Kind::Reply, accepted);
        }
    }
}
