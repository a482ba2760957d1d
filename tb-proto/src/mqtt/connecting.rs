//! A connection is opened, and left on purpose.

use alloc::boxed::Box;
use core::mem;
use core::time::Duration;

use super::engine::{AfterLeaving, Mqtt, Phase};
use super::link::Link;
use super::outbox::Content;
use super::signal::Signal;
use super::timers::Timer;
use super::{Cause, Credentials, LinkId, LinkLost, LinkRequest};
use crate::codec::{Connect, encode};
use crate::time::Instant;

/// How long handing out the last bytes may take before the connection is closed without them.
const LEAVING: Duration = Duration::from_secs(1);

impl<C: Content> Mqtt<C> {
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

    /// Uses these credentials from the next connection on; a pause goes on.
    pub(crate) fn use_credentials(&mut self, credentials: Credentials) {
        self.credentials = credentials;
    }

    /// Ends a pause between attempts.
    pub(crate) fn reconnect(&mut self, now: Instant) {
        self.advance(now);
        if matches!(self.phase, Phase::Waiting { .. } | Phase::Stopped { .. }) {
            self.timers.stop(Timer::Retry);
            self.dial();
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
}
