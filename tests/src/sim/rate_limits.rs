//! Token buckets that start full and refill continuously (reference §14.5).

use super::setup::TenantLimits;
use super::time::Time;

/// What a message costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    Regular,
    /// One telemetry message with so many data points.
    Telemetry(u64),
}

/// One of the three limits that a tenant, a device or the children of a gateway have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Regular messages.
    Messages,
    /// Telemetry messages, attributes among them.
    TelemetryMessages,
    /// Data points.
    DataPoints,
}

/// How much may still be sent at once; `None`: any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Regular messages.
    pub messages: Option<u64>,
    /// Telemetry messages, attributes among them.
    pub telemetry_messages: Option<u64>,
    /// Data points.
    pub data_points: Option<u64>,
}

/// The limits of one tenant, device or gateway with their fill.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    messages: Bucket,
    telemetry_messages: Bucket,
    data_points: Bucket,
}

/// All parts of one limit must hold.
#[derive(Clone, Debug, Default)]
struct Bucket(Vec<Part>);

#[derive(Clone, Debug)]
struct Part {
    capacity: u64,
    period_us: u64,
    /// Tokens times `period_us`: refilling stays exact in integers.
    filled: u128,
    as_of: Time,
}

impl Limits {
    pub(super) fn of_tenant(limits: &TenantLimits) -> Self {
        Self::new(
            limits.tenant_messages.as_deref(),
            limits.tenant_telemetry_messages.as_deref(),
            limits.tenant_data_points.as_deref(),
        )
    }

    pub(super) fn of_device(limits: &TenantLimits, gateway: bool) -> Self {
        if gateway {
            Self::new(
                limits.gateway_device_messages.as_deref(),
                limits.gateway_device_telemetry_messages.as_deref(),
                limits.gateway_device_data_points.as_deref(),
            )
        } else {
            Self::new(
                limits.device_messages.as_deref(),
                limits.device_telemetry_messages.as_deref(),
                limits.device_data_points.as_deref(),
            )
        }
    }

    /// The sum of a gateway's children.
    pub(super) fn of_children(limits: &TenantLimits) -> Self {
        Self::new(
            limits.gateway_messages.as_deref(),
            limits.gateway_telemetry_messages.as_deref(),
            limits.gateway_data_points.as_deref(),
        )
    }

    fn new(
        messages: Option<&str>,
        telemetry_messages: Option<&str>,
        data_points: Option<&str>,
    ) -> Self {
        Self {
            messages: Bucket::parse(messages),
            telemetry_messages: Bucket::parse(telemetry_messages),
            data_points: Bucket::parse(data_points),
        }
    }

    /// Takes what the message costs. If it is too much, the buckets before the empty one are charged
    /// all the same.
    pub(super) fn take(&mut self, now: Time, cost: Cost) -> Result<(), Limit> {
        let mut charge = |limit, tokens| match self.bucket_mut(limit).take(now, tokens) {
            true => Ok(()),
            false => Err(limit),
        };
        match cost {
            Cost::Regular => charge(Limit::Messages, 1),
            Cost::Telemetry(points) => {
                charge(Limit::TelemetryMessages, 1)?;
                charge(Limit::DataPoints, points)
            }
        }
    }

    const fn bucket_mut(&mut self, limit: Limit) -> &mut Bucket {
        match limit {
            Limit::Messages => &mut self.messages,
            Limit::TelemetryMessages => &mut self.telemetry_messages,
            Limit::DataPoints => &mut self.data_points,
        }
    }

    pub(super) fn left(&self, now: Time) -> Tokens {
        Tokens {
            messages: self.messages.left(now),
            telemetry_messages: self.telemetry_messages.left(now),
            data_points: self.data_points.left(now),
        }
    }
}

impl Bucket {
    /// `capacity:seconds[,…]`; what cannot be read limits nothing.
    fn parse(text: Option<&str>) -> Self {
        let parts = text.unwrap_or_default().split(',').filter_map(|part| {
            let (capacity, seconds) = part.split_once(':')?;
            let capacity = capacity.trim().parse::<u64>().ok()?;
            let seconds = seconds
                .trim()
                .parse::<u64>()
                .ok()
                .filter(|&seconds| seconds > 0)?;
            let period_us = seconds.checked_mul(1_000_000)?;
            Some(Part {
                capacity,
                period_us,
                filled: u128::from(capacity) * u128::from(period_us),
                as_of: Time(0),
            })
        });
        Self(parts.collect())
    }

    fn take(&mut self, now: Time, tokens: u64) -> bool {
        for part in &mut self.0 {
            part.refill(now);
        }
        let enough = self.0.iter().all(|part| part.filled >= part.price(tokens));
        if enough {
            for part in &mut self.0 {
                part.filled -= part.price(tokens);
            }
        }
        enough
    }

    fn left(&self, now: Time) -> Option<u64> {
        self.0.iter().map(|part| part.left(now)).min()
    }
}

impl Part {
    fn left(&self, now: Time) -> u64 {
        let mut part = self.clone();
        part.refill(now);
        let tokens = part.filled / u128::from(part.period_us);
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }

    fn price(&self, tokens: u64) -> u128 {
        u128::from(tokens) * u128::from(self.period_us)
    }

    fn refill(&mut self, now: Time) {
        let elapsed = now.0.saturating_sub(self.as_of.0);
        self.as_of = self.as_of.max(now);
        self.filled = self.price(self.capacity).min(
            self.filled
                .saturating_add(u128::from(elapsed) * u128::from(self.capacity)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_starts_full_and_refills_continuously() {
        let mut bucket = Bucket::parse(Some("2:1"));
        assert!(bucket.take(Time(0), 1));
        assert!(bucket.take(Time(0), 1));
        assert!(!bucket.take(Time(0), 1));
        assert!(!bucket.take(Time(499_999), 1));
        assert_eq!(bucket.left(Time(499_999)), Some(0));
        assert_eq!(bucket.left(Time(500_000)), Some(1));
        assert_eq!(bucket.left(Time(9_000_000)), Some(2));
        assert!(bucket.take(Time(500_000), 1));
        assert!(!bucket.take(Time(500_001), 1));
    }

    #[test]
    fn every_part_of_a_limit_must_hold() {
        let mut bucket = Bucket::parse(Some("10:1,3:60"));
        assert!(bucket.take(Time(0), 3));
        assert_eq!(bucket.left(Time(0)), Some(0));
        assert!(!bucket.take(Time(0), 1));
    }

    #[test]
    fn a_cleared_limit_limits_nothing() {
        assert!(Bucket::parse(Some("")).take(Time(0), u64::MAX));
        assert!(Bucket::parse(None).take(Time(0), u64::MAX));
    }
}
