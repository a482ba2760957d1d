use std::collections::{BTreeMap, BTreeSet};

use super::children;
use crate::sim::{Stored, Timestamp, TypedValue};

/// What reached the back-end, and what must never be true of it.
#[derive(Debug, Default)]
pub struct Arrivals {
    readings: BTreeMap<u64, Reading>,
    attributes: BTreeMap<String, u64>,
    calls: BTreeMap<u64, u32>,
    claims: BTreeSet<u64>,
    replies: u64,
    created: Vec<Created>,
}

/// A child that the server did not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its number.
    pub child: u8,
    /// The profile that it was created with.
    pub profile: String,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    child: Option<u8>,
    ts: Timestamp,
    times: u32,
}

/// The key of every reading.
pub(super) const READING: &str = "n";

impl Arrivals {
    pub(super) fn take(&mut self, fact: &Stored) {
        match fact {
            Stored::Telemetry {
                device,
                ts,
                key,
                value: TypedValue::Long(number),
                ..
            } if key == READING => {
                let child = children::number_of(device);
                let reading = self
                    .readings
                    .entry(number.unsigned_abs())
                    .or_insert(Reading {
                        child,
                        ts: *ts,
                        times: 0,
                    });
                reading.times += 1;
                assert_eq!(
                    reading.child, child,
                    "reading {number} is stored under two devices"
                );
                if let (Timestamp::Device(first), Timestamp::Device(again)) = (reading.ts, *ts) {
                    assert_eq!(
                        first, again,
                        "reading {number} came again with another time"
                    );
                }
            }
            Stored::ClientAttribute {
                device,
                key,
                value: TypedValue::Long(number),
            } => {
                let key = match children::number_of(device) {
                    Some(child) => &format!("m{child}/{key}"),
                    None => key,
                };
                let number = number.unsigned_abs();
                let newest = self.attributes.entry(key.clone()).or_insert(number);
                assert!(
                    *newest <= number,
                    "{key}: {number} was stored after {newest}"
                );
                *newest = number;
            }
            Stored::ClientRpc { params, .. } => {
                if let Some(number) = params.get("c").and_then(serde_json::Value::as_u64) {
                    *self.calls.entry(number).or_insert(0) += 1;
                }
            }
            Stored::Claim { secret_key, .. } => self.claims.extend(secret_key.parse::<u64>()),
            Stored::RpcReply { .. } => self.replies += 1,
            Stored::GatewayChild {
                child,
                device_type,
                created: true,
                ..
            } => self
                .created
                .extend(children::number_of(child).map(|child| Created {
                    child,
                    profile: device_type.clone(),
                })),
            _ => {}
        }
    }

    /// Whether the reading with this number is stored.
    #[must_use]
    pub fn has_reading(&self, number: u64) -> bool {
        self.readings.contains_key(&number)
    }

    /// The time under which a reading is stored.
    #[must_use]
    pub fn time_of(&self, number: u64) -> Option<Timestamp> {
        self.readings.get(&number).map(|reading| reading.ts)
    }

    /// How many times a reading came.
    #[must_use]
    pub fn times(&self, number: u64) -> u32 {
        self.readings
            .get(&number)
            .map_or(0, |reading| reading.times)
    }

    /// The numbers of all readings.
    pub fn readings(&self) -> impl Iterator<Item = u64> {
        self.readings.keys().copied()
    }

    /// The child under which a reading is stored; none for the device itself.
    #[must_use]
    pub fn child_of(&self, number: u64) -> Option<u8> {
        self.readings.get(&number).and_then(|reading| reading.child)
    }

    /// The children that the server did not have before, as they came.
    #[must_use]
    pub fn created(&self) -> &[Created] {
        &self.created
    }

    /// The current value of each client attribute; those of children have `m`, the number of the child
    /// and a slash in front.
    #[must_use]
    pub const fn attributes(&self) -> &BTreeMap<String, u64> {
        &self.attributes
    }

    /// How many times the client-side RPC call with this number came.
    #[must_use]
    pub fn calls(&self, number: u64) -> u32 {
        self.calls.get(&number).copied().unwrap_or(0)
    }

    /// Whether the claim with this number is known.
    #[must_use]
    pub fn has_claim(&self, number: u64) -> bool {
        self.claims.contains(&number)
    }

    /// Replies to server-side RPC calls.
    #[must_use]
    pub const fn replies(&self) -> u64 {
        self.replies
    }
}
