//! What rate limits are charged for (reference §14.5), and what was over them.

use super::backend::DeviceId;
use super::control::QueueKind;
use super::rate_limits::{Cost, Limit, Tokens};
use super::simulator::{ConnectionId, Simulator};
use super::time::Time;

/// Facts beyond so many are not kept: one would be enough to fail a test.
const MOST_KEPT: usize = 10_000;

/// What a limit is charged for. PINGREQ, `getSessionLimits`, provisioning and the chunks of an OTA
/// request after its first cost nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charged {
    /// An accepted CONNECT.
    SessionOpen,
    /// The end of a session, whoever ended it.
    SessionClose,
    /// One filter of a SUBSCRIBE, if the core has to hear of it.
    Subscribe,
    /// One filter of an UNSUBSCRIBE, if the core has to hear of it.
    Unsubscribe,
    /// Telemetry.
    Telemetry,
    /// Client attributes.
    Attributes,
    /// An attribute request.
    AttributeRequest,
    /// A client-side RPC.
    ClientRpc,
    /// The reply to a server-side RPC.
    RpcReply,
    /// The report that a server-side RPC was delivered or was not: caused by PUBACK, by its absence, or
    /// by a write at QoS 0.
    RpcDelivery,
    /// A claim.
    Claim,
    /// The first chunk request of an identifier.
    OtaRequest,
    /// A gateway names a child for the first time.
    ChildLookUp,
}

/// The limit that was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExceededLimit {
    /// `transportTenant*`
    Tenant(Limit),
    /// `transportDevice*`, of a gateway's own traffic `transportGatewayDevice*`
    Device(Limit),
    /// `transportGateway*`: the children of a gateway together
    Children(Limit),
    /// The tenant has used up what it pays for.
    ApiUsage,
}

/// Something was refused because it was too much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverLimit {
    /// When.
    pub at: Time,
    /// The device; of a child the gateway.
    pub device: String,
    /// What.
    pub message: Charged,
    /// Why.
    pub limit: ExceededLimit,
}

impl Simulator {
    /// What was over a rate limit, in the order of arrival. Not all of it can be seen by the device: a
    /// SUBSCRIBE is acknowledged all the same, a delivery report or the end of a session is dropped.
    #[must_use]
    pub fn over_limits(&self) -> &[OverLimit] {
        &self.over_limits
    }

    /// What the device of this name may still send without being over its limits.
    #[must_use]
    pub fn tokens_left(&self, device: &str) -> Option<Tokens> {
        let device = self.backend.device_named(device)?;
        Some(self.backend.device(device).limits.left(self.now))
    }

    /// What all devices together may still send.
    #[must_use]
    pub fn tenant_tokens_left(&self) -> Tokens {
        self.backend.tenant.left(self.now)
    }

    /// What the children of this gateway together may still send.
    #[must_use]
    pub fn children_tokens_left(&self, gateway: &str) -> Option<Tokens> {
        let gateway = self.backend.device_named(gateway)?;
        Some(self.backend.device(gateway).children_limits.left(self.now))
    }

    /// Charges a message of a device session; false: it is too much.
    pub(super) fn charge(&mut self, id: ConnectionId, message: Charged, cost: Cost) -> bool {
        self.device_of(id)
            .is_none_or(|device| self.charge_device(device, message, cost))
    }

    pub(super) fn charge_device(&mut self, device: DeviceId, message: Charged, cost: Cost) -> bool {
        let now = self.now;
        let outcome = self.charge_tenant(cost).and_then(|()| {
            let limits = &mut self.backend.device_mut(device).limits;
            limits.take(now, cost).map_err(ExceededLimit::Device)
        });
        self.note_over_limit(device, message, outcome)
    }

    /// Charges a message of a gateway's child.
    pub(super) fn charge_child(&mut self, gateway: DeviceId, message: Charged, cost: Cost) -> bool {
        let now = self.now;
        let outcome = self.charge_tenant(cost).and_then(|()| {
            let limits = &mut self.backend.device_mut(gateway).children_limits;
            limits.take(now, cost).map_err(ExceededLimit::Children)
        });
        self.note_over_limit(gateway, message, outcome)
    }

    /// The tenant comes first and is charged even if the device is over its own limit.
    fn charge_tenant(&mut self, cost: Cost) -> Result<(), ExceededLimit> {
        if self.backend.transport_disabled {
            return Err(ExceededLimit::ApiUsage);
        }
        let now = self.now;
        let tenant = &mut self.backend.tenant;
        tenant.take(now, cost).map_err(ExceededLimit::Tenant)
    }

    fn note_over_limit(
        &mut self,
        device: DeviceId,
        message: Charged,
        outcome: Result<(), ExceededLimit>,
    ) -> bool {
        let Err(limit) = outcome else {
            return true;
        };
        if self.over_limits.len() < MOST_KEPT {
            self.over_limits.push(OverLimit {
                at: self.now,
                device: self.backend.device(device).name.clone(),
                message,
                limit,
            });
        }
        false
    }
}

impl From<QueueKind> for Charged {
    fn from(kind: QueueKind) -> Self {
        match kind {
            QueueKind::Telemetry => Self::Telemetry,
            QueueKind::Attributes => Self::Attributes,
            QueueKind::RpcRequest => Self::ClientRpc,
            QueueKind::AttrRequest => Self::AttributeRequest,
            QueueKind::RpcResponse => Self::RpcReply,
            QueueKind::Claim => Self::Claim,
            QueueKind::Session => Self::SessionOpen,
        }
    }
}
