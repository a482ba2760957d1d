//! Claiming (reference §6). The outcome is never told to the device.

use super::backend::DeviceId;
use super::control::QueueKind;
use super::failures::Failure;
use super::json::{Json, NotJson, to_long};
use super::publish::Taken;
use super::rate_limits::Cost;
use super::simulator::{ConnectionId, Simulator};
use super::stored::Stored;

/// What a device says when it allows to be claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    secret_key: String,
    duration_ms: i64,
}

impl Simulator {
    pub(super) fn claim(
        &mut self,
        id: ConnectionId,
        device: DeviceId,
        payload: &[u8],
    ) -> Result<Taken, Failure> {
        let claim = if payload.is_empty() {
            Claim::read(&Json::Object(Vec::new()))?
        } else {
            Claim::read(&Json::parse(payload).map_err(|NotJson| Failure::Adaptor)?)?
        };
        let taken = self.enqueue(id, device, QueueKind::Claim, Cost::Regular)?;
        self.store_claim(device, claim);
        Ok(taken)
    }

    pub(super) fn store_claim(&mut self, device: DeviceId, claim: Claim) {
        self.record(Stored::Claim {
            device: self.backend.device(device).name.clone(),
            secret_key: claim.secret_key,
            duration_ms: claim.duration_ms,
        });
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
