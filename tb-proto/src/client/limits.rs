//! The server's limits: asked for after connecting, remembered, and handed to the layer below.
//!
//! ```text
//!   Unasked ──connected──▶ Asked ──answer──▶ Answered
//!                            │ the server closed
//!                            ▼
//!                          Unasked, but from now on only once a connection has held; twice: never
//! ```

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::message::Content;
use super::{Client, Event};
use crate::codec::QoS;
use crate::mqtt::{
    Cause, Lane, LinkLost, OnLinkEnd, Publication, RateLimit, RateLimits, RateWindow,
};
use crate::tb::rpc::read_rpc_answer;
use crate::tb::session_limits::{self, SessionLimits};
use crate::tb::{PayloadFormat, protobuf, topics};
use crate::time::Instant;

/// How long the backlog waits for the limits when they are not known yet.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// A server that closed while the question was open is asked again only after a connection has held
/// this long: if it was the question, then little is lost.
const HELD: Duration = Duration::from_secs(30);

/// Closes that are blamed on the question: a profile closes on the payload format of the other.
const MAX_CLOSES: u8 = 2;

/// The number of the request; others begin at 1.
pub(super) const REQUEST: i32 = 0;

/// The transport answers it itself, and only on the v1 topic (C-100, C-102).
const QUESTION: &[u8] = br#"{"method":"getSessionLimits","params":{}}"#;

/// The limits that a client keeps, and how much of them is left.
///
/// Read it with [`Client::limits`] before a program ends and give it to the next one with
/// [`Config::known_limits`](crate::Config::known_limits): the server's counters do not start anew
/// with the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest packet as MQTT *remaining length* in bytes, if the server told one.
    pub max_packet_size: Option<usize>,
    /// CONNECT, subscriptions, requests, RPC replies and acknowledgements, claims.
    pub messages: Vec<LimitWindow>,
    /// Messages with telemetry or attributes.
    pub telemetry_messages: Vec<LimitWindow>,
    /// The values in them.
    pub data_points: Vec<LimitWindow>,
    /// Announcements, requests, RPC replies and claims of all children of a gateway together.
    pub child_messages: Vec<LimitWindow>,
    /// Their messages with telemetry or attributes.
    pub child_telemetry_messages: Vec<LimitWindow>,
    /// The values in them.
    pub child_data_points: Vec<LimitWindow>,
}

/// One window of a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitWindow {
    /// The window as the server told it.
    pub window: RateWindow,
    /// How many may be sent at once now, within the share that is used; negative after messages that
    /// could not wait.
    pub left: i64,
}

#[derive(Debug)]
pub(super) struct LimitsOfSession {
    asking: Asking,
    /// The server closed so often while the question was open.
    closes: u8,
    /// What the server told last.
    told: Option<SessionLimits>,
    /// Until when the backlog waited for the answer.
    waited_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    /// Not on this connection; if a time stands here, then at that time.
    Unasked {
        due: Option<Instant>,
    },
    Asked,
    Answered,
}

impl LimitsOfSession {
    pub(super) const fn new() -> Self {
        Self {
            asking: Asking::Unasked { due: None },
            closes: 0,
            told: None,
            waited_until: None,
        }
    }

    pub(super) const fn next_deadline(&self) -> Option<Instant> {
        match self.asking {
            Asking::Unasked { due } => due,
            Asking::Asked | Asking::Answered => None,
        }
    }

    /// Whether the server may be to blame the question for this end.
    fn is_blamed(&self, cause: Cause) -> bool {
        self.asking == Asking::Asked
            && matches!(
                cause,
                Cause::Lost(LinkLost::Closed | LinkLost::Reset) | Cause::ServerDisconnect(_)
            )
    }
}

impl Client {
    /// The limits that are kept now, and what is left of them.
    pub fn limits(&self) -> Limits {
        let [
            messages,
            telemetry_messages,
            data_points,
            child_messages,
            child_telemetry_messages,
            child_data_points,
        ] = self.mqtt.limit_windows().map(|windows| {
            let windows = windows.into_iter();
            windows
                .map(|(window, left)| LimitWindow { window, left })
                .collect()
        });
        Limits {
            max_packet_size: self.told_packet_size(),
            messages,
            telemetry_messages,
            data_points,
            child_messages,
            child_telemetry_messages,
            child_data_points,
        }
    }

    /// The connection stands: the limits are asked for before anything else is said.
    pub(super) fn ask_limits_on_connect(&mut self) {
        let asks = self.config.ask_session_limits && self.limits.closes < MAX_CLOSES;
        // It may have been left again already, for good.
        if !asks || !self.mqtt.is_online() {
            return;
        }
        let now = self.mqtt.now();
        if self.limits.closes > 0 {
            let due = Some(now + HELD);
            self.limits.asking = Asking::Unasked { due };
            return;
        }
        let has_waited = self.limits.waited_until.is_some_and(|until| until <= now);
        if self.limits.told.is_none() && !has_waited {
            let until = now + FIRST_WAIT;
            self.limits.waited_until = Some(until);
            self.mqtt.hold_backlog(until);
        }
        self.ask_limits();
    }

    pub(super) fn ask_limits_when_due(&mut self) {
        if let Some(due) = self.limits.next_deadline()
            && due <= self.mqtt.now()
            && self.mqtt.is_online()
        {
            self.ask_limits();
        }
    }

    fn ask_limits(&mut self) {
        self.limits.asking = Asking::Asked;
        let question = match self.config.payload_format {
            PayloadFormat::Json => Bytes::from_static(QUESTION),
            // A session with protobuf payloads closes on JSON (TB §5.2).
            PayloadFormat::Protobuf { .. } => {
                protobuf::rpc_request("getSessionLimits", b"{}").into()
            }
        };
        let publication = Publication {
            topic: topics::session_limits_request(REQUEST),
            content: Content::SessionLimits(question),
            qos: QoS::AtLeastOnce,
            lane: Lane::First,
            accepted: self.mqtt.now(),
            expires: None,
            on_link_end: OnLinkEnd::End,
            // It is none to the server (C-103).
            is_activity: false,
            origin: None,
        };
        self.mqtt.submit(publication, false);
    }

    /// The answer came, whatever it says: nothing waits for it any longer.
    pub(super) fn handle_session_limits(&mut self, payload: &Bytes) {
        if self.limits.asking != Asking::Asked {
            self.counters.unexpected_answers += 1;
            return;
        }
        self.limits.asking = Asking::Answered;
        self.mqtt.release_backlog();
        self.limits.closes = 0;
        let answer = read_rpc_answer(payload, REQUEST).ok();
        let Some(told) = answer.and_then(|answer| session_limits::parse(answer.as_bytes())) else {
            return;
        };
        if self.limits.told.as_ref() != Some(&told) {
            self.events.notice(Event::LimitsTold {
                max_packet_size: told.max_packet_size,
                rates: told.rates.clone(),
                children: told.children.clone(),
            });
        }
        self.limits.told = Some(told);
        self.apply_limits();
    }

    /// The question was refused: the server does not answer it.
    pub(super) fn session_limits_refused(&mut self) {
        if self.limits.asking == Asking::Asked {
            self.limits.asking = Asking::Answered;
            self.mqtt.release_backlog();
        }
    }

    pub(super) fn limits_offline(&mut self, cause: Cause) {
        if self.limits.is_blamed(cause) {
            self.limits.closes = self.limits.closes.saturating_add(1);
        }
        self.limits.asking = Asking::Unasked { due: None };
    }

    /// Takes what was configured, and what a former client knew.
    pub(super) fn start_limits(&mut self) {
        self.apply_limits();
        let Some(known) = self.config.known_limits.take() else {
            return;
        };
        let windows = [
            &known.messages,
            &known.telemetry_messages,
            &known.data_points,
            &known.child_messages,
            &known.child_telemetry_messages,
            &known.child_data_points,
        ];
        let [
            messages,
            telemetry_messages,
            data_points,
            child_messages,
            child_telemetry_messages,
            child_data_points,
        ] = windows.map(|windows| {
            RateLimit::of_windows(windows.iter().map(|&LimitWindow { window, .. }| window))
        });
        self.limits.told = Some(SessionLimits {
            max_packet_size: known.max_packet_size,
            rates: RateLimits {
                messages,
                telemetry_messages,
                data_points,
            },
            children: RateLimits {
                messages: child_messages,
                telemetry_messages: child_telemetry_messages,
                data_points: child_data_points,
            },
        });
        self.apply_limits();
        let left = windows.map(|windows| {
            let windows = windows.iter();
            windows
                .map(|&LimitWindow { window, left }| (window, left))
                .collect()
        });
        self.mqtt.restore_limits(&left);
    }

    /// What the server tells holds; what was configured holds where it tells nothing.
    fn apply_limits(&mut self) {
        let told = self.limits.told.as_ref();
        let own = either(told.map(|told| &told.rates), &self.config.rate_limits);
        let children = match &self.config.gateway {
            Some(gateway) => either(told.map(|told| &told.children), &gateway.rate_limits),
            None => RateLimits::default(),
        };
        self.mqtt.set_rate_limits(&own, &children);
        self.mqtt.set_max_packet_size(self.max_packet_size());
    }

    fn told_packet_size(&self) -> Option<usize> {
        self.limits
            .told
            .as_ref()
            .and_then(|told| told.max_packet_size)
    }

    /// The largest packet that is sent, as MQTT *remaining length*.
    pub(super) fn max_packet_size(&self) -> usize {
        let configured = self.config.max_packet_size;
        self.told_packet_size()
            .map_or(configured, |told| told.min(configured))
    }
}

/// Of each limit what was told, or what was configured where nothing was.
fn either(told: Option<&RateLimits>, configured: &RateLimits) -> RateLimits {
    let either = |choose: fn(&RateLimits) -> &RateLimit| {
        told.map(choose)
            .filter(|limit| !limit.is_unlimited())
            .unwrap_or_else(|| choose(configured))
            .clone()
    };
    RateLimits {
        messages: either(|limits| &limits.messages),
        telemetry_messages: either(|limits| &limits.telemetry_messages),
        data_points: either(|limits| &limits.data_points),
    }
}
