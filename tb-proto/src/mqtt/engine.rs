//! The state of the MQTT client, and what is asked of it.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use super::backoff::Backoff;
use super::link::Link;
use super::outbox::{Content, Entry, MessageId, Outbox, Publication, Queue, Stage};
use super::random::Random;
use super::settings::Settings;
use super::signal::{Outcome, Settled, Signal};
use super::timers::{Timer, Timers};
use super::version::VersionChoice;
use super::{Cause, Credentials, LinkId, LinkLost, LinkRequest, UndeliveredCause, VersionChange};
use crate::codec::{Connect, Filter, encode};
use crate::time::Instant;

/// A connection that has held this long makes earlier failures a thing of the past.
const HELD: Duration = Duration::from_secs(30);

/// How long handing out the last bytes may take before the connection is closed without them.
const LEAVING: Duration = Duration::from_secs(1);

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
    links: u64,
    /// Sessions that the server accepted, to tell two consecutive ones.
    pub(super) session: u32,
    /// When the server last said that another session took over, newest last.
    pub(super) takeovers: VecDeque<Instant>,
    /// Connections in a row that ended because of malformed input.
    pub(super) malformed: u8,
    /// When a connection was last replaced because of a missing acknowledgement.
    pub(super) replaced: Option<Instant>,
    /// A bare close was taken for a rate limit since a connection last held.
    pub(super) rate_limit_assumed: bool,
    /// No message is written before, because the server asked for a break.
    pub(super) paused_until: Option<Instant>,
    draining: bool,
    pub(super) requests: VecDeque<LinkRequest>,
    pub(super) signals: VecDeque<Signal<C>>,
    pub(super) counters: Counters,
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
            session: 0,
            takeovers: VecDeque::new(),
            malformed: 0,
            replaced: None,
            rate_limit_assumed: false,
            paused_until: None,
            draining: false,
            requests: VecDeque::new(),
            signals: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Moves the time forward; an earlier time is read as the latest one seen.
    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    /// The driver opened the connection.
    pub(crate) fn handle_connected(&mut self, now: Instant, link: LinkId) {
        self.advance(now);
        if !matches!(self.phase, Phase::Dialling { link: current } if current == link) {
            self.counters.stale_reports += 1;
            return;
        }
        let mut link = Box::new(Link::new(
            link,
            self.versions.current(),
            self.now,
            &self.settings,
        ));
        let keep_alive = u16::try_from(link.keep_alive.as_secs()).unwrap_or(u16::MAX);
        let connect = Connect {
            version: link.version,
            keep_alive_secs: keep_alive,
            clean_start: true,
            client_id: self.credentials.client_id(),
            username: self.credentials.username(),
            password: self.credentials.password(),
            receive_maximum: None,
            maximum_packet_size: None,
        };
        if encode::connect(&connect, &mut link.out).is_err() {
            // Credentials are checked when they are set, so this is a limit of the codec itself.
            self.requests
                .push_back(LinkRequest::Close { link: link.id });
            self.stop(Cause::Lost(LinkLost::Local));
            return;
        }
        self.phase = Phase::Handshake(link);
    }

    /// The driver could not open the connection, or lost it.
    pub(crate) fn handle_disconnected(&mut self, now: Instant, link: LinkId, why: LinkLost) {
        self.advance(now);
        if self.link_id() != Some(link) {
            self.counters.stale_reports += 1;
            return;
        }
        match &self.phase {
            Phase::Handshake(_) if why.is_by_peer() => {
                self.end_link(Cause::ClosedBeforeConnAck(why));
            }
            Phase::Leaving { then, .. } => {
                let then = *then;
                self.left(then);
            }
            _ => self.end_link(Cause::Lost(why)),
        }
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        // At the end of time every new timer is due at once: what is left is left to the next call.
        for _ in 0..Timers::MOST_AT_ONCE {
            let Some(timer) = self.timers.expired(self.now) else {
                break;
            };
            self.fire(timer);
        }
        self.rearm();
    }

    pub(crate) fn poll_link(&mut self) -> Option<LinkRequest> {
        self.requests.pop_front()
    }

    pub(crate) fn poll_signal(&mut self) -> Option<Signal<C>> {
        self.signals.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Accepts a message without asking for room; see [`has_room`](Outbox::has_room).
    pub(crate) fn submit(&mut self, publication: Publication<C>, parked: bool) -> MessageId {
        let id = self.outbox.insert(publication, parked);
        self.arm_expiry();
        id
    }

    pub(crate) fn unpark(&mut self, id: MessageId) {
        self.outbox.unpark(id);
    }

    /// Takes a message back that was never written. `None` if it was, or is gone.
    pub(crate) fn take_back(&mut self, id: MessageId) -> Option<Entry<C>> {
        let entry = self.outbox.get(id)?;
        let unwritten = entry.writes == 0 && entry.stage != Stage::Joined;
        let entry = unwritten.then(|| self.outbox.remove(id)).flatten();
        self.arm_expiry();
        entry
    }

    /// Takes a message out that is part of another one.
    pub(crate) fn take_out(&mut self, id: MessageId) -> Option<Entry<C>> {
        let entry = self.outbox.remove(id);
        self.arm_expiry();
        entry
    }

    /// Ends a message with this outcome, wherever it is.
    pub(super) fn settle(&mut self, id: MessageId, outcome: Outcome) {
        let Some(entry) = self.outbox.remove(id) else {
            return;
        };
        if let Stage::InFlight { id, .. } = entry.stage
            && let Phase::Online(link) = &mut self.phase
        {
            link.identifiers.give_up(id);
        }
        self.arm_expiry();
        self.report(entry, outcome);
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

    pub(crate) fn set_credentials(&mut self, now: Instant, credentials: Credentials) {
        self.advance(now);
        self.credentials = credentials;
        match &self.phase {
            Phase::Waiting { .. } | Phase::Stopped { .. } => self.reconnect(now),
            Phase::Dialling { .. } | Phase::Handshake(_) | Phase::Online(_) => {
                self.end_link(Cause::CredentialsChanged);
            }
            Phase::New | Phase::Leaving { .. } | Phase::Closed => {}
        }
    }

    /// Ends a pause between attempts.
    pub(crate) fn reconnect(&mut self, now: Instant) {
        self.advance(now);
        if matches!(self.phase, Phase::Waiting { .. } | Phase::Stopped { .. }) {
            self.timers.stop(Timer::Retry);
            self.dial();
        }
    }

    /// Asks the server for a sign of life at once, after time has passed that no clock counted.
    pub(crate) fn probe(&mut self, now: Instant) {
        self.advance(now);
        if let Phase::Online(link) = &mut self.phase {
            link.ping(self.now);
            link.probed = Some(self.now + self.settings.ping_timeout);
        }
        self.rearm();
    }

    /// Writes what is left until `deadline`, then disconnects for good.
    pub(crate) fn disconnect(&mut self, now: Instant, deadline: Instant) {
        self.advance(now);
        if self.draining || matches!(self.phase, Phase::Closed) {
            return;
        }
        self.draining = true;
        self.timers.set(Timer::Drain, deadline.max(self.now));
        self.end_drain_if_empty();
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

    pub(crate) const fn is_draining(&self) -> bool {
        self.draining
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

    pub(super) fn report(&mut self, entry: Entry<C>, outcome: Outcome) {
        let Entry {
            id,
            publication,
            writes,
            ..
        } = entry;
        let settled = Settled {
            id,
            publication,
            written: writes > 0,
            outcome,
        };
        self.signals.push_back(Signal::Settled(settled));
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Connect => match &self.phase {
                Phase::Dialling { .. } => self.end_link(Cause::NoConnection),
                Phase::Handshake(_) => self.end_link(Cause::NoConnAck),
                Phase::Leaving { then, .. } => {
                    let then = *then;
                    self.left(then);
                }
                _ => {}
            },
            Timer::Retry => self.dial(),
            Timer::Held => {
                self.backoff.reset();
                self.rate_limit_assumed = false;
                self.malformed = 0;
            }
            Timer::Ping => {
                if let Phase::Online(link) = &mut self.phase
                    && !link.pinging
                {
                    link.ping(self.now);
                }
            }
            Timer::Dead => {
                if self.is_online() {
                    self.end_link(Cause::KeepAlive);
                }
            }
            Timer::Acknowledgement => self.acknowledgement_overdue(),
            Timer::VersionRetry => self.retry_v5(),
            Timer::Resume => self.paused_until = None,
            // Dispatch looks at the suspects again whenever it runs; this only wakes the driver.
            Timer::Suspect => self.end_trial_by_time(),
            Timer::Expiry => self.expire(),
            Timer::Drain => self.finish_drain(),
        }
    }

    /// Opens the next connection.
    pub(super) fn dial(&mut self) {
        self.links += 1;
        self.counters.attempts += 1;
        let link = LinkId(self.links);
        let endpoints = &self.settings.endpoints;
        // Never empty: the configuration starts with one endpoint and only adds.
        if let Some(endpoint) = endpoints.get(self.endpoint % endpoints.len().max(1)) {
            self.requests.push_back(LinkRequest::Open {
                link,
                endpoint: endpoint.clone(),
            });
        }
        self.timers
            .set(Timer::Connect, self.now + self.settings.connect_timeout);
        self.phase = Phase::Dialling { link };
    }

    /// Writes DISCONNECT and waits until all of it is handed out.
    pub(super) fn leave(&mut self, then: AfterLeaving) {
        match mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Online(mut link) | Phase::Handshake(mut link) => {
                encode::disconnect(link.version, &mut link.out);
                self.timers.stop_link();
                self.timers.set(Timer::Connect, self.now + LEAVING);
                self.phase = Phase::Leaving { link, then };
            }
            Phase::Dialling { link } => {
                self.timers.stop_link();
                self.requests.push_back(LinkRequest::Close { link });
                self.left(then);
            }
            Phase::Leaving { link, .. } => self.phase = Phase::Leaving { link, then },
            Phase::New | Phase::Waiting { .. } | Phase::Stopped { .. } | Phase::Closed => {
                self.left(then);
            }
        }
    }

    /// All that was to be handed out is, or never will be.
    pub(super) fn left(&mut self, then: AfterLeaving) {
        if let Phase::Leaving { link, .. } = &self.phase {
            self.requests
                .push_back(LinkRequest::Close { link: link.id });
        }
        self.timers.stop_link();
        self.timers.stop(Timer::Retry);
        match then {
            AfterLeaving::Close => {
                self.phase = Phase::Closed;
                self.signals.push_back(Signal::Closed);
            }
            AfterLeaving::Reconnect => self.dial(),
        }
    }

    pub(super) fn stop(&mut self, cause: Cause) {
        self.timers.stop_link();
        self.phase = Phase::Stopped { cause };
        self.signals.push_back(Signal::Offline {
            cause,
            next_attempt: None,
        });
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

    /// Sets the timers that follow from what was written and received.
    pub(super) fn rearm(&mut self) {
        self.arm_expiry();
        let Phase::Online(link) = &mut self.phase else {
            return;
        };
        let last = link.last_activity.min(link.last_received);
        if link.pinging {
            self.timers.stop(Timer::Ping);
        } else {
            self.timers.set(Timer::Ping, last + link.keep_alive);
        }
        let silent = link.last_received + link.keep_alive + self.settings.ping_timeout;
        self.timers.set(
            Timer::Dead,
            link.probed.map_or(silent, |probed| probed.min(silent)),
        );
        let oldest = self
            .outbox
            .first(Queue::InFlight)
            .and_then(|place| self.outbox.at(place));
        let written = match oldest.map(|entry| entry.stage) {
            Some(Stage::InFlight { at, .. }) => Some(at),
            _ => None,
        };
        match written.into_iter().chain(link.subscribing_since()).min() {
            Some(oldest) => {
                let mut due = oldest + self.settings.acknowledgement_timeout;
                if let Some(replaced) = self.replaced {
                    due = due.max(replaced + super::link_end::REPLACE_INTERVAL);
                }
                self.timers.set(Timer::Acknowledgement, due);
            }
            None => {
                self.timers.stop(Timer::Acknowledgement);
                link.fall_idle();
            }
        }
    }

    pub(super) fn arm_expiry(&mut self) {
        match self.outbox.next_expiry() {
            Some((at, _)) => self.timers.set(Timer::Expiry, at),
            None => self.timers.stop(Timer::Expiry),
        }
    }

    /// Ends every message whose time to live is over, except those on their way, which are looked at
    /// again when their connection ends.
    fn expire(&mut self) {
        while let Some((at, id)) = self.outbox.next_expiry().filter(|&(at, _)| at <= self.now) {
            let under_way = self
                .outbox
                .get(id)
                .is_some_and(|entry| matches!(entry.stage, Stage::InFlight { .. } | Stage::Joined));
            if under_way {
                self.outbox.forget_expiry(at, id);
            } else if let Some(entry) = self.outbox.remove(id) {
                self.report(entry, Outcome::Undelivered(UndeliveredCause::Expired));
            }
        }
        self.end_drain_if_empty();
    }

    /// MQTT 5 gets another chance, as soon as nothing is on its way.
    fn retry_v5(&mut self) {
        if !self.is_online() {
            return;
        }
        if self.outbox.count(Queue::InFlight) > 0 {
            self.timers
                .set(Timer::VersionRetry, self.now + Duration::from_secs(10));
            return;
        }
        let from = self.versions.current();
        let to = self.versions.retry();
        self.signals.push_back(Signal::VersionChanged {
            from,
            to,
            why: VersionChange::Retry,
        });
        self.end_link(Cause::VersionRetry);
    }

    /// When everything has its outcome, there is nothing left to drain.
    pub(super) fn end_drain_if_empty(&mut self) {
        if self.draining && self.outbox.is_empty() {
            self.finish_drain();
        }
    }

    fn finish_drain(&mut self) {
        if !self.draining || self.is_leaving_for_good() {
            return;
        }
        self.timers.stop(Timer::Drain);
        self.timers.stop(Timer::Retry);
        while let Some(entry) = self.outbox.any().and_then(|id| self.outbox.remove(id)) {
            self.report(entry, Outcome::Undelivered(UndeliveredCause::Abandoned));
        }
        self.arm_expiry();
        self.leave(AfterLeaving::Close);
    }
}
