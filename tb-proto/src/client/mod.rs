//! The public machine: API methods, open requests, timers.

mod ask;
mod attribute_lane;
mod coalescing;
mod completion;
mod config;
mod downlink;
mod event;
mod event_queue;
mod flush;
mod gateway;
mod interest;
mod invalid_config;
mod limits;
mod message;
mod outcome;
mod parts;
mod pending;
mod refused;
mod requests;
mod room;
mod rpc_calls;
mod rpc_request;
mod send;
mod serve;
mod stamp;
mod state;
mod update_messages;
mod updates;
mod wall_clock;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

pub use completion::{Answer, Completion, Drained, RequestError, Target, Undelivered};
pub use config::{Config, Overflow, VersionPolicy};
pub use event::{Event, RpcRefusal};
pub use flush::Flushed;
pub use gateway::{
    ChildId, ChildRefusal, Combining, Gateway, GatewayConfig, InvalidChild, WhichChildren,
};
pub use interest::{AlreadyServed, AttributeKeys, AttributeSubscription, RpcMethods, RpcServer};
pub use invalid_config::InvalidConfig;
pub use limits::{LimitWindow, Limits};
pub use message::Message;
pub use pending::{Pending, RequestId};
pub use refused::{Refused, RefusedReason};
pub use room::Room;
pub use rpc_request::RpcRequest;
pub use state::{State, Stats};
pub use updates::AlreadyFollowed;

use crate::mqtt::{
    Credentials, InvalidCredentials, LinkId, LinkLost, LinkRequest, Mqtt, OutboxLimits, Phase,
    Progress, Settings,
};
use crate::tb::telemetry::Stamp;
use crate::tb::topics::DeviceTopics;
use crate::tb::topics::gateway::filters as gateway_filters;
use crate::time::Instant;
use attribute_lane::AttributeLane;
use coalescing::Coalescing;
use event_queue::EventQueue;
use flush::Flushes;
use gateway::{ChildUpdate, ChildUpdates, Children};
use limits::LimitsOfSession;
use message::Content;
use requests::Requests;
use rpc_calls::RpcCalls;
use updates::Following;
use wall_clock::WallClock;

/// A ThingsBoard device as a pure state machine: calls, bytes and the time go in; bytes, events and
/// the next deadline come out. It opens no socket, reads no clock and spawns nothing.
///
/// # The methods
///
/// 1. *From the transport*: [`handle_connected`](Self::handle_connected),
///    [`handle_input`](Self::handle_input), [`handle_disconnected`](Self::handle_disconnected),
///    [`handle_timeout`](Self::handle_timeout).
/// 2. *To the driver*: [`poll_link`](Self::poll_link), [`poll_transmit`](Self::poll_transmit),
///    [`poll_event`](Self::poll_event), [`poll_timeout`](Self::poll_timeout).
/// 3. *From the application*: [`send`](Self::send),
///    [`request_attributes`](Self::request_attributes), [`serve_rpc`](Self::serve_rpc), … They
///    never block; an answer comes later as an [`Event::Completed`] for the ticket they return.
/// 4. *Getters*: [`state`](Self::state), [`stats`](Self::stats).
///
/// # The contract
///
/// 1. After any call of group 1 or 3, drain group 2. Any order will do; not draining only delays.
/// 2. `now` never has to be exact and may be told late. An earlier time than one told before is read
///    as that one. Calling [`handle_timeout`](Self::handle_timeout) early does nothing.
/// 3. What is reported under a [`LinkId`] that is over is ignored.
/// 4. Nothing that comes over the network makes it panic, hang or grow beyond its limits.
pub struct Client {
    config: Config,
    mqtt: Mqtt<Content>,
    topics: DeviceTopics,
    wall_clock: WallClock,
    /// The last time that was given to telemetry.
    stamp: Stamp,
    /// Telemetry that waits for the wall clock, in the order of acceptance.
    unstamped: VecDeque<RequestId>,
    attributes: AttributeLane,
    coalescing: Coalescing,
    requests: Requests,
    children: Children,
    child_updates: ChildUpdates,
    limits: LimitsOfSession,
    rpc: RpcCalls,
    updates: Following,
    interests: BTreeMap<AttributeSubscription, AttributeKeys>,
    next_interest: u64,
    events: EventQueue,
    /// Tickets of [`disconnect`](Self::disconnect).
    disconnects: Vec<RequestId>,
    flushes: Flushes,
    drained: Drained,
    /// Bytes of replies in the outbox.
    reply_bytes: usize,
    counters: Counters,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    accepted: u64,
    acknowledged: u64,
    sent: u64,
    rejected: u64,
    undelivered: u64,
    unexpected_answers: u64,
    repeated_calls: u64,
}

/// Shows what it is doing and how much it holds, and no bytes: CONNECT with its password may be among
/// them, and payloads belong into no log.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("state", &self.state())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that wants to be connected from `now` on.
    ///
    /// `seed` spreads its reconnects: use a random number, or a fixed one to get the same trace for
    /// the same inputs.
    ///
    /// # Errors
    /// [`InvalidConfig`], as from [`Config::check`].
    pub fn new(config: Config, now: Instant, seed: u64) -> Result<Self, InvalidConfig> {
        config.check()?;
        let topics = config.topics.resolve(config.payload_format)?;
        let settings = Settings {
            endpoints: config.endpoints.clone(),
            version: match config.version {
                VersionPolicy::Automatic => None,
                VersionPolicy::Only(version) => Some(version),
            },
            keep_alive: config.keep_alive,
            ping_timeout: config.ping_timeout,
            connect_timeout: config.connect_timeout,
            acknowledgement_timeout: config.acknowledgement_timeout,
            backoff_min: config.backoff_min,
            backoff_max: config.backoff_max,
            slow_retry: config.slow_retry,
            rate_limit_pause: config.rate_limit_pause,
            rate_limit_share: config.rate_limit_share,
            max_inflight: config.max_inflight,
            max_incoming: config.max_incoming_packet_size,
            sharing: config.gateway.as_ref().and_then(GatewayConfig::sharing),
            outbox: OutboxLimits {
                messages: config.max_queued_messages,
                bytes: config.max_queued_bytes,
            },
        };
        let wall_clock = WallClock::AwaitedUntil(now + config.wall_clock_wait);
        let mut client = Self {
            topics,
            mqtt: Mqtt::new(settings, config.credentials.clone(), now, seed),
            wall_clock,
            stamp: Stamp::new(0),
            unstamped: VecDeque::new(),
            attributes: AttributeLane::default(),
            coalescing: Coalescing::default(),
            requests: Requests::new(config.max_open_requests),
            children: Children::default(),
            child_updates: ChildUpdates::default(),
            limits: LimitsOfSession::new(),
            rpc: RpcCalls::new(config.max_rpc_calls, config.max_incoming_packet_size),
            updates: Following::default(),
            interests: BTreeMap::new(),
            next_interest: 0,
            events: EventQueue::default(),
            disconnects: Vec::new(),
            flushes: Flushes::default(),
            drained: Drained {
                delivered: 0,
                abandoned: 0,
            },
            reply_bytes: 0,
            counters: Counters::default(),
            config,
        };
        client.start_limits();
        if client.config.gateway.is_some() {
            for filter in gateway_filters() {
                client.mqtt.subscribe(filter);
            }
            // Children that are renamed or deleted are told of by calls.
            let calls = client.topics.rpc_requests();
            client.mqtt.subscribe(calls);
        }
        Ok(client)
    }

    /// Tells what the wall clock shows, in milliseconds since 1970. Tell it at the start, every
    /// minute, and after a jump.
    ///
    /// Telemetry without a time gets the time of its acceptance from it. A time before 2020 is not
    /// believed. A jump ahead without as much monotonic progress means that the device slept: the
    /// connection is probed at once.
    pub fn set_wall_clock(&mut self, now: Instant, unix_ms: i64) {
        let now = self.mqtt.advance(now);
        if self.wall_clock.set(now, unix_ms) {
            self.mqtt.probe(now);
        }
        self.release_unstamped();
        self.advance();
    }

    /// Replaces the credentials. A connection with the old ones is replaced; a pause ends.
    ///
    /// # Errors
    /// [`InvalidCredentials`]; nothing has changed then.
    pub fn set_credentials(
        &mut self,
        now: Instant,
        credentials: Credentials,
    ) -> Result<(), InvalidCredentials> {
        credentials.check()?;
        self.mqtt.set_credentials(now, credentials);
        self.advance();
        Ok(())
    }

    /// Ends a pause between two attempts to connect, or a stop: tries now.
    pub fn reconnect(&mut self, now: Instant) {
        self.mqtt.reconnect(now);
        self.advance();
    }

    /// The connection that was asked for under `link` is open.
    pub fn handle_connected(&mut self, now: Instant, link: LinkId) {
        self.mqtt.handle_connected(now, link);
        self.advance();
    }

    /// Bytes came from the server, any number of them.
    ///
    /// This never fails: if they are no MQTT, the machine ends the link itself.
    pub fn handle_input(&mut self, now: Instant, link: LinkId, data: &[u8]) {
        self.mqtt.handle_input(now, link, data);
        loop {
            match self.mqtt.handle_next_packet() {
                Progress::Done => break,
                Progress::Packet => self.handle_signals(),
                Progress::Delivered { id, delivered } => {
                    self.delivered(RequestId(id.raw()), delivered);
                }
            }
        }
        self.advance();
    }

    /// The connection could not be opened, or is lost.
    pub fn handle_disconnected(&mut self, now: Instant, link: LinkId, why: LinkLost) {
        self.mqtt.handle_disconnected(now, link, why);
        self.advance();
    }

    /// Time has passed. Does what is due; when that is, [`poll_timeout`](Self::poll_timeout) tells.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.mqtt.handle_timeout(now);
        let now = self.mqtt.now();
        while let Some(id) = self.requests.overdue(now) {
            self.fail_request(id, RequestError::Timeout);
        }
        self.events.fall_idle();
        self.ask_limits_when_due();
        self.send_together_when_due();
        self.end_overdue_flushes();
        self.forgive_children();
        self.release_children_when_due();
        self.keep_children_alive();
        if let WallClock::AwaitedUntil(until) = self.wall_clock
            && until <= now
        {
            self.wall_clock = WallClock::Missing;
            self.release_unstamped();
        }
        self.advance();
    }

    /// What to do about connections.
    #[must_use = "the machine waits for what it asked for"]
    pub fn poll_link(&mut self) -> Option<LinkRequest> {
        self.mqtt.poll_link()
    }

    /// The next bytes for the connection that was opened last, at most some 100 KiB of many messages.
    ///
    /// They count as written: hand them to the transport in this order, all of them, or report the
    /// connection as lost.
    #[must_use = "bytes that are not written are lost to the server"]
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        loop {
            let chunk = self.mqtt.poll_transmit();
            // What was not written may have shown which children have to be announced.
            if !self.advance() || chunk.is_some() {
                return chunk;
            }
        }
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) may have something to hand out: cheaper than to
    /// ask it, for a driver that has to know whether to wake up. It is never false when there is.
    pub fn wants_transmit(&self) -> bool {
        self.mqtt.wants_transmit()
    }

    /// Whether [`poll_event`](Self::poll_event) may have something: cheaper than to ask it. It is never
    /// false when there is.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty() || self.child_updates.len() > 0 || self.updates.is_following()
    }

    /// The next event.
    #[must_use = "an event comes once"]
    pub fn poll_event(&mut self) -> Option<Event> {
        if !self.events.is_empty() {
            self.events.pop()
        } else if self.child_updates.len() > 0 {
            self.poll_child_update()
        } else if self.updates.is_following() {
            self.poll_update_event()
        } else {
            None
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next. It may change with every
    /// other call.
    #[must_use = "nothing is sent again and nobody reconnects if nobody keeps the time"]
    pub fn poll_timeout(&self) -> Option<Instant> {
        // One after the other: a driver asks after every call.
        let mut next = Instant::sooner(self.mqtt.poll_timeout(), self.send_timeout());
        next = Instant::sooner(next, self.requests.next_deadline());
        next = Instant::sooner(next, self.update_deadline());
        next = Instant::sooner(next, self.flushes.next_deadline());
        if self.mqtt.is_online() {
            next = Instant::sooner(next, self.limits.next_deadline());
            next = Instant::sooner(next, self.children.next_deadline());
        }
        next
    }

    /// The part of [`poll_timeout`](Self::poll_timeout) that [`send`](Self::send) can make sooner: cheaper
    /// to ask, for a driver that sleeps and has to know whether a message changes until when.
    ///
    /// After `send` that is all that can be new to it, but for bytes
    /// ([`wants_transmit`](Self::wants_transmit)) and events ([`has_events`](Self::has_events)).
    pub fn send_timeout(&self) -> Option<Instant> {
        let clock = match self.wall_clock {
            WallClock::AwaitedUntil(until) if !self.unstamped.is_empty() => Some(until),
            _ => None,
        };
        let expiry = self.mqtt.outbox().next_expiry().map(|(at, _)| at);
        let next = Instant::sooner(clock, expiry);
        Instant::sooner(next, self.coalescing.next_deadline())
    }

    /// What the connection is doing.
    pub fn state(&self) -> State {
        match self.mqtt.phase() {
            Phase::New | Phase::Dialling { .. } | Phase::Handshake(_) => State::Connecting,
            Phase::Online(link) => State::Connected {
                version: link.version,
            },
            Phase::Leaving { .. } if self.mqtt.is_draining() => State::Closed,
            Phase::Leaving { .. } => State::Connecting,
            Phase::Waiting { until, cause } => State::Waiting {
                until: *until,
                cause: *cause,
            },
            Phase::Stopped { cause } => State::Stopped { cause: *cause },
            Phase::Closed => State::Closed,
        }
    }

    /// What has been done so far, and what is held now.
    pub fn stats(&self) -> Stats {
        let mqtt = self.mqtt.counters();
        Stats {
            accepted: self.counters.accepted,
            acknowledged: self.counters.acknowledged,
            sent: self.counters.sent,
            rejected: self.counters.rejected,
            undelivered: self.counters.undelivered,
            resent: mqtt.resent,
            connects: mqtt.connects,
            connect_attempts: mqtt.attempts,
            stale_reports: mqtt.stale_reports,
            unexpected_acknowledgements: mqtt.unexpected_acknowledgements,
            unexpected_answers: self.counters.unexpected_answers,
            repeated_calls: self.counters.repeated_calls,
            queued_messages: self.mqtt.outbox().len() + self.events.completions(),
            round_trip: mqtt.round_trip(),
            queued_bytes: self.queued_bytes(),
            inflight: self.mqtt.inflight(),
            open_requests: self.requests.len(),
            rpc_calls: self.rpc.len(),
            buffered_bytes: self.mqtt.buffered() + self.updates.held(),
            children: self.children.len(),
            children_bytes: self.children.memory() + self.mqtt.outbox().origins_memory(),
            events: self.events.len() + self.child_updates.len(),
        }
    }

    /// What the client was made with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Bytes of bookkeeping for a reply on its way.
    const REPLY_OVERHEAD: usize = 256;

    fn queued_bytes(&self) -> usize {
        self.mqtt.outbox().bytes()
            + self.requests.bytes()
            + self.rpc.bytes()
            + self.events.completion_bytes()
    }

    /// Reads what the MQTT layer has to say, and sends what can be sent now. Returns whether a child
    /// is announced, which nothing else might have told.
    #[inline]
    fn advance(&mut self) -> bool {
        // Whatever was just taken back or died with its connection may have been the last of a drain.
        self.mqtt.end_drain_if_empty();
        // Asked after every call, and nearly always in vain.
        let is_due = self.mqtt.has_signals()
            || self.attributes.is_due()
            || self.requests.is_due()
            || self.updates.is_following()
            || self.children.are_due();
        is_due && self.advance_what_is_due()
    }

    fn advance_what_is_due(&mut self) -> bool {
        self.handle_signals();
        if self.mqtt.is_online() {
            if self.attributes.is_due() {
                let together = if self.config.payload_format.is_json() {
                    self.max_payload(self.topics.attributes.len())
                } else {
                    // What two messages of an unknown schema would mean in one is unknown.
                    0
                };
                self.attributes
                    .advance(&mut self.mqtt, &self.topics.attributes, together, None);
            }
            self.advance_child_lanes();
            self.requests.advance(&mut self.mqtt, &self.topics);
        }
        self.advance_updates();
        self.announce_children()
    }

    fn poll_child_update(&mut self) -> Option<Event> {
        Some(match self.child_updates.pop()? {
            ChildUpdate::Changed(child, update) => Event::ChildAttributesUpdated { child, update },
            ChildUpdate::Lost(messages) => Event::AttributesLost { messages },
        })
    }

    fn handle_signals(&mut self) {
        while let Some(signal) = self.mqtt.poll_signal() {
            self.handle_signal(signal);
        }
    }
}
