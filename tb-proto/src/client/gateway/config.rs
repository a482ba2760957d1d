//! What can be chosen about a gateway.

use core::time::Duration;

use super::Combining;
use crate::mqtt::{RateLimits, Sharing};

/// Makes a client a gateway: a device that speaks for others, its children.
///
/// The device needs the gateway flag on the server (TB §1.10); a device without it gets no
/// acknowledgement for what it sends for children. See [`Config::gateway`](crate::Config::gateway).
///
/// ```
/// # use tb_proto::{Config, Credentials, GatewayConfig};
/// let config = Config::new("mqtt://localhost".parse()?, Credentials::token("A1_TEST_TOKEN"))
///     .gateway(GatewayConfig::new().max_children(50_000));
/// # Ok::<(), tb_proto::InvalidUrl>(())
/// ```
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    pub(crate) max_children: usize,
    pub(crate) max_announcing: usize,
    pub(crate) rate_limits: RateLimits,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) combining: Option<Combining>,
}

impl GatewayConfig {
    /// A gateway with the defaults.
    pub fn new() -> Self {
        Self {
            max_children: 20_000,
            max_announcing: 256,
            rate_limits: RateLimits::default(),
            keep_alive: Some(Duration::from_secs(300)),
            combining: None,
        }
    }

    /// Rate limits of all children together that hold where the server tells none. Default: none.
    /// How much of them is used says [`Config::rate_limit_share`](crate::Config::rate_limit_share).
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.rate_limits = limits;
        self
    }

    /// How many children it may have. Default 20,000; from 1 to 1,000,000. Each takes some 200 bytes
    /// and its name twice; a further one is refused.
    pub fn max_children(mut self, children: usize) -> Self {
        self.max_children = children.clamp(1, 1_000_000);
        self
    }

    /// After this long without an uplink of its own a child is kept alive by a small attribute request.
    /// Default 5 minutes, at least 10 s; `None`: no child is.
    ///
    /// ThingsBoard drops a child that is silent for 10 minutes, whatever its gateway says, and sends
    /// nothing for it any more (C-140). Switch this off if the device has `overwriteActivityTime` set
    /// on the server, or if nothing is sent to children.
    pub fn keep_alive(mut self, interval: Option<Duration>) -> Self {
        self.keep_alive = interval.map(|interval| interval.max(Duration::from_secs(10)));
        self
    }

    /// Messages of several children go in one publish, where they can. Default: each has its own.
    ///
    /// Each message keeps its own ticket, its own time and its place in the order of its child. It saves
    /// packets and acknowledgements; and as the server counts the telemetry of one child in one publish as
    /// one message, under a limit on telemetry messages it saves tokens too. If the server refuses a
    /// publish, or hangs up on it, its messages go on in publishes of their own, so that only the one is
    /// rejected that fails alone.
    ///
    /// Combined are telemetry that has a time, for which it [waits](Combining::max_delay) a little, and
    /// attributes, which do not wait; both at QoS 1 and with normal priority.
    ///
    /// ```
    /// # use tb_proto::{Combining, Config, Credentials, GatewayConfig};
    /// let config = Config::new("mqtt://localhost".parse()?, Credentials::token("A1_TEST_TOKEN"))
    ///     .gateway(GatewayConfig::new().combine(Combining::new()));
    /// # Ok::<(), tb_proto::InvalidUrl>(())
    /// ```
    pub const fn combine(mut self, combining: Combining) -> Self {
        self.combining = Some(combining);
        self
    }

    pub(in crate::client) fn sharing(&self) -> Option<Sharing> {
        self.combining.as_ref().map(Combining::sharing)
    }

    /// How many announcements of children may be unacknowledged at a time. Default 256, at least 1.
    /// The server looks each child up, so that they take their time.
    pub const fn max_announcing(mut self, children: usize) -> Self {
        self.max_announcing = if children == 0 { 1 } else { children };
        self
    }
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self::new()
    }
}
