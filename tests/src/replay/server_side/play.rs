//! A client that meets a recorded server, link by link, and afterwards an obliging one.

use core::time::Duration;
use std::collections::BTreeMap;

use tb_proto::{
    AttributeKeys, AttributeQuery, Attributes, Client, Completion, Config, Credentials, Event,
    Instant, LinkId, LinkLost, LinkRequest, Message, ProtocolVersion, QoS, RequestId, RpcCall,
    RpcMethods, RpcReply, RpcRequest, State, Telemetry, VersionPolicy,
};

use super::identifiers::Identifiers;
use super::obliging_server;
use super::script::{Call, LinkScript, Move, scripts};
use super::survival::{Answers, Fault, Survived};
use super::way::Way;
use crate::replay::exchange::{Protocol, Recording};
use crate::replay::packet::{Framing, Kind, PacketView, split_packet};

const MOST_QUEUED_MESSAGES: usize = 200;
const MOST_QUEUED_BYTES: usize = 512 * 1024;
const LARGEST_INCOMING: usize = 256 * 1024;

/// What may be held beside the queue and one incoming packet: chunks on their way out, events.
const MARGIN: usize = 256 * 1024;

/// More events than a drained queue ever holds at one moment.
const MOST_EVENTS: usize = 1_000;

/// More outputs or wake-ups than any moment of a recording has reason for.
const MOST_STEPS: usize = 10_000;

/// What passes between two moves: the client writes, the network is quick.
const BETWEEN_MOVES: Duration = Duration::from_millis(20);

/// Longer than any pause between two attempts, and than the deadlines of all requests.
const RECOVERY: Duration = Duration::from_secs(3_600);

/// Plays every connection of a recording to a client, then lets it finish what it has begun.
pub fn play_to_client(recording: &Recording, answers: Answers) -> Result<Survived, Fault> {
    let mut play = Play::new(recording.protocol, Way::of(recording), answers);
    let scripts = scripts(recording);
    for (place, script) in scripts.iter().enumerate() {
        play.link(script)?;
        if place + 1 < scripts.len() {
            play.lose(LinkLost::Reset)?;
        }
    }
    play.recover()?;
    play.shut_down()
}

struct Play {
    client: Client,
    now: Instant,
    protocol: Protocol,
    way: Way,
    answers: Answers,
    /// Asked for by the client and not open yet.
    wanted: Option<LinkId>,
    link: Option<LinkId>,
    identifiers: Identifiers,
    unframed: Vec<u8>,
    /// Packet types that are answered at once.
    obliges: Obliges,
    tickets: BTreeMap<RequestId, Ticket>,
    calls: Vec<RpcRequest>,
    survived: Survived,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ticket {
    Open,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obliges {
    /// What the recording leaves out: pings, and subscriptions beyond those that were recorded.
    WhatIsNotRecorded {
        recorded_subscriptions: usize,
    },
    Everything,
}

impl Play {
    fn new(protocol: Protocol, way: Way, answers: Answers) -> Self {
        let version = match protocol {
            Protocol::V5 => ProtocolVersion::V5,
            Protocol::V31 | Protocol::V311 => ProtocolVersion::V3_1_1,
        };
        let now = Instant::from_micros(0);
        let endpoint = "mqtt://recorded.invalid"
            .parse()
            .expect("the address is well formed");
        let config = Config::new(endpoint, Credentials::token("DEV1_TOKEN"))
            .version(VersionPolicy::Only(version))
            .max_queued_messages(MOST_QUEUED_MESSAGES)
            .max_queued_bytes(MOST_QUEUED_BYTES)
            .max_incoming_packet_size(LARGEST_INCOMING)
            // A recording answers what was asked when it was made, and nothing else.
            .ask_session_limits(false);
        let config = way.configure(config);
        let mut client = Client::new(config, now, 1).expect("the token is well formed");
        client.set_wall_clock(now, 1_767_225_600_000);
        let _ = client.subscribe_to_attributes(now, AttributeKeys::All);
        let _ = client.serve_rpc(now, RpcMethods::All);
        Self {
            client,
            now,
            protocol,
            way,
            answers,
            wanted: None,
            link: None,
            identifiers: Identifiers::default(),
            unframed: Vec::new(),
            obliges: Obliges::Everything,
            tickets: BTreeMap::new(),
            calls: Vec::new(),
            survived: Survived::default(),
        }
    }

    fn link(&mut self, script: &LinkScript) -> Result<(), Fault> {
        self.obliges = Obliges::WhatIsNotRecorded {
            recorded_subscriptions: script.delivered(Kind::SubAck),
        };
        self.connect()?;
        self.survived.links += 1;
        for each in &script.moves {
            self.advance(BETWEEN_MOVES)?;
            match each {
                Move::Provoke { recorded, call } => {
                    self.identifiers.note_recorded(recorded, self.protocol);
                    if let Some(call) = call {
                        self.call(call, PacketView::new(recorded, self.protocol));
                    }
                    self.drain()?;
                }
                Move::Deliver(packets) => {
                    for packet in packets {
                        self.deliver_recorded(packet)?;
                    }
                }
                Move::Pass(millis) => self.advance(Duration::from_millis(*millis))?,
                Move::HangUp => self.lose(LinkLost::Closed)?,
                Move::Lose => self.lose(LinkLost::Reset)?,
            }
        }
        Ok(())
    }

    /// Waits until the client wants a connection, and lets it have one.
    fn connect(&mut self) -> Result<(), Fault> {
        let deadline = self.now + RECOVERY;
        while self.wanted.is_none() {
            if matches!(self.client.state(), State::Stopped { .. }) {
                self.client.reconnect(self.now);
            }
            self.drain()?;
            if self.wanted.is_some() {
                break;
            }
            if !self.wake_up(deadline)? {
                return Err(Fault::NotConnected(self.client.state()));
            }
        }
        self.open_wanted()
    }

    fn open_wanted(&mut self) -> Result<(), Fault> {
        self.link = self.wanted.take();
        self.unframed.clear();
        self.identifiers = Identifiers::default();
        if let Some(link) = self.link {
            self.client.handle_connected(self.now, link);
        }
        self.drain()
    }

    fn lose(&mut self, why: LinkLost) -> Result<(), Fault> {
        if let Some(link) = self.link.take() {
            self.client.handle_disconnected(self.now, link, why);
        }
        self.drain()
    }

    fn deliver_recorded(&mut self, packet: &[u8]) -> Result<(), Fault> {
        let Some(link) = self.link else {
            return Ok(());
        };
        self.survived.packets += 1;
        let packet = match self.answers {
            Answers::Adapted => self.identifiers.fill_in(packet, self.protocol),
            Answers::AsRecorded => packet.to_vec(),
        };
        self.client.handle_input(self.now, link, &packet);
        self.drain()
    }

    fn call(&mut self, call: &Call, recorded: PacketView<'_>) {
        let now = self.now;
        let acknowledged = recorded.publish().is_none_or(|publish| publish.qos() > 0);
        let qos = if acknowledged {
            QoS::AtLeastOnce
        } else {
            QoS::AtMostOnce
        };
        let timeout = Duration::from_secs(5);
        let ticket = match call {
            Call::Telemetry(payload) => {
                let message = self.telemetry(payload).qos(qos);
                let substitute = self.telemetry(b"{\"substitute\":1}").qos(qos);
                self.send(message.into(), substitute.into())
            }
            Call::Attributes(payload) => {
                let message = self.attributes(payload).qos(qos);
                let substitute = self.attributes(b"{\"substitute\":1}").qos(qos);
                self.send(message.into(), substitute.into())
            }
            Call::RequestAttributes => {
                let query = AttributeQuery::all().timeout(timeout);
                self.client
                    .request_attributes(now, query)
                    .ok()
                    .map(|ticket| ticket.id())
            }
            Call::Rpc => {
                let call = RpcCall::new("getTariff").timeout(timeout);
                self.client
                    .send_rpc_call(now, call)
                    .ok()
                    .map(|ticket| ticket.id())
            }
            Call::Reply => self.calls.pop().and_then(|call| {
                self.client
                    .send_rpc_reply(now, call, RpcReply::new(&1))
                    .ok()
                    .map(|ticket| ticket.id())
            }),
        };
        self.note_ticket(ticket);
    }

    fn telemetry(&self, payload: &[u8]) -> Telemetry {
        if self.way.protobuf {
            Telemetry::protobuf(payload)
        } else {
            Telemetry::json(payload)
        }
    }

    fn attributes(&self, payload: &[u8]) -> Attributes {
        if self.way.protobuf {
            Attributes::protobuf(payload)
        } else {
            Attributes::json(payload)
        }
    }

    /// What the client refuses, because the server would not take it, is replaced.
    fn send(&mut self, message: Message, substitute: Message) -> Option<RequestId> {
        let sent = self.client.send(self.now, message);
        let sent = sent.or_else(|_| self.client.send(self.now, substitute));
        sent.ok().map(|ticket| ticket.id())
    }

    fn note_ticket(&mut self, ticket: Option<RequestId>) {
        if let Some(id) = ticket {
            self.survived.tickets += 1;
            self.tickets.insert(id, Ticket::Open);
        }
    }

    /// A server that obliges takes every connection: everything that was accepted gets an outcome, and
    /// a new reading gets through.
    fn recover(&mut self) -> Result<(), Fault> {
        self.obliges = Obliges::Everything;
        while let Some(call) = self.calls.pop() {
            let ticket = self
                .client
                .send_rpc_reply(self.now, call, RpcReply::new(&true));
            self.note_ticket(ticket.ok().map(|ticket| ticket.id()));
        }
        self.settle()?;
        let acknowledged = self.client.stats().acknowledged;
        let last = self.telemetry(b"{\"last\":1}");
        let ticket = self
            .client
            .send(self.now, last)
            .map_err(|_| Fault::NotDelivered)?;
        self.note_ticket(Some(ticket.id()));
        self.settle()?;
        if self.client.stats().acknowledged > acknowledged {
            Ok(())
        } else {
            Err(Fault::NotDelivered)
        }
    }

    /// Lets time pass, connecting whenever the client asks for it, until every ticket has ended.
    fn settle(&mut self) -> Result<(), Fault> {
        let deadline = self.now + RECOVERY;
        loop {
            self.drain()?;
            if self.wanted.is_some() {
                self.open_wanted()?;
            }
            let open = self
                .tickets
                .iter()
                .find(|(_, ticket)| **ticket == Ticket::Open);
            let Some((&id, _)) = open else {
                return Ok(());
            };
            if matches!(self.client.state(), State::Stopped { .. }) {
                self.client.reconnect(self.now);
            } else if !self.wake_up(deadline)? {
                return Err(Fault::NeverEnded(id));
            }
        }
    }

    fn shut_down(mut self) -> Result<Survived, Fault> {
        let drained = self
            .client
            .disconnect(self.now, self.now + Duration::from_secs(10));
        self.tickets.insert(drained.id(), Ticket::Open);
        self.settle()?;
        self.advance(Duration::from_secs(20))?;
        let stats = self.client.stats();
        match self.client.state() {
            State::Closed => Ok(Survived {
                acknowledged: stats.acknowledged,
                rejected: stats.rejected,
                unexpected_acknowledgements: stats.unexpected_acknowledgements,
                connects: stats.connects,
                ..self.survived
            }),
            state => Err(Fault::NotClosed(state)),
        }
    }

    fn advance(&mut self, time: Duration) -> Result<(), Fault> {
        let until = self.now + time;
        self.drain()?;
        for _ in 0..MOST_STEPS {
            if !self.wake_up(until)? {
                self.now = until;
                return Ok(());
            }
        }
        Err(Fault::NeverAtRest)
    }

    /// Goes to the next deadline of the client, if it is not later than `until`.
    fn wake_up(&mut self, until: Instant) -> Result<bool, Fault> {
        let Some(due) = self.client.poll_timeout().filter(|due| *due <= until) else {
            return Ok(false);
        };
        self.now = self.now.max(due);
        self.client.handle_timeout(self.now);
        self.drain()?;
        Ok(true)
    }

    /// Takes all outputs, and answers what this server answers by itself.
    fn drain(&mut self) -> Result<(), Fault> {
        for _ in 0..MOST_STEPS {
            let mut quiet = true;
            while let Some(request) = self.client.poll_link() {
                quiet = false;
                match request {
                    LinkRequest::Open { link, .. } => self.wanted = Some(link),
                    LinkRequest::Close { link } => {
                        self.link = self.link.filter(|open| *open != link);
                        self.wanted = self.wanted.filter(|wanted| *wanted != link);
                    }
                    _ => {}
                }
            }
            while let Some(bytes) = self.client.poll_transmit() {
                quiet = false;
                self.read(&bytes);
            }
            while let Some(event) = self.client.poll_event() {
                quiet = false;
                self.note(event)?;
            }
            if quiet {
                return self.check_size();
            }
        }
        Err(Fault::NeverAtRest)
    }

    fn read(&mut self, bytes: &[u8]) {
        self.unframed.extend_from_slice(bytes);
        while let Framing::Whole(length) = split_packet(&self.unframed) {
            let packet: Vec<u8> = self.unframed.drain(..length).collect();
            self.identifiers.note_own(&packet, self.protocol);
            let obliges = match (
                &mut self.obliges,
                PacketView::new(&packet, self.protocol).kind(),
            ) {
                (Obliges::Everything, _) | (_, Kind::PingReq) => true,
                (
                    Obliges::WhatIsNotRecorded {
                        recorded_subscriptions,
                    },
                    Kind::Subscribe,
                ) => {
                    let next = recorded_subscriptions.checked_sub(1);
                    *recorded_subscriptions = next.unwrap_or(0);
                    next.is_none()
                }
                _ => false,
            };
            let Some(link) = self.link.filter(|_| obliges) else {
                continue;
            };
            for answer in obliging_server::answers(&packet, self.protocol) {
                self.client.handle_input(self.now, link, &answer);
            }
        }
    }

    fn note(&mut self, event: Event) -> Result<(), Fault> {
        match event {
            Event::Completed { id, completion } => {
                self.note_answer(&completion);
                match self.tickets.insert(id, Ticket::Ended) {
                    Some(Ticket::Open) => Ok(()),
                    Some(Ticket::Ended) | None => Err(Fault::EndedTwice(id)),
                }
            }
            Event::RpcRequest(call) => {
                self.calls.push(call);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The obliging server only gives empty answers.
    fn note_answer(&mut self, completion: &Completion) {
        let answered = match completion {
            Completion::Attributes(Ok(values)) => {
                !values.client.is_empty() || !values.shared.is_empty()
            }
            Completion::RpcAnswer(Ok(answer)) => answer.as_bytes() != b"{}",
            _ => false,
        };
        self.survived.answered += u64::from(answered);
    }

    fn check_size(&self) -> Result<(), Fault> {
        let stats = self.client.stats();
        let within = stats.queued_messages <= MOST_QUEUED_MESSAGES
            && stats.queued_bytes <= MOST_QUEUED_BYTES + MARGIN
            && stats.buffered_bytes <= LARGEST_INCOMING + MARGIN
            && stats.events <= MOST_EVENTS;
        if within {
            Ok(())
        } else {
            Err(Fault::TooLarge(format!("{stats:?}")))
        }
    }
}
