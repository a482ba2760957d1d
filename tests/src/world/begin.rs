//! How a world begins.

use core::fmt;
use core::time::Duration;

use tb_proto::{
    Combining, Config, Credentials, GatewayConfig, Overflow, ProtocolVersion, VersionPolicy,
};

use super::arrivals::Arrivals;
use super::device::{Device, Draining, Limits};
use super::meter::{Measure, Meter};
use super::run::{CLOCK_TICK, TOKEN, World};
use super::scripted::Scripted;
use super::server::{Connected, Server};
use crate::network::Network;
use crate::sim::{ProfileSetup, Setup, Simulator, Time};

/// How a random life begins; prints as the call that begins it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// [`World::small`].
    Small(ProtocolVersion),
    /// [`World::small_automatic`].
    Automatic,
    /// [`World::gateway`].
    Gateway(ProtocolVersion),
    /// [`World::gateway_automatic`].
    AutomaticGateway,
}

impl From<ProtocolVersion> for Start {
    fn from(version: ProtocolVersion) -> Self {
        Self::Small(version)
    }
}

impl Start {
    /// Begins.
    #[must_use]
    pub fn begin(self, seed: u64) -> World {
        self.with(seed, Meter::default())
    }

    /// As [`begin`](Self::begin), and the memory of the client is measured.
    #[must_use]
    pub fn measured(self, seed: u64, measure: Measure) -> World {
        self.with(seed, Meter::new(measure))
    }

    /// The versions of MQTT that are spoken.
    #[must_use]
    pub const fn version(self) -> VersionPolicy {
        match self {
            Self::Small(version) | Self::Gateway(version) => VersionPolicy::Only(version),
            Self::Automatic | Self::AutomaticGateway => VersionPolicy::Automatic,
        }
    }

    /// Whether it is the life of a gateway.
    #[must_use]
    pub const fn is_gateway(self) -> bool {
        matches!(self, Self::Gateway(_) | Self::AutomaticGateway)
    }

    fn with(self, seed: u64, meter: Meter) -> World {
        let mut setup = World::setup(seed);
        let mut config = World::config().version(self.version());
        if self.is_gateway() {
            config = config.gateway(gateway_config(seed));
            for device in &mut setup.devices {
                device.gateway = true;
            }
        }
        World::small_of(config, setup, seed, meter)
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |version| match version {
            ProtocolVersion::V5 => "ProtocolVersion::V5, ",
            ProtocolVersion::V3_1_1 => "ProtocolVersion::V3_1_1, ",
        };
        match *self {
            Self::Small(version) => write!(f, "World::small({}", of(version)),
            Self::Automatic => f.write_str("World::small_automatic("),
            Self::Gateway(version) => write!(f, "World::gateway({}", of(version)),
            Self::AutomaticGateway => f.write_str("World::gateway_automatic("),
        }
    }
}

/// The seed also chooses how fast children are announced, whether they are kept alive, and whether their
/// messages are combined.
fn gateway_config(seed: u64) -> GatewayConfig {
    let announcing = if seed.is_multiple_of(2) { 1 } else { 256 };
    let keep_alive = (!seed.is_multiple_of(4)).then_some(Duration::from_secs(300));
    let gateway = GatewayConfig::new()
        .max_announcing(announcing)
        .keep_alive(keep_alive);
    match seed % 3 {
        0 => gateway.combine(Combining::new()),
        1 => gateway.combine(Combining::new().max_data_points(10)),
        _ => gateway,
    }
}

impl World {
    /// A device that speaks what the server speaks, and ThingsBoard. All chance follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(Self::config(), seed)
    }

    /// A device that speaks this version of MQTT only.
    #[must_use]
    pub fn speaking(version: ProtocolVersion, seed: u64) -> Self {
        Self::with(Self::config().version(VersionPolicy::Only(version)), seed)
    }

    /// A device with so little memory that limits are reached, speaking this version of MQTT only.
    #[must_use]
    pub fn small(version: ProtocolVersion, seed: u64) -> Self {
        Start::Small(version).begin(seed)
    }

    /// As [`small`](Self::small), and it speaks what the server speaks.
    #[must_use]
    pub fn small_automatic(seed: u64) -> Self {
        Start::Automatic.begin(seed)
    }

    /// As [`small`](Self::small), and the device is a gateway.
    #[must_use]
    pub fn gateway(version: ProtocolVersion, seed: u64) -> Self {
        Start::Gateway(version).begin(seed)
    }

    /// As [`gateway`](Self::gateway), and it speaks what the server speaks.
    #[must_use]
    pub fn gateway_automatic(seed: u64) -> Self {
        Start::AutomaticGateway.begin(seed)
    }

    /// As [`small`](Self::small), and the memory of the client is measured.
    #[must_use]
    pub fn measured(version: ProtocolVersion, seed: u64, measure: Measure) -> Self {
        Start::Small(version).measured(seed, measure)
    }

    /// A device whose wall clock shows 1970 from the start.
    #[must_use]
    pub fn without_clock(seed: u64) -> Self {
        let mut device = Device::new(
            Self::config(),
            Limits::DEFAULT,
            Time(0),
            seed,
            Meter::default(),
        );
        device.clock_is_right = false;
        Self::build(thingsboard(Self::setup(seed)), device, seed)
    }

    /// A device with this configuration.
    #[must_use]
    pub fn with(config: Config, seed: u64) -> Self {
        Self::of(config, Self::setup(seed), seed)
    }

    /// A device with this configuration, and this ThingsBoard.
    #[must_use]
    pub fn of(config: Config, setup: Setup, seed: u64) -> Self {
        let device = Device::new(config, Limits::DEFAULT, Time(0), seed, Meter::default());
        Self::build(thingsboard(setup), device, seed)
    }

    /// A device with this configuration and this profile, for which it is configured or not.
    #[must_use]
    pub fn on_profile(config: Config, profile: ProfileSetup, seed: u64) -> Self {
        let mut setup = Self::setup(seed);
        for device in &mut setup.devices {
            device.profile = Some(profile.name.clone());
        }
        setup.profiles = vec![profile];
        Self::of(config, setup, seed)
    }

    /// From now on the application says in protobuf what it says: see
    /// [`protobuf_profile`](super::protobuf_profile).
    pub fn speak_protobuf(&mut self) -> &mut Self {
        self.device_mut().speaks_protobuf = true;
        self
    }

    /// As [`of`](Self::of), and the memory of the client is measured.
    #[must_use]
    pub fn measured_of(config: Config, setup: Setup, seed: u64, measure: Measure) -> Self {
        let meter = Meter::new(measure);
        let device = Device::new(config, Limits::DEFAULT, Time(0), seed, meter);
        Self::build(thingsboard(setup), device, seed)
    }

    /// A device with this configuration, and a server that does only what the test does.
    #[must_use]
    pub fn scripted(config: Config, seed: u64) -> Self {
        // Nobody answers what the test does not know of.
        let config = config.ask_session_limits(false);
        let device = Device::new(config, Limits::DEFAULT, Time(0), seed, Meter::default());
        Self::build(Server::Scripted(Scripted::default()), device, seed)
    }

    /// The configuration of [`new`](Self::new), to be changed.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn config() -> Config {
        let endpoint = "mqtt://server".parse().expect("an address");
        Config::new(endpoint, Credentials::token(TOKEN))
    }

    /// The ThingsBoard of [`new`](Self::new), to be changed.
    #[must_use]
    pub fn setup(seed: u64) -> Setup {
        Setup {
            seed,
            ..Setup::one_device(TOKEN)
        }
    }

    /// The seed also chooses what a full queue does and how the driver drains.
    fn small_of(config: Config, setup: Setup, seed: u64, meter: Meter) -> Self {
        let overflow = if seed.is_multiple_of(3) {
            Overflow::DropOldest
        } else {
            Overflow::Reject
        };
        let limits = Limits {
            queued_messages: 100,
            queued_bytes: 40_000,
            incoming_packet_size: 4_096,
            ..Limits::DEFAULT
        };
        let config = config
            .overflow(overflow)
            .max_queued_messages(limits.queued_messages)
            .max_queued_bytes(limits.queued_bytes)
            .max_incoming_packet_size(limits.incoming_packet_size)
            .max_inflight(20)
            .max_open_requests(10)
            .max_rpc_calls(8)
            .slow_retry(Some(Duration::from_secs(60)))
            .rate_limit_pause(Duration::from_secs(30));
        let mut device = Device::new(config, limits, Time(0), seed, meter);
        device.draining = match seed % 5 {
            0 => Draining::Reversed,
            1 => Draining::Late,
            _ => Draining::Usual,
        };
        Self::build(thingsboard(setup), device, seed)
    }

    fn build(server: Server, mut device: Device, seed: u64) -> Self {
        if matches!(server, Server::Simulator(_)) {
            device.wire.expect_order();
        }
        let mut world = Self {
            now: Time(0),
            network: Network::new(seed),
            server,
            devices: vec![device],
            owners: Vec::new(),
            selected: 0,
            arrivals: Arrivals::default(),
            results: Vec::new(),
            faults: 0,
            hang_ups: 0,
            withheld: false,
            withheld_since: None,
            number: 0,
            next_tick: Time(0) + CLOCK_TICK,
            unix_ms_at_start: Setup::default().server.unix_ms_at_start,
            seed,
        };
        world.tell_wall_clock(0);
        world
    }
}

fn thingsboard(setup: Setup) -> Server {
    Server::Simulator(Box::new(Connected::new(Simulator::new(setup))))
}
