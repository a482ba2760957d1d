//! What the MQTT layer is told once; [`Config`](crate::Config) documents each value.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Endpoint, OutboxLimits, Share, Sharing};
use crate::codec::ProtocolVersion;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// At least one.
    pub(crate) endpoints: Vec<Endpoint>,
    /// `None`: MQTT 5 first, 3.1.1 if need be.
    pub(crate) version: Option<ProtocolVersion>,
    pub(crate) keep_alive: Duration,
    pub(crate) ping_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) acknowledgement_timeout: Duration,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
    pub(crate) slow_retry: Option<Duration>,
    pub(crate) rate_limit_pause: Duration,
    pub(crate) rate_limit_share: Share,
    pub(crate) max_inflight: u16,
    pub(crate) max_incoming: usize,
    /// `None`: each message of an origin has a packet of its own.
    pub(crate) sharing: Option<Sharing>,
    pub(crate) outbox: OutboxLimits,
}
