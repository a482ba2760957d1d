//! What an application does.

use core::time::Duration;

use serde_json::json;
use tb_proto::{
    AttributeKeys, AttributeQuery, Attributes, Claim, Credentials, Message, Priority, QoS, Refused,
    RefusedReason, RequestId, RpcCall, RpcMethods, RpcReply, Telemetry,
};

use super::application::Answering;
use super::ledger::Kind;
use super::messages;
use super::run::{TOKEN, World};
use crate::sim::Time;

/// A reading as it is to be sent.
#[derive(Clone, Copy, Debug)]
struct Reading {
    padding: usize,
    qos: QoS,
    priority: Priority,
    expires: Option<Duration>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
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
        self.send_message(telemetry.into(), kind).ok();
        self
    }

    /// A reading is sent ahead of the others.
    pub fn send_urgent(&mut self, readings: u32) -> &mut Self {
        for _ in 0..readings {
            let number = self.number + 1;
            self.device_mut().wire.expect_urgent(number);
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

    fn reading(&mut self, reading: Reading) -> Result<u64, RefusedReason> {
        self.number += 1;
        let number = self.number;
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
        self.send_message(telemetry.into(), kind).map(|()| number)
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
        self.send_message(make(number).into(), kind)
            .map(|()| number)
    }

    /// The attribute `a` with this index gets a new value.
    pub fn send_attribute(&mut self, index: u8) -> &mut Self {
        self.attribute(index, QoS::AtLeastOnce, None)
    }

    /// As [`send_attribute`](Self::send_attribute), at QoS 0.
    pub fn send_attribute_qos0(&mut self, index: u8) -> &mut Self {
        self.attribute(index, QoS::AtMostOnce, None)
    }

    /// As [`send_attribute`](Self::send_attribute), worth nothing after so long.
    pub fn send_attribute_expiring(&mut self, index: u8, time: Duration) -> &mut Self {
        self.attribute(index, QoS::AtLeastOnce, Some(time))
    }

    fn attribute(&mut self, index: u8, qos: QoS, expires: Option<Duration>) -> &mut Self {
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
        self.send_message(attributes.into(), kind).ok();
        self
    }

    /// The device allows to be claimed for a minute, with a secret that no other claim has.
    pub fn claim(&mut self) -> &mut Self {
        self.number += 1;
        let number = self.number;
        let claim = Claim::new(number.to_string())
            .duration(Duration::from_secs(60))
            .qos(QoS::AtLeastOnce);
        self.send_message(claim.into(), Kind::Claim { number }).ok();
        self
    }

    fn send_message(&mut self, message: Message, kind: Kind) -> Result<(), RefusedReason> {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let sent = device.call(|client| {
            // A copy made under the meter: what the client keeps was allocated under it.
            let copy = message.clone();
            client
                .send(clock, copy)
                .map_err(|Refused { item, reason, .. }| {
                    assert_eq!(*item, message, "what is refused comes back as it was");
                    reason
                })
        });
        let outcome = sent.map(|pending| {
            device
                .ledger
                .issue(pending.id(), kind, Time(clock.as_micros()));
        });
        self.drain_after_call();
        outcome
    }

    /// The application asks for all attributes and waits so long for the answer.
    pub fn request_attributes(&mut self, timeout: Duration) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let asked = device.call(|client| {
            let query = AttributeQuery::all().timeout(timeout);
            client
                .request_attributes(clock, query)
                .map_err(|refused| refused.reason)
        });
        if let Ok(pending) = asked {
            device.ledger.issue(
                pending.id(),
                Kind::AttributeRequest,
                Time(clock.as_micros()),
            );
        }
        self.drain_after_call();
        self
    }

    /// The application calls a method of the rule chain. Returns the number of the call.
    pub fn call_method(&mut self, method: &str, idempotent: bool, timeout: Duration) -> u64 {
        self.number += 1;
        let (now, number) = (self.now, self.number);
        let device = self.device_mut();
        let clock = device.clock(now);
        let asked = device.call(|client| {
            let mut call = RpcCall::new(method)
                .params(&json!({ "c": number }))
                .timeout(timeout);
            if idempotent {
                call = call.idempotent();
            }
            client
                .send_rpc_call(clock, call)
                .map_err(|refused| refused.reason)
        });
        if let Ok(pending) = asked {
            device
                .ledger
                .issue(pending.id(), Kind::RpcCall, Time(clock.as_micros()));
        }
        self.drain_after_call();
        number
    }

    /// The application calls a method that must not run twice.
    pub fn call(&mut self) -> &mut Self {
        self.call_method("echo", false, Duration::from_secs(20));
        self
    }

    /// The application calls a method that may run twice.
    pub fn call_idempotent(&mut self) -> &mut Self {
        self.call_method("echo", true, Duration::from_secs(20));
        self
    }

    /// The application follows all shared attributes from now on.
    pub fn follow_attributes(&mut self) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let keys = AttributeKeys::All;
        let followed = device.call(|client| client.subscribe_to_attributes(clock, keys));
        device.application.follows.push(followed);
        self.drain_after_call();
        self
    }

    /// The application gives up the subscription of attributes that it made last.
    pub fn unfollow_attributes(&mut self) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        if let Some(followed) = device.application.follows.pop() {
            device.call(|client| client.unsubscribe_from_attributes(clock, followed));
        }
        self.drain_after_call();
        self
    }

    /// The application serves all methods that the server calls, from now on.
    pub fn serve_calls(&mut self) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        if let Ok(server) = device.call(|client| client.serve_rpc(clock, RpcMethods::All)) {
            device.application.serves.push(server);
        }
        self.drain_after_call();
        self
    }

    /// The application serves no calls any more.
    pub fn end_serving(&mut self) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        if let Some(server) = device.application.serves.pop() {
            device.call(|client| client.end_rpc(clock, server));
        }
        self.drain_after_call();
        self
    }

    /// How the application treats calls from now on.
    pub fn answering(&mut self, answering: Answering) -> &mut Self {
        self.device_mut().application.answering = answering;
        self
    }

    /// The application answers every call that it has.
    pub fn answer_calls(&mut self) -> &mut Self {
        let now = self.now;
        self.device_mut().answer_calls(now);
        self.drain_after_call();
        self
    }

    /// The application answers the call that it has had for longest. One that could not be answered
    /// stays.
    ///
    /// # Errors
    /// As [`Client::send_rpc_reply`](tb_proto::Client::send_rpc_reply).
    ///
    /// # Panics
    /// If there is no call.
    pub fn answer_with(&mut self, reply: RpcReply) -> Result<(), RefusedReason> {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let call = device.application.calls.pop_front().expect("a call");
        let sent = device.call(|client| client.send_rpc_reply(clock, call, reply));
        let outcome = match sent {
            Ok(pending) => {
                device
                    .ledger
                    .issue(pending.id(), Kind::Reply, Time(clock.as_micros()));
                Ok(())
            }
            Err(Refused { item, reason, .. }) => {
                device.application.calls.push_front(item.0);
                Err(reason)
            }
        };
        self.drain_after_call();
        outcome
    }

    /// From now on the application fetches no events, or fetches them again.
    pub fn fetch_events(&mut self, fetches: bool) -> &mut Self {
        self.device_mut().fetches = fetches;
        self.drain_after_call();
        self
    }

    /// The application takes back the message or request that it made so many before the last.
    pub fn cancel(&mut self, back: usize) -> &mut Self {
        let id = self
            .device()
            .ledger
            .tickets()
            .rev()
            .nth(back)
            .map(|(id, _)| id);
        if let Some(id) = id {
            self.cancel_ticket(id);
        }
        self
    }

    /// The application takes this back. Returns whether it had not been written.
    pub fn cancel_ticket(&mut self, id: RequestId) -> bool {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let unwritten = device.call(|client| client.cancel(clock, id));
        self.drain_after_call();
        unwritten
    }

    /// The application wants to be connected now.
    pub fn reconnect(&mut self) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        device.call(|client| client.reconnect(clock));
        self.drain_after_call();
        self
    }

    /// The application sets the credentials that it has.
    pub fn renew_credentials(&mut self) -> &mut Self {
        self.set_token(TOKEN)
    }

    /// The application sets other credentials.
    ///
    /// # Panics
    /// If the token is none.
    pub fn set_token(&mut self, token: &str) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let set = device.call(|client| client.set_credentials(clock, Credentials::token(token)));
        set.expect("a token");
        self.drain_after_call();
        self
    }

    /// The application disconnects; what is left may take so long.
    pub fn disconnect(&mut self, time: Duration) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let pending = device.call(|client| client.disconnect(clock, clock + time));
        device
            .ledger
            .issue(pending.id(), Kind::Disconnect, Time(clock.as_micros()));
        self.drain_after_call();
        self
    }

    /// The device asks what becomes of all that it has accepted, and for so long at the most.
    pub fn flush(&mut self, time: Duration) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let pending = device.call(|client| client.flush(clock, clock + time));
        device
            .ledger
            .issue(pending.id(), Kind::Flush, Time(clock.as_micros()));
        self.drain_after_call();
        self
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
