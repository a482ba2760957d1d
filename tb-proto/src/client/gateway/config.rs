//! What can be chosen about a gateway.

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayConfig {
    pub(crate) max_children: usize,
    pub(crate) max_announcing: usize,
}

impl GatewayConfig {
    /// A gateway with the defaults.
    pub const fn new() -> Self {
        Self {
            max_children: 20_000,
            max_announcing: 256,
        }
    }

    /// How many children it may have. Default 20,000; from 1 to 1,000,000. Each takes some 200 bytes
    /// and its name twice; a further one is refused.
    pub fn max_children(mut self, children: usize) -> Self {
        self.max_children = children.clamp(1, 1_000_000);
        self
    }

    /// How many announcements of children may be unacknowledged at a time. Default 256, at least 1.
    /// The server looks each child up, so that they take their time.
    pub fn max_announcing(mut self, children: usize) -> Self {
        self.max_announcing = children.max(1);
        self
    }
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self::new()
    }
}
