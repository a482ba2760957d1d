//! What the server remembers about one session, and forgets with its connection.

use std::collections::BTreeMap;

use super::backend::DeviceId;
use super::gateway::Children;
use super::ota::Downloads;
use super::subscriptions::Subscriptions;
use super::time::Time;
use super::topics::Family;

/// The session of a device.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) device: DeviceId,
    /// The gateway flag at CONNECT; later changes have no effect (reference §1.10).
    pub(super) gateway: bool,
    pub(super) subscriptions: Subscriptions,
    pub(super) families: Families,
    pub(super) awaiting_ack: BTreeMap<u32, AwaitedAck>,
    /// Client-side RPC that nobody has answered: serial number by request identifier.
    pub(super) client_rpc: BTreeMap<i32, u64>,
    pub(super) last_activity: Time,
    pub(super) children: Children,
    pub(super) downloads: Downloads,
}

/// Where downlinks go: the last family that was used wins, whatever a request used (reference T.7).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Families {
    pub(super) attribute_updates: Family,
    pub(super) rpc_requests: Family,
    pub(super) attribute_responses: Family,
    pub(super) client_rpc_responses: Family,
}

/// A server-side RPC at QoS 1 whose PUBACK is awaited.
#[derive(Clone, Copy, Debug)]
pub(super) struct AwaitedAck {
    pub(super) rpc: i32,
}

impl Session {
    pub(super) fn new(device: DeviceId, gateway: bool, now: Time) -> Self {
        Self {
            device,
            gateway,
            subscriptions: Subscriptions::default(),
            families: Families::default(),
            awaiting_ack: BTreeMap::new(),
            client_rpc: BTreeMap::new(),
            last_activity: now,
            children: Children::new(),
            downloads: Downloads::default(),
        }
    }
}
