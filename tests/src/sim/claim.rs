//! Claiming (reference §6). The outcome is never told to the device.

use super::backend::DeviceId;
use super::control::QueueKind;
use super::failures::Failure;
use super::formats::Format;
use super::json::{Json, NotJson, to_long};
use super::protobuf::{ClaimDevice, NotProtobuf};
use super::publish::Taken;
use super::rate_limits::Cost;
use super::simulator::{ConnectionId, Simulator};
use super::stored::Stored;
use super::time::Time;
use super::topics::Family;

/// What a device says when it allows to be claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    secret_key: String,
    duration_ms: i64,
}

/// Whose a device is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Ownership {
    #[default]
    Tenant,
    /// Whoever knows the key may have it.
    Claimable {
        secret_key: String,
        until: Time,
    },
    Claimed {
        customer: String,
    },
}

/// What a customer is told who claims a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The device is the customer's.
    Success,
    /// It is somebody's already.
    Claimed,
    /// There is no such device, the device does not allow it (any more), or the key is another one.
    Failure,
}

impl Simulator {
    pub(super) fn claim(
        &mut self,
        id: ConnectionId,
        device: DeviceId,
        payload: &[u8],
    ) -> Result<Taken, Failure> {
        let claim = self.read_uplink(device, Family::V1, |format| match format {
            Format::Json if payload.is_empty() => Claim::read(&Json::Object(Vec::new())),
            Format::Json => Claim::read(&Json::parse(payload).map_err(|NotJson| Failure::Adaptor)?),
            Format::Protobuf => {
                let claim = ClaimDevice::read(payload).map_err(|NotProtobuf| Failure::Adaptor)?;
                Ok(claim.into())
            }
        })?;
        let taken = self.enqueue(id, device, QueueKind::Claim, Cost::Regular)?;
        self.store_claim(device, claim);
        Ok(taken)
    }

    /// The first claim holds until it is used, expires, or somebody fails with it; a later one is
    /// acknowledged and forgotten.
    pub(super) fn store_claim(&mut self, device: DeviceId, claim: Claim) {
        let now = self.now;
        let default_ms = self.setup.server.claim_duration_ms;
        let allowed = self.setup.server.claiming_allowed;
        let known = self.backend.device_mut(device);
        let pending =
            matches!(&known.ownership, Ownership::Claimable { until, .. } if now < *until);
        if allowed && !pending && !matches!(known.ownership, Ownership::Claimed { .. }) {
            let given = u64::try_from(claim.duration_ms).ok();
            let duration = given.filter(|&millis| millis > 0).unwrap_or(default_ms);
            known.ownership = Ownership::Claimable {
                secret_key: claim.secret_key.clone(),
                until: now.plus_millis(duration),
            };
        }
        let device = known.name.clone();
        self.record(Stored::Claim {
            device,
            secret_key: claim.secret_key,
            duration_ms: claim.duration_ms,
        });
    }

    /// A customer claims a device with its secret key, through the server's other interface. The device
    /// hears nothing of it.
    pub fn claim_by_customer(
        &mut self,
        now: Time,
        device: &str,
        customer: &str,
        secret_key: &str,
    ) -> ClaimOutcome {
        self.advance(now);
        let Some(device) = self.backend.device_named(device) else {
            return ClaimOutcome::Failure;
        };
        let ownership = &mut self.backend.device_mut(device).ownership;
        match ownership {
            Ownership::Claimed { .. } => ClaimOutcome::Claimed,
            Ownership::Claimable {
                secret_key: own,
                until,
            } if now < *until && own == secret_key => {
                *ownership = Ownership::Claimed {
                    customer: customer.to_owned(),
                };
                ClaimOutcome::Success
            }
            Ownership::Claimable { .. } | Ownership::Tenant => {
                *ownership = Ownership::Tenant;
                ClaimOutcome::Failure
            }
        }
    }

    /// A customer gives the device back; false: nobody had it.
    pub fn reclaim(&mut self, now: Time, device: &str) -> bool {
        self.advance(now);
        let Some(device) = self.backend.device_named(device) else {
            return false;
        };
        let ownership = &mut self.backend.device_mut(device).ownership;
        let claimed = matches!(ownership, Ownership::Claimed { .. });
        if claimed {
            *ownership = Ownership::Tenant;
        }
        claimed
    }

    /// The customer that has claimed the device.
    #[must_use]
    pub fn customer_of(&self, device: &str) -> Option<&str> {
        let device = self.backend.device_named(device)?;
        match &self.backend.device(device).ownership {
            Ownership::Claimed { customer } => Some(customer),
            Ownership::Claimable { .. } | Ownership::Tenant => None,
        }
    }
}

impl From<ClaimDevice> for Claim {
    fn from(claim: ClaimDevice) -> Self {
        Self {
            secret_key: claim.secret_key,
            duration_ms: claim.duration_ms,
        }
    }
}

impl Claim {
    /// Both members may be missing, but neither may be null (C-105).
    pub(super) fn read(json: &Json) -> Result<Self, Failure> {
        if !matches!(json, Json::Object(_)) {
            return Err(Failure::Adaptor);
        }
        let secret_key = match json.member("secretKey") {
            Some(secret_key) => secret_key.as_text().ok_or(Failure::Uncaught)?,
            None => String::new(),
        };
        let duration_ms = match json.member("durationMs") {
            Some(duration) => {
                let text = duration.as_text().ok_or(Failure::Uncaught)?;
                to_long(&text).ok_or(Failure::Uncaught)?
            }
            None => 0,
        };
        Ok(Self {
            secret_key,
            duration_ms,
        })
    }
}
