//! What an application sends.

use core::time::Duration;

use serde_json::json;
use tb_proto::{
    Attributes, ChildId, Claim, Client, Instant, Message, Priority, QoS, Refused, RefusedReason,
    Telemetry,
};

use super::ledger::Kind;
use super::messages;
use super::run::World;
use crate::sim::Time;

/// A reading as it is to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) child: Option<ChildId>,
    pub(super) padding: usize,
    pub(super) qos: QoS,
    pub(super) priority: Priority,
    pub(super) expires: Option<Duration>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            child: None,
            padding: 0,
            qos: QoS::AtLeastOnce,
            priority: Priority::Normal,
            expires: None,
        }
    }
}

impl World {
    /// So many readings are sent, QoS 1, one after the other.
    pub fn send(&mut self, readings: u32) -> &mut Self {
        for _ in 0..readings {
            self.reading(Reading::default()).ok();
        }
        self
    }

    /// So many readings are sent at QoS 0.
    pub fn send_qos0(&mut self, readings: u32) -> &mut Self {
        for _ in 0..readings {
            self.reading(Reading {
                qos: QoS::AtMostOnce,
                ..Reading::default()
            })
            .ok();
        }
        self
    }

    /// So many readings, each with its own time, are sent as one message.
    pub fn send_pack(&mut self, readings: u32) -> &mut Self {
        let start = self.unix_ms();
        let mut telemetry = Telemetry::batch();
        for offset in 0..readings {
            self.number += 1;
            let number = self.number;
            telemetry = telemetry.entry_at(start + i64::from(offset), &json!({ "n": number }));
        }
        let kind = Kind::Telemetry {
            number: self.number,
            qos: QoS::AtLeastOnce,
            expires: false,
        };
        self.send_message(None, telemetry.into(), kind).ok();
        self
    }

    /// A reading is sent ahead of the others.
    pub fn send_urgent(&mut self, readings: u32) -> &mut Self {
        for _ in 0..readings {
            self.reading(Reading {
                priority: Priority::High,
                ..Reading::default()
            })
            .ok();
        }
        self
    }

    /// A reading is sent that is worth nothing after so long.
    pub fn send_expiring(&mut self, time: Duration) -> &mut Self {
        self.reading(Reading {
            expires: Some(time),
            ..Reading::default()
        })
        .ok();
        self
    }

    /// A reading is sent with so many bytes of text beside it.
    pub fn send_large(&mut self, bytes: usize) -> &mut Self {
        self.reading(Reading {
            padding: bytes,
            ..Reading::default()
        })
        .ok();
        self
    }

    /// As [`send_large`](Self::send_large). Returns the reading's number.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn try_send_large(&mut self, bytes: usize) -> Result<u64, RefusedReason> {
        self.reading(Reading {
            padding: bytes,
            ..Reading::default()
        })
    }

    /// A reading is sent, QoS 1. Returns its number.
    ///
    /// # Errors
    /// As [`Client::send`](tb_proto::Client::send); then what came back has been compared with what
    /// was given.
    pub fn try_send(&mut self) -> Result<u64, RefusedReason> {
        self.reading(Reading::default())
    }

    pub(super) fn reading(&mut self, reading: Reading) -> Result<u64, RefusedReason> {
        self.number += 1;
        let number = self.number;
        if reading.priority == Priority::High {
            self.device_mut().wire.expect_urgent(number);
        }
        let telemetry = if self.device().speaks_protobuf {
            Telemetry::protobuf(messages::reading(number, reading.padding))
        } else {
            Telemetry::json(match reading.padding {
                0 => format!("{{\"n\":{number}}}"),
                bytes => format!("{{\"n\":{number},\"text\":\"{}\"}}", "x".repeat(bytes)),
            })
        };
        let mut telemetry = telemetry.qos(reading.qos).priority(reading.priority);
        if let Some(time) = reading.expires {
            telemetry = telemetry.expires_in(time);
        }
        let expires = reading.expires.is_some();
        let kind = Kind::Telemetry {
            number,
            qos: reading.qos,
            expires,
        };
        self.send_message(reading.child, telemetry.into(), kind)
            .map(|()| number)
    }

    /// Telemetry is sent that is made for its number.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn send_made(&mut self, make: impl FnOnce(u64) -> Telemetry) -> Result<u64, RefusedReason> {
        self.number += 1;
        let number = self.number;
        let kind = Kind::Telemetry {
            number,
            qos: QoS::AtLeastOnce,
            expires: false,
        };
        self.send_message(None, make(number).into(), kind)
            .map(|()| number)
    }

    /// The attribute `a` with this index gets a new value.
    pub fn send_attribute(&mut self, index: u8) -> &mut Self {
        self.attribute(None, index, QoS::AtLeastOnce, None)
    }

    /// As [`send_attribute`](Self::send_attribute), at QoS 0.
    pub fn send_attribute_qos0(&mut self, index: u8) -> &mut Self {
        self.attribute(None, index, QoS::AtMostOnce, None)
    }

    /// As [`send_attribute`](Self::send_attribute), worth nothing after so long.
    pub fn send_attribute_expiring(&mut self, index: u8, time: Duration) -> &mut Self {
        self.attribute(None, index, QoS::AtLeastOnce, Some(time))
    }

    pub(super) fn attribute(
        &mut self,
        child: Option<ChildId>,
        index: u8,
        qos: QoS,
        expires: Option<Duration>,
    ) -> &mut Self {
        self.number += 1;
        let number = self.number;
        let attributes = if self.device().speaks_protobuf {
            Attributes::protobuf(messages::attribute(index, number))
        } else {
            Attributes::json(format!("{{\"a{index}\":{number}}}"))
        };
        let mut attributes = attributes.qos(qos);
        if let Some(time) = expires {
            attributes = attributes.expires_in(time);
        }
        let kind = Kind::Attribute {
            number,
            qos,
            expires: expires.is_some(),
        };
        self.send_message(child, attributes.into(), kind).ok();
        self
    }

    /// The device allows to be claimed for a minute, with a secret that no other claim has.
    pub fn claim(&mut self) -> &mut Self {
        self.claim_for(None)
    }

    pub(super) fn claim_for(&mut self, child: Option<ChildId>) -> &mut Self {
        self.number += 1;
        let number = self.number;
        let claim = Claim::new(number.to_string())
            .duration(Duration::from_secs(60))
            .qos(QoS::AtLeastOnce);
        self.send_message(child, claim.into(), Kind::Claim { number })
            .ok();
        self
    }

    fn send_message(
        &mut self,
        child: Option<ChildId>,
        message: Message,
        kind: Kind,
    ) -> Result<(), RefusedReason> {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let sent = device.call(|client| {
            // A copy made under the meter: what the client keeps was allocated under it.
            let copy = message.clone();
            let sent = match child {
                None => {
                    let due_before = client.poll_timeout();
                    let sent = client.send(clock, copy);
                    check_news(client, due_before);
                    sent
                }
                Some(child) => client.gateway().send(clock, child, copy),
            };
            sent.map_err(|Refused { item, reason, .. }| {
                assert_eq!(*item, message, "what is refused comes back as it was");
                reason
            })
        });
        let outcome = sent.map(|pending| {
            let accepted = Time(clock.as_micros());
            device.ledger.issue_for(child, pending.id(), kind, accepted);
        });
        self.drain_after_call();
        outcome
    }

    /// Room is kept for a message, and then used or given back.
    pub fn reserve(&mut self, bytes: usize, used: bool) -> &mut Self {
        self.number += 1;
        let (now, number) = (self.now, self.number);
        let device = self.device_mut();
        let clock = device.clock(now);
        let sent = device.call(|client| {
            let room = client.reserve(bytes)?;
            if !used {
                client.release(room);
                return None;
            }
            let reading = Telemetry::json(format!("{{\"n\":{number}}}"));
            Some(
                client
                    .send_into(clock, room, reading)
                    .map_err(|refused| refused.reason),
            )
        });
        match sent {
            Some(Ok(pending)) => {
                let kind = Kind::Telemetry {
                    number,
                    qos: QoS::AtLeastOnce,
                    expires: false,
                };
                device
                    .ledger
                    .issue(pending.id(), kind, Time(clock.as_micros()));
            }
            Some(Err(reason)) => panic!("there was room for reading {number}: {reason}"),
            None => {}
        }
        self.drain_after_call();
        self
    }
}

/// A driver that slept until `due_before` learns what a message changed by `send_timeout` and `has_events`.
fn check_news(client: &Client, due_before: Option<Instant>) {
    let micros = |due: Option<Instant>| due.map_or(u64::MAX, Instant::as_micros);
    let told = micros(due_before).min(micros(client.send_timeout()));
    assert!(
        client.has_events() || micros(client.poll_timeout()) >= told,
        "{:?} is due, of which a driver that asks after the message alone knows nothing",
        client.poll_timeout()
    );
}
