//! What the application does.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::World;
use super::ledger::{Sent, Ticket};
use super::script::Verb;
use crate::{
    AttributeKeys, AttributeQuery, Attributes, Claim, Credentials, Delivered, Message, Pending,
    Priority, QoS, Refused, RefusedReason, RpcCall, RpcMethods, RpcReply, Target, Telemetry,
};

/// 1 January 2026, 12:00, in milliseconds since 1970.
pub(super) const NOON_MS: i64 = 1_767_268_800_000;

impl World {
    pub(super) fn call(&mut self, verb: Verb, number: u8) {
        match verb {
            Verb::WallClock => {
                let shown = [NOON_MS, 86_400_000, NOON_MS + 3_600_000, i64::MAX, i64::MIN];
                self.client
                    .set_wall_clock(self.now, shown[usize::from(number) % shown.len()]);
            }
            Verb::Telemetry => self.send_telemetry(number),
            Verb::Attributes => self.send_attributes(number),
            Verb::Room => self.use_room(number),
            Verb::Query => self.request_attributes(number),
            Verb::Call => self.send_rpc_call(number),
            Verb::Reply => self.send_rpc_reply(number),
            Verb::Serve => {
                let methods = match number % 4 {
                    0 => RpcMethods::All,
                    n => RpcMethods::Named(format!("m{}", n - 1)),
                };
                self.servers
                    .extend(self.client.serve_rpc(self.now, methods));
            }
            Verb::EndServing if !self.servers.is_empty() => {
                let server = self
                    .servers
                    .remove(usize::from(number) % self.servers.len());
                self.client.end_rpc(self.now, server);
            }
            Verb::Follow if self.subscriptions.len() < 8 => {
                let keys = match number % 2 {
                    0 => AttributeKeys::All,
                    _ => AttributeKeys::only(["k1"]),
                };
                let subscription = self.client.subscribe_to_attributes(self.now, keys);
                self.subscriptions.push(subscription);
            }
            Verb::EndFollowing => {
                if let Some(subscription) = self.subscriptions.pop() {
                    self.client
                        .unsubscribe_from_attributes(self.now, subscription);
                }
            }
            Verb::Cancel => {
                if let Some(id) = self.ledger.nth(number) {
                    self.client.cancel(self.now, id);
                }
            }
            Verb::Credentials => {
                let token = if number % 4 == 3 { "" } else { "A2_TEST_TOKEN" };
                let outcome = self
                    .client
                    .set_credentials(self.now, Credentials::token(token));
                assert_eq!(outcome.is_err(), token.is_empty());
            }
            Verb::Reconnect => self.client.reconnect(self.now),
            Verb::Disconnect => {
                self.disconnect(Duration::from_secs(u64::from(number % 16)));
            }
            Verb::Claim => self.claim(number),
            Verb::FollowUpdates => self.follow_updates(number),
            Verb::UnfollowUpdates => self.unfollow_updates(number),
            Verb::Download => self.download(number),
            Verb::FetchChunk => self.fetch(number),
            Verb::ReportUpdate => self.report_update(number),
            Verb::ChildMessage => self.child_message(number),
            Verb::AboutChild => self.about_child(number),
            _ => {}
        }
    }

    pub(super) fn next_number(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    fn send_telemetry(&mut self, number: u8) {
        let n = self.next_number();
        let padding = match number % 16 {
            7 => 300,
            8 => 2_000,
            _ => 0,
        };
        let text = format!(r#"{{"n":{n},"p":"{:padding$}"}}"#, "");
        let telemetry = Telemetry::json(text.clone());
        let telemetry = match number % 16 {
            1 => telemetry.qos(QoS::AtMostOnce),
            2 => telemetry.priority(Priority::High),
            3 => telemetry.expires_in(Duration::from_secs(10)),
            4 => telemetry.at(NOON_MS),
            5 => telemetry.unstamped(),
            6 => telemetry.entry(&serde_json::json!({ "x": 1 })),
            9 => Telemetry::json("[]"),
            10 => telemetry.at(NOON_MS / 1_000),
            11 => telemetry
                .expires_in(Duration::ZERO)
                .priority(Priority::High),
            _ => telemetry.qos(QoS::AtLeastOnce),
        };
        let outcome = self.client.send_telemetry(self.now, telemetry);
        self.accepted(n, Target::Telemetry, text, outcome);
    }

    fn send_attributes(&mut self, number: u8) {
        let n = self.next_number();
        let text = format!(r#"{{"k{}":{n}}}"#, number % 4);
        let attributes = Attributes::json(text.clone());
        let attributes = match number / 4 % 4 {
            1 => attributes.qos(QoS::AtMostOnce),
            2 => attributes.expires_in(Duration::from_secs(10)),
            3 => attributes.priority(Priority::High),
            _ => attributes,
        };
        let outcome = self.client.send_attributes(self.now, attributes);
        self.accepted(n, Target::Attributes, text, outcome);
    }

    fn claim(&mut self, number: u8) {
        let n = self.next_number();
        let claim = Claim::new(format!("secret {n}"));
        let claim = match number % 4 {
            1 => claim.qos(QoS::AtMostOnce),
            2 => claim.expires_in(Duration::from_secs(10)),
            3 => claim.duration(Duration::from_secs(60)),
            _ => claim,
        };
        let text = match number % 4 {
            3 => format!(r#"{{"secretKey":"secret {n}","durationMs":60000}}"#),
            _ => format!(r#"{{"secretKey":"secret {n}"}}"#),
        };
        let outcome = self.client.claim(self.now, claim);
        self.accepted(n, Target::Claim, text, outcome);
    }

    /// Keeps room, uses what was kept, or gives it back.
    fn use_room(&mut self, number: u8) {
        match number % 3 {
            0 => self
                .rooms
                .extend(self.client.reserve(usize::from(number) * 8)),
            1 => {
                let Some(room) = self.rooms.pop() else { return };
                let n = self.next_number();
                let text = format!(r#"{{"n":{n}}}"#);
                let telemetry = Telemetry::json(text.clone());
                let outcome = self.client.send_into(self.now, room, telemetry);
                self.accepted(n, Target::Telemetry, text, outcome);
            }
            _ => {
                if let Some(room) = self.rooms.pop() {
                    self.client.release(room);
                }
            }
        }
    }

    pub(super) fn accepted(
        &mut self,
        number: u32,
        target: Target,
        text: String,
        outcome: Result<Pending<Delivered>, Refused<Message>>,
    ) {
        match outcome {
            Ok(ticket) => {
                let sent = Sent {
                    number,
                    target,
                    text,
                    accepted: self.now,
                };
                self.ledger.open(ticket.id(), Ticket::Message(sent));
            }
            Err(refused) => {
                let of_its_kind = match refused.into_item() {
                    Message::Telemetry(_) => {
                        matches!(target, Target::Telemetry | Target::ChildTelemetry { .. })
                    }
                    Message::Attributes(_) => {
                        matches!(target, Target::Attributes | Target::ChildAttributes { .. })
                    }
                    Message::Claim(_) => {
                        matches!(target, Target::Claim | Target::ChildClaim { .. })
                    }
                };
                assert!(of_its_kind, "a refused message comes back");
            }
        }
    }

    fn request_attributes(&mut self, number: u8) {
        let query = match number % 4 {
            0 => AttributeQuery::shared(["k1", "k2"]),
            1 => AttributeQuery::all().timeout(Duration::from_secs(3)),
            2 => AttributeQuery::client(["k1"]).timeout(Duration::ZERO),
            _ => AttributeQuery::new(),
        };
        match self.client.request_attributes(self.now, query.clone()) {
            Ok(ticket) => self.ledger.open(ticket.id(), Ticket::Query),
            Err(refused) => assert_eq!(refused.into_item(), query),
        }
    }

    fn send_rpc_call(&mut self, number: u8) {
        let call = RpcCall::new("method");
        let call = match number % 4 {
            0 => call,
            1 => call.idempotent(),
            2 => call.params(&["zone"]).timeout(Duration::from_secs(3)),
            _ => call.params(&"x".repeat(2_000)),
        };
        match self.client.send_rpc_call(self.now, call.clone()) {
            Ok(ticket) => self.ledger.open(ticket.id(), Ticket::Call),
            Err(refused) => assert_eq!(refused.into_item(), call),
        }
    }

    fn send_rpc_reply(&mut self, number: u8) {
        let position = usize::from(number) % self.kept_calls.len().max(1);
        let Some(request) = self.kept_calls.remove(position) else {
            return;
        };
        let n = self.next_number();
        let padding = if number % 8 == 7 { 900 } else { 0 };
        let text = format!(r#"{{"r":{n},"p":"{:padding$}"}}"#, "");
        let request_id = request.request_id();
        let target = match request.child() {
            Some(child) => Target::ChildRpcReply { child, request_id },
            None => Target::RpcReply { request_id },
        };
        match self
            .client
            .send_rpc_reply(self.now, request, RpcReply::text(text.clone()))
        {
            Ok(ticket) => {
                let sent = Sent {
                    number: n,
                    target,
                    text,
                    accepted: self.now,
                };
                self.ledger.open(ticket.id(), Ticket::Message(sent));
            }
            Err(refused) => {
                let over = refused.reason == RefusedReason::CallOver;
                let (request, _) = refused.into_item();
                // A call that is not over can be answered later.
                if !over {
                    self.kept_calls.push_back(request);
                }
            }
        }
    }
}
