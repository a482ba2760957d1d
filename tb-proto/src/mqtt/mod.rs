//! One MQTT client: connect, keep alive, in-flight window, subscriptions, back-off, outbox.
//!
//! It knows MQTT and how ThingsBoard's transport treats it, but no topic and no payload.
//!
//! ```text
//!   New ──▶ Dialling ──connected──▶ Handshake ──CONNACK──▶ Online
//!            ▲    │                     │                    │
//!            │    ▼ failed              ▼ refused, closed    ▼ ended
//!         Waiting ◀──────────────────────────────────────────┘ ──▶ Stopped
//!
//!   Online ──disconnect, or to reconnect on purpose──▶ Leaving ──▶ Closed | Dialling
//! ```

mod backoff;
mod confirming;
mod connecting;
mod credentials;
mod cutting;
mod deadlines;
mod dispatch;
mod drain;
mod ending;
mod endpoint;
mod engine;
mod identifiers;
mod incoming;
mod limits;
mod link;
mod link_end;
mod outbox;
mod outcome;
mod overdue;
mod pacing;
mod random;
mod settings;
mod sharing;
mod signal;
mod suspects;
mod timers;
mod tls_fault;
mod transport;
mod turn;
mod version;

#[cfg(test)]
mod tests;

pub(crate) use credentials::Kind;
pub use credentials::{Credentials, InvalidCredentials};
pub use ending::{Cause, Refusal};
pub use endpoint::{Endpoint, InvalidUrl, Scheme};
pub(crate) use engine::{Mqtt, Phase};
pub(crate) use outbox::{
    Content, Entry, Lane, MessageId, NextPart, OnLinkEnd, Origin, OutboxLimits, PartLimits,
    Publication, Queue, Shared, Stage, Suspicion,
};
pub use outcome::{Delivered, Rejection, UndeliveredCause};
pub(crate) use pacing::{Cost, Share};
pub use pacing::{InvalidRateLimit, RateLimit, RateLimits, RateWindow};
pub(crate) use settings::Settings;
pub(crate) use sharing::Sharing;
pub use signal::VersionChange;
pub(crate) use signal::{Outcome, Progress, Signal};
pub use tls_fault::TlsFault;
pub use transport::{LinkId, LinkLost, LinkRequest};
