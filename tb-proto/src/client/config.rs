//! Every limit and every choice, in one place.

use core::time::Duration;

use super::coalescing::Coalesce;
use super::{GatewayConfig, InvalidConfig, Limits};
use crate::codec::{ProtocolVersion, QoS};
use crate::mqtt::{Credentials, Endpoint, RateLimits, Share};
use crate::tb::{PayloadFormat, Topics};

/// Which version of MQTT is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionPolicy {
    /// MQTT 5 first, 3.1.1 if the server refuses 5 or keeps silent (the default).
    ///
    /// Only MQTT 5 lets ThingsBoard say that it refused a message; on 3.1.1 it acknowledges some
    /// messages that it throws away and answers others by closing the connection.
    Automatic,
    /// This version only.
    Only(ProtocolVersion),
}

/// What happens to a message for which the queue has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// It is refused and handed back (the default).
    Reject,
    /// The oldest waiting messages of normal priority make room; each ends as *dropped* and is
    /// handed back through its ticket. What is already on its way to the server stays.
    ///
    /// What was dropped is held until its outcome is fetched, in room of its own: up to
    /// [`Config::max_queued_messages`] and [`Config::max_queued_bytes`] again. Drivers fetch at once.
    ///
    /// Outcomes that were not fetched yet may take as much room again as the queue itself; beyond
    /// that messages are refused.
    DropOldest,
}

/// Everything that can be chosen about a client. Required things are arguments of [`Config::new`];
/// all else has a default that fits ThingsBoard and a setter of the same name.
///
/// ```
/// use core::time::Duration;
/// use tb_proto::{Config, Credentials};
///
/// let config = Config::new("mqtt://localhost".parse()?, Credentials::token("A1_TEST_TOKEN"))
///     .keep_alive(Duration::from_secs(30))
///     .max_queued_messages(10_000);
/// # Ok::<(), tb_proto::InvalidUrl>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) endpoints: alloc::vec::Vec<Endpoint>,
    pub(crate) credentials: Credentials,
    pub(crate) topics: Topics,
    pub(crate) payload_format: PayloadFormat,
    pub(crate) version: VersionPolicy,
    pub(crate) keep_alive: Duration,
    pub(crate) ping_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) acknowledgement_timeout: Duration,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
    pub(crate) slow_retry: Option<Duration>,
    pub(crate) default_qos: QoS,
    pub(crate) max_inflight: u16,
    pub(crate) max_queued_messages: usize,
    pub(crate) max_queued_bytes: usize,
    pub(crate) overflow: Overflow,
    pub(crate) max_packet_size: usize,
    pub(crate) max_incoming_packet_size: usize,
    pub(crate) max_open_requests: usize,
    pub(crate) max_rpc_calls: usize,
    pub(crate) stamp: bool,
    pub(crate) wall_clock_wait: Duration,
    pub(crate) rate_limit_pause: Duration,
    pub(crate) coalesce: Option<Coalesce>,
    pub(crate) rate_limit_share: Share,
    pub(crate) rate_limits: RateLimits,
    pub(crate) ask_session_limits: bool,
    pub(crate) known_limits: Option<Limits>,
    pub(crate) chunk_size: usize,
    pub(crate) chunks_in_flight: u32,
    pub(crate) chunk_timeout: Duration,
    pub(crate) chunk_retries: u8,
    pub(crate) gateway: Option<GatewayConfig>,
}

impl Config {
    /// A client of the server at `endpoint` for the device with these `credentials`.
    pub fn new(endpoint: Endpoint, credentials: Credentials) -> Self {
        Self {
            endpoints: alloc::vec![endpoint],
            credentials,
            topics: Topics::default(),
            payload_format: PayloadFormat::Json,
            version: VersionPolicy::Automatic,
            keep_alive: Duration::from_secs(60),
            ping_timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(20),
            acknowledgement_timeout: Duration::from_secs(60),
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            slow_retry: Some(Duration::from_secs(600)),
            default_qos: QoS::AtLeastOnce,
            max_inflight: 1_000,
            max_queued_messages: 100_000,
            max_queued_bytes: 16 * 1024 * 1024,
            overflow: Overflow::Reject,
            max_packet_size: 65_536,
            max_incoming_packet_size: 1024 * 1024,
            max_open_requests: 1_000,
            max_rpc_calls: 256,
            stamp: true,
            wall_clock_wait: Duration::from_secs(60),
            rate_limit_pause: Duration::from_secs(60),
            coalesce: None,
            rate_limit_share: Share::percent(80),
            rate_limits: RateLimits::default(),
            ask_session_limits: true,
            known_limits: None,
            chunk_size: 16 * 1024,
            chunks_in_flight: 2,
            chunk_timeout: Duration::from_secs(20),
            chunk_retries: 8,
            gateway: None,
        }
    }

    /// A further server that is tried in turn when the ones before it cannot be reached. At most 16 count.
    pub fn or_endpoint(mut self, endpoint: Endpoint) -> Self {
        if self.endpoints.len() < 16 {
            self.endpoints.push(endpoint);
        }
        self
    }

    /// The topics that the device speaks on: short ones, or those of its profile. Default: `v1/devices/me/…`.
    pub fn topics(mut self, topics: Topics) -> Self {
        self.topics = topics;
        self
    }

    /// The format of payloads: that of the device profile. Default [`PayloadFormat::Json`].
    ///
    /// A server whose profile is for the other format refuses what is sent: on MQTT 5 every message is
    /// rejected, on 3.1.1 it closes the connection.
    pub fn payload_format(mut self, format: PayloadFormat) -> Self {
        self.payload_format = format;
        self
    }

    /// The version of MQTT. Default: [`VersionPolicy::Automatic`].
    pub fn version(mut self, version: VersionPolicy) -> Self {
        self.version = version;
        self
    }

    /// After this long without an uplink that ThingsBoard counts as activity, PINGREQ is sent.
    /// Default 60 s; from 5 s to 18 h. ThingsBoard drops a session that is inactive for 10 minutes.
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive.clamp(Duration::from_secs(5), Duration::from_secs(64_800));
        self
    }

    /// How long the server may take to answer PINGREQ. Default 15 s, at least 1 s. A connection on
    /// which nothing came for the keep alive plus this time is dead.
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.ping_timeout = timeout.max(Duration::from_secs(1));
        self
    }

    /// One deadline for dialling, TLS and CONNACK together. Default 20 s, at least 100 ms.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.max(Duration::from_millis(100));
        self
    }

    /// How long the server may take to acknowledge a written QoS 1 message before the connection is
    /// replaced and the message sent again. Default 60 s, at least 1 s. While the server acknowledges
    /// nothing at all, connections are replaced less and less often, at most five minutes apart.
    pub fn acknowledgement_timeout(mut self, timeout: Duration) -> Self {
        self.acknowledgement_timeout = timeout.max(Duration::from_secs(1));
        self
    }

    /// The back-off between connection attempts grows from `min` to `max`, with full jitter.
    /// Default 1 s to 60 s; `min` is at least 100 ms.
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        self.backoff_min = min.max(Duration::from_millis(100));
        self.backoff_max = max.max(self.backoff_min);
        self
    }

    /// The pause before another attempt when only a person can mend the cause (wrong credentials, two
    /// clients with one token). Default 10 minutes; `None`: no attempt until
    /// [`set_credentials`](crate::Client::set_credentials) or [`reconnect`](crate::Client::reconnect).
    pub fn slow_retry(mut self, pause: Option<Duration>) -> Self {
        self.slow_retry = pause.map(|pause| pause.max(Duration::from_secs(1)));
        self
    }

    /// QoS of messages that do not choose their own. Default [`QoS::AtLeastOnce`].
    pub fn default_qos(mut self, qos: QoS) -> Self {
        self.default_qos = qos;
        self
    }

    /// How many QoS 1 messages may be unacknowledged at a time. Default 1,000, at least 1; a server
    /// that announces a Receive Maximum lowers it for its connection.
    pub fn max_inflight(mut self, messages: u16) -> Self {
        self.max_inflight = messages.max(1);
        self
    }

    /// How many accepted messages may be without outcome. Default 100,000; from 1 to 1,000,000.
    pub fn max_queued_messages(mut self, messages: usize) -> Self {
        self.max_queued_messages = messages.clamp(1, 1_000_000);
        self
    }

    /// How many bytes those messages may take, payload and bookkeeping (some 250 bytes each)
    /// together. Default 16 MiB, at least 4 KiB.
    pub fn max_queued_bytes(mut self, bytes: usize) -> Self {
        self.max_queued_bytes = bytes.max(4096);
        self
    }

    /// What happens when one of the two limits is reached. Default [`Overflow::Reject`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// The largest packet that the server takes, as MQTT *remaining length*: topic, headers and payload.
    /// Default 65,536, the default of ThingsBoard (C-034); where the server tells a smaller one, that
    /// one holds. Larger telemetry and attributes in JSON travel in parts with one outcome; what cannot
    /// be cut, a single value for one, is refused at once.
    pub fn max_packet_size(mut self, bytes: usize) -> Self {
        self.max_packet_size = bytes.clamp(256, 268_435_455);
        self
    }

    /// The largest incoming message that is taken. Default 1 MiB. A larger one is skipped without
    /// being held in memory, acknowledged and reported, because closing would bring it back for ever.
    pub fn max_incoming_packet_size(mut self, bytes: usize) -> Self {
        self.max_incoming_packet_size = bytes.clamp(1024, 268_435_455);
        self
    }

    /// How many requests (attribute requests, client-side RPC) may be unanswered at a time.
    /// Default 1,000; from 1 to 40,000. The machine's own questions for the updates that it follows, at
    /// most one for firmware and one for software, come on top.
    pub fn max_open_requests(mut self, requests: usize) -> Self {
        // With a million messages they stay below the bit that tells requests from messages.
        self.max_open_requests = requests.clamp(1, 40_000);
        self
    }

    /// How many server-side RPC calls are remembered, unanswered and answered together. Default 256.
    /// A call beyond what may be unanswered gets an error reply and is counted.
    pub fn max_rpc_calls(mut self, calls: usize) -> Self {
        self.max_rpc_calls = calls.clamp(2, 65_536);
        self
    }

    /// Whether telemetry without a time of its own gets the time when it was accepted. Default `true`:
    /// a reading that was delayed or sent twice keeps its place. `false` leaves the time to the server.
    pub fn stamp(mut self, stamp: bool) -> Self {
        self.stamp = stamp;
        self
    }

    /// How long telemetry waits for the first plausible wall clock (a device that boots in 1970)
    /// before it is sent without a time, and counted. Default 60 s.
    pub fn wall_clock_wait(mut self, wait: Duration) -> Self {
        self.wall_clock_wait = wait;
        self
    }

    /// Small readings wait for each other and are sent as one message: as soon as they have `bytes`
    /// together, or the oldest has waited for `time`. Default: none waits.
    ///
    /// Each keeps its own ticket and its own time. It saves packets and, under a limit on telemetry
    /// messages, tokens. Messages with a priority, an expiry or a QoS of their own do not wait.
    pub fn coalesce(mut self, bytes: usize, time: Duration) -> Self {
        self.coalesce = Some(Coalesce { bytes, time });
        self
    }

    /// How much of the server's rate limits is used, in percent. Default 80, from 1 to 100; never less
    /// than one message. The rest is for what cannot wait, the acknowledgements of RPC calls, and for
    /// limits that others share.
    pub fn rate_limit_share(mut self, percent: u8) -> Self {
        self.rate_limit_share = Share::percent(percent);
        self
    }

    /// Rate limits that hold where the server tells none. Default: none.
    ///
    /// ```
    /// # use tb_proto::{Config, Credentials, RateLimits};
    /// # let config = Config::new("mqtt://localhost".parse()?, Credentials::token("A1_TEST_TOKEN"));
    /// let limits = RateLimits {
    ///     telemetry_messages: "10:1,300:60".parse()?,
    ///     ..RateLimits::default()
    /// };
    /// let config = config.rate_limits(limits);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.rate_limits = limits;
        self
    }

    /// Whether the server is asked for its limits (`getSessionLimits`) after connecting. Default `true`.
    ///
    /// Until the first answer, but no longer than one second, what was accepted before waits. A
    /// server that does not answer is taken to have no limits but those of
    /// [`rate_limits`](Self::rate_limits).
    pub fn ask_session_limits(mut self, ask: bool) -> Self {
        self.ask_session_limits = ask;
        self
    }

    /// The limits that a former client of the same device knew, and what was left of them; see
    /// [`Client::limits`](crate::Client::limits). Default: nothing is known, and the limits count as unused.
    pub fn known_limits(mut self, limits: Limits) -> Self {
        self.known_limits = Some(limits);
        self
    }

    /// How long the client keeps away after the server closed because of a rate limit that it has not
    /// told. Default 60 s. Of limits that are known it is the longest window, up to ten minutes.
    pub fn rate_limit_pause(mut self, pause: Duration) -> Self {
        self.rate_limit_pause = pause;
        self
    }

    /// Bytes of a chunk of firmware or software. Default 16 KiB, at least 1; never more than fits a
    /// message in both directions ([`max_packet_size`](Self::max_packet_size),
    /// [`max_incoming_packet_size`](Self::max_incoming_packet_size)). A download holds at most twice
    /// this times [`chunks_in_flight`](Self::chunks_in_flight).
    pub fn chunk_size(mut self, bytes: usize) -> Self {
        self.chunk_size = bytes.max(1);
        self
    }

    /// How many chunks of a package are on their way, or wait for the application, at a time.
    /// Default 2; from 1 to 64. One waits for the line after every chunk; two keep it busy.
    pub fn chunks_in_flight(mut self, chunks: u32) -> Self {
        self.chunks_in_flight = chunks.clamp(1, 64);
        self
    }

    /// How long a chunk may take before it is asked for again. Default 20 s, at least 100 ms; it
    /// doubles with each retry, up to 5 minutes, and counts anew whenever another chunk comes.
    pub fn chunk_timeout(mut self, timeout: Duration) -> Self {
        self.chunk_timeout = timeout.max(Duration::from_millis(100));
        self
    }

    /// How often a chunk is asked for again on one connection before the download fails. Default 8.
    pub fn chunk_retries(mut self, retries: u8) -> Self {
        self.chunk_retries = retries;
        self
    }

    /// Makes the client a gateway, which speaks for other devices too: see
    /// [`Client::gateway`](crate::Client::gateway). Default: it is none.
    ///
    /// Everything that a device can do a gateway can do for itself. The format of payloads has to be
    /// [`PayloadFormat::Json`].
    pub fn gateway(mut self, gateway: GatewayConfig) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// Whether the client is a gateway.
    pub const fn is_gateway(&self) -> bool {
        self.gateway.is_some()
    }

    /// Whether a client can be made of this.
    ///
    /// # Errors
    /// [`InvalidConfig`] for credentials that no server can accept, topics that are none or that
    /// contradict each other, a payload format that cannot be, and a gateway that does not speak JSON.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        self.credentials.check()?;
        self.topics.resolve(self.payload_format)?;
        self.payload_format.check()?;
        if self.gateway.is_some() && !self.payload_format.is_json() {
            return Err(InvalidConfig::ProtobufGateway);
        }
        Ok(())
    }

    /// The servers, in the order in which they are tried.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }
}
