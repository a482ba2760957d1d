use std::collections::{BTreeMap, VecDeque};

use super::time::Time;

/// What the server does to hurt its clients. All of it may be changed while the simulator runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Longest delay of a PUBACK in microseconds; each is drawn from 0 to this, so that they overtake
    /// each other. 0: at once and in order.
    pub puback_delay_us: u64,
    /// Every so many PUBACKs one is withheld for ever. 0: none.
    pub withhold_puback_every: u32,
    /// Every so many answers (attributes, RPC, provisioning, OTA chunks) one is dropped. 0: none.
    pub drop_response_every: u32,
    /// Milliseconds by which the next pushes of shared attributes come late, one each, so that they
    /// overtake each other (observed trap 9).
    pub push_delays_ms: VecDeque<u64>,
    /// CONNECT is refused.
    pub refuse_connect: Option<ConnectRefusal>,
    /// The push of a new OTA package comes before the one of the keys that do not apply. Nothing keeps
    /// the two in order (reference §8.2).
    pub late_ota_deletion: bool,
    /// Children whose telemetry, attributes and claims are taken badly, by name.
    pub poisoned_children: BTreeMap<String, ChildPoison>,
    /// Children whose connect is taken badly, by name.
    pub poisoned_connects: BTreeMap<String, ChildPoison>,
    /// Nothing is answered and nothing is sent, as behind a half-open link. Bytes that come in wait;
    /// they are processed with the first that come after this is over.
    pub silent: bool,
    /// New connections are closed at once.
    pub refuse_tcp: bool,
    /// How a CONNECT of MQTT 5 is met.
    pub mqtt5: Mqtt5Support,
    /// Identifier of the first downlink PUBLISH of a connection, for tests of the wrap (C-043).
    pub first_downlink: u32,
    /// So many accepted connections are thrown out by the ghost of an earlier one (trap 10).
    pub ghosts: u32,
    /// Milliseconds after CONNACK at which a ghost strikes.
    pub ghost_delay_ms: u64,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            puback_delay_us: 0,
            withhold_puback_every: 0,
            drop_response_every: 0,
            push_delays_ms: VecDeque::new(),
            refuse_connect: None,
            late_ota_deletion: false,
            poisoned_children: BTreeMap::new(),
            poisoned_connects: BTreeMap::new(),
            silent: false,
            refuse_tcp: false,
            mqtt5: Mqtt5Support::Accepted,
            first_downlink: 1,
            ghosts: 0,
            ghost_delay_ms: 200,
        }
    }
}

/// How a CONNECT is refused, whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectRefusal {
    /// CONNACK return code on 3.1 and 3.1.1.
    pub v3: u8,
    /// CONNACK reason code on MQTT 5, and of the DISCONNECT that follows.
    pub v5: u8,
    /// When refusing ends; absent: never.
    pub until: Option<Time>,
}

/// What the part of a poisoned child, or its connect, does to the message of a gateway. The other parts
/// are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildPoison {
    /// Failure class E: it counts as invalid.
    Element,
    /// Failure class G: the handler fails over it.
    Handler,
    /// Failure class U: an error that nobody catches.
    Uncaught,
    /// The connection ends without a word and without an acknowledgement.
    HangUp,
}

/// How a CONNECT of MQTT 5 is met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mqtt5Support {
    /// As ThingsBoard does.
    #[default]
    Accepted,
    /// The connection is closed without a word.
    ClosedSilently,
    /// CONNACK of MQTT 5 with 0x84 (unsupported protocol version), then close.
    Refused,
    /// CONNACK of 3.1.1 with 0x01 (unacceptable protocol version), then close.
    RefusedAsV3,
}
