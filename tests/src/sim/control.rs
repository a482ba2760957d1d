use serde::Deserialize;
use serde_json::{Map, Value};

use super::ota::ChecksumAlgorithm;
use super::setup::TenantLimits;

/// Something that happens at the back-end.
///
/// Reads the `control` member of a recorded step as it stands. A device that does not exist makes the
/// control do nothing; an RPC for it fails.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Control {
    /// Shared attributes are changed, in one operation.
    SetShared {
        /// Device.
        device: String,
        /// New values.
        values: Map<String, Value>,
    },
    /// Shared attributes are deleted.
    DeleteShared {
        /// Device.
        device: String,
        /// Their keys.
        keys: Vec<String>,
    },
    /// A server-side RPC is issued; its outcome comes as [`CallResult`] under the name `call`.
    Rpc {
        /// Name under which the caller waits.
        call: String,
        /// Device.
        device: String,
        /// Method.
        method: String,
        /// Parameters; absent means null.
        #[serde(default)]
        params: Option<Value>,
        /// Parameters as text that need not be JSON; wins over `params`.
        #[serde(default)]
        raw_params: Option<String>,
        /// No reply is expected.
        #[serde(default)]
        oneway: bool,
        /// Milliseconds until the call expires; absent means 10 s.
        #[serde(default)]
        timeout_ms: Option<u64>,
        /// Whether the RPC is persistent.
        #[serde(default)]
        persisted: bool,
        /// Forces the request identifier.
        #[serde(default)]
        request_id: Option<i32>,
    },
    /// A firmware package is assigned; without title and version none is from now on. The device gets
    /// its shared attributes.
    SetFw(Assignment),
    /// A software package is assigned; without title and version none is from now on. The device gets
    /// its shared attributes.
    SetSw(Assignment),
    /// The transport's cache loses all OTA packages: downloads that have begun get empty chunks until
    /// somebody asks with a new request identifier.
    EvictPackages,
    /// The core closes the sessions of the device.
    CloseSession {
        /// Device.
        device: String,
        /// Why.
        reason: CloseReason,
    },
    /// The device gets a new access token; its sessions are closed.
    SetCredentials {
        /// Device.
        device: String,
        /// New access token.
        token: String,
    },
    /// The device is deleted. If a gateway named it, the gateway hears of it by an RPC, whose outcome
    /// bears the name of its method.
    DeleteDevice {
        /// Device.
        device: String,
    },
    /// The device gets another name, unless it is taken. If a gateway named it, the gateway hears of it
    /// by an RPC, whose outcome bears the name of its method.
    RenameDevice {
        /// Device.
        device: String,
        /// New name.
        name: String,
    },
    /// The service that answers credential checks and look-ups takes its time.
    ServiceDelay {
        /// Milliseconds; absent means at once.
        #[serde(default)]
        delay_ms: Option<u64>,
        /// At once again.
        #[serde(default)]
        off: bool,
    },
    /// The service that answers credential checks and look-ups fails from now on.
    ServiceError {
        /// Works again.
        #[serde(default)]
        off: bool,
    },
    /// The administrator changes the rate limits; every bucket is full again.
    SetTenantLimits {
        /// New limits.
        limits: TenantLimits,
    },
    /// The tenant has used up what it pays for: nothing is taken any more (reference §14.5).
    TransportDisabled {
        /// Everything is taken again.
        #[serde(default)]
        off: bool,
    },
    /// From now on messages of a kind cannot be queued.
    QueueError {
        /// Kind.
        what: QueueKind,
        /// Device; absent means all.
        #[serde(default)]
        device: Option<String>,
    },
    /// The next messages of a kind are processed, but the queue never confirms them.
    QueueCallbackLost {
        /// Kind.
        what: QueueKind,
        /// Device; absent means all.
        #[serde(default)]
        device: Option<String>,
        /// How many; absent means one.
        #[serde(default = "one")]
        count: u32,
    },
    /// The next messages of a kind are processed at once and confirmed later.
    QueueCallbackDelayed {
        /// Kind.
        what: QueueKind,
        /// Device; absent means all.
        #[serde(default)]
        device: Option<String>,
        /// Milliseconds.
        delay_ms: u64,
        /// How many; absent means one.
        #[serde(default = "one")]
        count: u32,
    },
}

/// An OTA package is assigned to a device or to a profile.
///
/// A package that stands neither in [`Setup::packages`](super::Setup::packages) nor at a URL is not
/// assigned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Assignment {
    /// Device.
    pub device: String,
    /// Set: the package is for the devices of this profile that have none of their own, and `device`
    /// does not count.
    pub profile: Option<String>,
    /// Name in [`Setup::packages`](super::Setup::packages).
    pub package: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Tag.
    pub tag: Option<String>,
    /// Absent: SHA-256, or none for a package at a URL.
    pub checksum_algorithm: Option<ChecksumAlgorithm>,
    /// Absent: the right one, or none for a package at a URL.
    pub checksum: Option<String>,
    /// External address; such a package cannot be fetched in chunks.
    pub url: Option<String>,
    /// Bytes of a package at a URL, if somebody entered them.
    pub size: Option<u64>,
}

impl Assignment {
    /// A package of the simulator for a device.
    #[must_use]
    pub fn of_package(device: &str, package: &str, title: &str, version: &str) -> Self {
        Self {
            package: Some(package.to_owned()),
            ..Self::of(device, title, version)
        }
    }

    /// A package at an external address for a device.
    #[must_use]
    pub fn at_url(device: &str, url: &str, title: &str, version: &str) -> Self {
        Self {
            url: Some(url.to_owned()),
            ..Self::of(device, title, version)
        }
    }

    /// Nothing for a device from now on.
    #[must_use]
    pub fn none(device: &str) -> Self {
        Self {
            device: device.to_owned(),
            ..Self::default()
        }
    }

    /// With a checksum of this kind.
    #[must_use]
    pub const fn with_algorithm(mut self, algorithm: ChecksumAlgorithm) -> Self {
        self.checksum_algorithm = Some(algorithm);
        self
    }

    fn of(device: &str, title: &str, version: &str) -> Self {
        Self {
            device: device.to_owned(),
            title: Some(title.to_owned()),
            version: Some(version.to_owned()),
            ..Self::default()
        }
    }
}

/// Kinds of messages between transport and core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueKind {
    /// Telemetry.
    Telemetry,
    /// Client attributes.
    Attributes,
    /// Client-side RPC.
    RpcRequest,
    /// Attribute request.
    AttrRequest,
    /// Reply to a server-side RPC.
    RpcResponse,
    /// Claim.
    Claim,
    /// Session opened or closed.
    Session,
}

/// Why the core closes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CloseReason {
    /// The credentials were changed or the device was deleted.
    CredentialsUpdated,
    /// More sessions than allowed.
    MaxConcurrentSessionsLimitReached,
    /// The core saw no activity.
    SessionTimeout,
    /// An RPC was not acknowledged.
    RpcDeliveryTimeout,
    /// Anything else.
    UnknownReason,
}

/// The outcome of a [`Control::Rpc`].
#[derive(Clone, Debug, PartialEq)]
pub struct CallResult {
    /// Name of the call.
    pub call: String,
    /// Whether it succeeded.
    pub ok: bool,
    /// Request identifier that the device saw.
    pub rpc_id: Option<i32>,
    /// The reply, if it is JSON.
    pub reply: Option<Value>,
    /// The text of the reply.
    pub reply_text: Option<String>,
    /// A one-way RPC was handed to the transport.
    pub sent: bool,
    /// `TIMEOUT`, `NO_ACTIVE_CONNECTION` or `NO_SUCH_DEVICE`.
    pub error: Option<String>,
}

const fn one() -> u32 {
    1
}
