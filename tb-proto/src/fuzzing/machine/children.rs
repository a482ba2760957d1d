//! What the application does for the children of a gateway, and what a strict server expects of it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use super::World;
use super::ledger::{Sent, Ticket};
use crate::{
    AttributeKeys, AttributeQuery, Attributes, ChildId, Claim, InvalidChild, Message, Priority,
    QoS, RpcMethods, Target, Telemetry, WhichChildren,
};

/// So many children are spoken for.
pub(super) const CHILDREN: usize = 3;

/// What the children are called at first.
pub(super) const NAMES: [&str; CHILDREN] = ["c0", "c1", "c\"2"];

impl World {
    /// The child of this number, which is added if need be.
    fn child(&mut self, number: u8) -> Option<ChildId> {
        let at = usize::from(number) % CHILDREN;
        let known = self.children[at];
        let mut gateway = self.client.gateway();
        let name = known.and_then(|known| gateway.name(known).map(ToString::to_string));
        let name = name.unwrap_or_else(|| NAMES[at].to_string());
        let profile = (at == 1).then_some("meter");
        match gateway.child(self.now, &name, profile) {
            Ok(child) => {
                assert!(known.is_none_or(|known| known == child));
                self.children[at] = Some(child);
            }
            Err(refused) => assert!(
                matches!(refused, InvalidChild::NotAGateway | InvalidChild::Closed),
                "{refused:?}"
            ),
        }
        self.children[at]
    }

    /// The application sends something for a child.
    pub(super) fn child_message(&mut self, number: u8) {
        let Some(child) = self.child(number) else {
            return;
        };
        let choice = number / 3;
        let n = self.next_number();
        let padding = match choice % 12 {
            7 => 300,
            8 => 2_000,
            _ => 0,
        };
        let (message, target, text): (Message, _, _) = match choice % 12 {
            9 | 10 => {
                let text = format!(r#"{{"k{}":{n}}}"#, choice % 2);
                let attributes = Attributes::json(text.clone());
                (attributes.into(), Target::ChildAttributes { child }, text)
            }
            11 => {
                let text = format!(r#"{{"secretKey":"secret {n}"}}"#);
                let claim = Claim::new(format!("secret {n}"));
                (claim.into(), Target::ChildClaim { child }, text)
            }
            choice => {
                let text = format!(r#"{{"n":{n},"p":"{:padding$}"}}"#, "");
                let telemetry = Telemetry::json(text.clone());
                let telemetry = match choice {
                    1 => telemetry.qos(QoS::AtMostOnce),
                    2 => telemetry.priority(Priority::High),
                    3 => telemetry.expires_in(Duration::from_secs(10)),
                    4 => telemetry.unstamped(),
                    _ => telemetry.qos(QoS::AtLeastOnce),
                };
                (telemetry.into(), Target::ChildTelemetry { child }, text)
            }
        };
        let outcome = self.client.gateway().send(self.now, child, message);
        self.accepted(n, target, text, outcome);
    }

    /// What else the application does about a child.
    pub(super) fn about_child(&mut self, number: u8) {
        let Some(child) = self.child(number) else {
            return;
        };
        let which = match number / 3 % 2 {
            0 => WhichChildren::One(child),
            _ => WhichChildren::All,
        };
        let now = self.now;
        let mut gateway = self.client.gateway();
        match number / 3 % 6 {
            0 | 1 if self.subscriptions.len() < 8 => {
                let subscription = gateway.subscribe_to_attributes(now, which, AttributeKeys::All);
                self.subscriptions.push(subscription);
            }
            2 | 3 => {
                let served = gateway.serve_rpc(now, which, RpcMethods::All);
                self.servers.extend(served);
            }
            4 => {
                let query = AttributeQuery::shared(["k1"]).timeout(Duration::from_secs(20));
                if let Ok(ticket) = gateway.request_attributes(now, child, query) {
                    self.ledger.open(ticket.id(), Ticket::Query);
                }
            }
            5 => match gateway.disconnect(now, child) {
                Ok(ticket) => self.ledger.open(ticket.id(), Ticket::Goodbye(child)),
                Err(refused) => assert_eq!(refused.into_item(), child),
            },
            _ => {}
        }
    }

    /// Something is sent for each child that was deleted: only that creates it anew, so that what waits
    /// for it can end. A queue that is full of it gives room.
    pub(super) fn revive_children(&mut self) {
        for child in core::mem::take(&mut self.deleted) {
            for id in self.ledger.open_ids() {
                if self.revive(child) {
                    break;
                }
                self.client.cancel(self.now, id);
                self.settle();
            }
        }
    }

    fn revive(&mut self, child: ChildId) -> bool {
        let n = self.next_number();
        let text = format!(r#"{{"n":{n}}}"#);
        let telemetry = Telemetry::json(text.clone()).qos(QoS::AtMostOnce);
        let mut gateway = self.client.gateway();
        let Ok(ticket) = gateway.send_telemetry(self.now, child, telemetry) else {
            return false;
        };
        let sent = Sent {
            number: n,
            target: Target::ChildTelemetry { child },
            text,
            accepted: self.now,
        };
        self.ledger.open(ticket.id(), Ticket::Message(sent));
        true
    }
}

/// The children whose announcements the server has acknowledged on a connection.
#[derive(Debug, Default)]
pub(super) struct Announced {
    there: BTreeSet<String>,
}

impl Announced {
    /// Reads a publish below `v1/gateway`, and checks that it is about children that are announced. Returns
    /// the child that it announces.
    pub(super) fn read(&mut self, topic: &str, payload: &[u8], strict: bool) -> Option<String> {
        let text = core::str::from_utf8(payload).expect("UTF-8");
        let payload: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(text).expect("an object");
        let device = || {
            let device = payload.get("device").and_then(serde_json::Value::as_str);
            device.expect("it names the child").to_string()
        };
        let check = |name: &str| {
            assert!(
                !strict || self.there.contains(name),
                "{topic}: {name} is not announced"
            );
        };
        match topic {
            "connect" => return Some(device()),
            // Nothing may follow it, acknowledged or not.
            "disconnect" => {
                let gone = device();
                self.there.remove(&gone);
            }
            "attributes/request" | "rpc" => check(&device()),
            _ => payload.keys().for_each(|name| check(name)),
        }
        None
    }

    pub(super) fn acknowledged(&mut self, name: String) {
        self.there.insert(name);
    }
}
