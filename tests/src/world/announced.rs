use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What is seen of the rule that a child is announced, and the server has acknowledged that, before
/// anything else is said for it on a connection (TB §9.2).
#[derive(Debug, Default)]
pub(super) struct Announced {
    there: BTreeSet<String>,
    /// Announcements that are not acknowledged, by packet identifier.
    open: BTreeMap<u16, String>,
}

impl Announced {
    pub(super) fn connected(&mut self) {
        self.there.clear();
        self.open.clear();
    }

    /// The gateway publishes below `v1/gateway`.
    pub(super) fn publish_up(&mut self, topic: &str, id: Option<u16>, payload: &Value) {
        let device = payload["device"].as_str();
        match topic {
            "v1/gateway/connect" => {
                let device = device.expect("it names the child").to_owned();
                let id = id.expect("only an acknowledgement tells what has become of it");
                self.open.insert(id, device);
            }
            // Nothing may follow it, acknowledged or not.
            "v1/gateway/disconnect" => {
                self.there.remove(device.expect("it names the child"));
            }
            "v1/gateway/telemetry" | "v1/gateway/attributes" | "v1/gateway/claim" => {
                let parts = payload.as_object().expect("a part for each child");
                parts.keys().for_each(|name| self.check(topic, name));
            }
            "v1/gateway/attributes/request" | "v1/gateway/rpc" => {
                self.check(topic, device.expect("it names the child"));
            }
            other => panic!("a gateway does not publish on {other}"),
        }
    }

    /// The server acknowledges with this code.
    pub(super) fn acknowledged(&mut self, id: u16, code: u8) {
        if let Some(name) = self.open.remove(&id)
            && code == 0
        {
            self.there.insert(name);
        }
    }

    fn check(&self, topic: &str, name: &str) {
        assert!(
            self.there.contains(name),
            "{topic}: {name} is not announced on this connection"
        );
    }
}
