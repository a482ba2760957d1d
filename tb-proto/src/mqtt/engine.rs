//! The state of the MQTT client, and what is asked of it.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::backoff::Backoff;
use super::limits::Lost;
use super::link::{Burst, Link};
use super::outbox::{Content, Entry, Lane, MessageId, Outbox, Publication, Queue, Stage};
use super::overdue::Replaced;
use super::pacing::Pacer;
use super::random::Random;
use super::settings::Settings;
use super::signal::{Outcome, Signal};
use super::timers::{Timer, Timers};
use super::version::VersionChoice;
use super::{Cause, Credentials, LinkId, LinkRequest};
use crate::codec::Filter;
use crate::time::Instant;

/// A connection that has held this long makes earlier failures a thing of the past.
const HELD: Duration = Duration::from_secs(30);

/// What the connection is doing.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Made, and not yet given the time.
    New,
    /// The driver opens a connection.
    Dialling { link: LinkId },
    /// CONNECT was written, CONNACK is awaited.
    Handshake(Box<Link>),
    /// The server accepted.
    Online(Box<Link>),
    /// DISCONNECT and what comes before it are handed out.
    Leaving { link: Box<Link>, then: AfterLeaving },
    /// Between two attempts.
    Waiting { until: Instant, cause: Cause },
    /// No attempt until the application asks for one.
    Stopped { cause: Cause },
    /// Disconnected for good.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterLeaving {
    Close,
    Reconnect,
}

/// Counters of this layer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) attempts: u64,
    pub(crate) connects: u64,
    pub(crate) stale_reports: u64,
    pub(crate) unexpected_acknowledgements: u64,
    pub(crate) resent: u64,
    /// Smoothed time from write to acknowledgement, in microseconds; 0 before the first.
    round_trip_micros: u64,
}

impl Counters {
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        (self.round_trip_micros > 0).then(|| Duration::from_micros(self.round_trip_micros))
    }

    /// The first one counts whole, each later one an eighth [RFC 6298 §2].
    pub(super) fn acknowledged_after(&mut self, micros: u64) {
        let before = self.round_trip_micros;
        self.round_trip_micros = if before == 0 {
            micros.max(1)
        } else {
            (before - before / 8 + micros / 8).max(1)
        };
    }
}

#[derive(Debug)]
pub(crate) struct Mqtt<C> {
    pub(super) settings: Settings,
    pub(super) credentials: Credentials,
    /// The latest time ever told; going backwards is read as standing still.
    pub(super) now: Instant,
    pub(super) random: Random,
    pub(super) backoff: Backoff,
    pub(super) versions: VersionChoice,
    pub(super) timers: Timers,
    pub(super) outbox: Outbox<C>,
    pub(super) phase: Phase,
    /// What every connection subscribes to.
    wanted: Vec<Filter>,
    /// The endpoint whose turn it is.
    pub(super) endpoint: usize,
    pub(super) links: u64,
    /// When the server last said that another session took over, newest last.
    pub(super) takeovers: VecDeque<Instant>,
    /// Connections in a row that ended because of malformed input.
    pub(super) malformed: u8,
    /// When a connection was last replaced because of a missing acknowledgement.
    pub(super) replaced: Option<Replaced>,
    /// A bare close was taken for a rate limit since a connection last held.
    pub(super) rate_limit_assumed: bool,
    /// No message is written before, because the server asked for a break.
    pub(super) paused_until: Option<Instant>,
    pub(super) draining: bool,
    pub(super) requests: VecDeque<LinkRequest>,
    pub(super) signals: VecDeque<Signal>,
    pub(super) counters: Counters,
    pub(super) pacer: Pacer,
    /// What the server has charged for or will, of connections that have ended.
    pub(super) lost: Lost,
    /// Live messages that were written one behind the other while a backlog waited.
    pub(super) live_in_a_row: u8,
    /// The largest packet that the server takes, as *remaining length*.
    pub(super) max_packet_size: usize,
}

impl<C: Content> Mqtt<C> {
    pub(crate) fn new(
        settings: Settings,
        credentials: Credentials,
        now: Instant,
        seed: u64,
    ) -> Self {
        let versions = settings
            .version
            .map_or_else(VersionChoice::automatic, VersionChoice::only);
        let mut timers = Timers::default();
        timers.set(Timer::Retry, now);
        let pacer = Pacer::new(settings.rate_limit_share);
        Self {
            backoff: Backoff::new(settings.backoff_min, settings.backoff_max),
            outbox: Outbox::new(settings.outbox),
            settings,
            credentials,
            now,
            random: Random::new(seed),
            versions,
            timers,
            phase: Phase::New,
            wanted: Vec::new(),
            endpoint: 0,
            links: 0,
            takeovers: VecDeque::new(),
            malformed: 0,
            replaced: None,
            rate_limit_assumed: false,
            paused_until: None,
            draining: false,
            requests: VecDeque::new(),
            signals: VecDeque::new(),
            counters: Counters::default(),
            pacer,
            lost: Lost::default(),
            live_in_a_row: 0,
            max_packet_size: usize::MAX,
        }
    }

    /// Moves the time forward; an earlier time is read as the latest one seen.
    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    pub(crate) fn poll_link(&mut self) -> Option<LinkRequest> {
        self.requests.pop_front()
    }

    pub(crate) fn has_signals(&self) -> bool {
        !self.signals.is_empty()
    }

    pub(crate) fn poll_signal(&mut self) -> Option<Signal> {
        self.signals.pop_front()
    }

    /// Accepts a message without asking for room; see [`has_room`](Outbox::has_room).
    // Always inlined: a message is copied whenever it is handed on.
    #[inline(always)]
    pub(crate) fn submit(&mut self, mut publication: Publication<C>, parked: bool) -> MessageId {
        if !parked && self.is_live(&publication) {
            publication.lane = Lane::Live;
        }
        self.outbox.insert(publication, parked)
    }

    /// Lets a parked message go; alone, if it was rejected together with others.
    pub(crate) fn unpark(&mut self, id: MessageId) {
        let parked = self.outbox.get(id);
        if parked.is_some_and(|entry| entry.suspicion.blamed && entry.stage == Stage::Parked) {
            return self.outbox.suspect(id, self.now);
        }
        let is_live = self
            .outbox
            .get(id)
            .is_some_and(|entry| self.is_live(&entry.publication));
        if is_live && let Some(entry) = self.outbox.get_mut(id) {
            entry.publication.lane = Lane::Live;
        }
        self.outbox.unpark(id);
    }

    /// Takes a message back that was never written. `None` if it was, or is gone.
    pub(crate) fn take_back(&mut self, id: MessageId) -> Option<Entry<C>> {
        let entry = self.outbox.get(id)?;
        let unwritten = entry.writes == 0 && entry.stage != Stage::Joined;
        unwritten.then(|| self.outbox.remove(id)).flatten()
    }

    /// Takes a message out that is part of another one.
    pub(crate) fn take_out(&mut self, id: MessageId) -> Option<Entry<C>> {
        self.outbox.remove(id)
    }

    /// Ends a message with this outcome, wherever it is.
    pub(super) fn settle(&mut self, id: MessageId, outcome: Outcome) {
        if self.outbox.settle(id) {
            self.signals.push_back(Signal::Settled { id, outcome });
        }
    }

    /// Asks for a subscription on this and every later connection.
    pub(crate) fn subscribe(&mut self, filter: Filter) {
        if self.wanted.contains(&filter) {
            return;
        }
        self.wanted.push(filter.clone());
        if let Phase::Online(link) = &mut self.phase {
            link.subscribe(filter);
        }
    }

    pub(crate) fn unsubscribe(&mut self, filter: &Filter) {
        self.wanted.retain(|wanted| wanted != filter);
        if let Phase::Online(link) = &mut self.phase {
            link.unsubscribe(filter);
        }
    }

    /// The server has said why it is going to close: what was written lately is not to blame.
    pub(crate) fn explain_end(&mut self) {
        if let Phase::Online(link) = &mut self.phase {
            link.burst = Burst::default();
        }
    }

    /// Asks the server for a sign of life at once, after time has passed that no clock counted.
    pub(crate) fn probe(&mut self, now: Instant) {
        self.advance(now);
        if let Phase::Online(link) = &mut self.phase {
            link.ping(self.now);
            link.probed = Some(self.now + self.settings.ping_timeout);
        }
    }

    pub(crate) const fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Messages written and not acknowledged.
    pub(crate) const fn inflight(&self) -> usize {
        self.outbox.count(Queue::InFlight)
    }

    /// Whether nothing is written any more but the last goodbye.
    pub(crate) const fn is_leaving_for_good(&self) -> bool {
        matches!(
            self.phase,
            Phase::Closed
                | Phase::Leaving {
                    then: AfterLeaving::Close,
                    ..
                }
        )
    }

    pub(crate) const fn phase(&self) -> &Phase {
        &self.phase
    }

    pub(crate) const fn outbox(&self) -> &Outbox<C> {
        &self.outbox
    }

    pub(crate) const fn outbox_mut(&mut self) -> &mut Outbox<C> {
        &mut self.outbox
    }

    pub(crate) const fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) const fn is_online(&self) -> bool {
        matches!(self.phase, Phase::Online(_))
    }

    pub(crate) const fn now(&self) -> Instant {
        self.now
    }

    /// Memory held for packets on their way in and out, in bytes.
    pub(crate) fn buffered(&self) -> usize {
        match &self.phase {
            Phase::Handshake(link) | Phase::Online(link) | Phase::Leaving { link, .. } => {
                link.buffered()
            }
            _ => 0,
        }
    }

    pub(super) const fn link_id(&self) -> Option<LinkId> {
        match &self.phase {
            Phase::Dialling { link } => Some(*link),
            Phase::Handshake(link) | Phase::Online(link) | Phase::Leaving { link, .. } => {
                Some(link.id)
            }
            _ => None,
        }
    }

    pub(super) fn wanted(&self) -> &[Filter] {
        &self.wanted
    }

    /// From now on the connection has to hold.
    pub(super) fn start_holding(&mut self) {
        self.timers.set(Timer::Held, self.now + HELD);
    }
}
