//! Children that were renamed or deleted on the server (TB §9.11).
//!
//! The server tells the gateway by calls of its own. They are one-way and acknowledged as messages:
//! nobody waits for an answer.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::ChildId;
use super::children::Standing;
use crate::client::message::Content;
use crate::client::{Client, Event};
use crate::codec::QoS;
use crate::mqtt::{Entry, Lane, OnLinkEnd, Publication};
use crate::tb::gateway as payload;
use crate::tb::rpc::RpcRequestBody;
use crate::tb::topics::gateway as topics;

const DELETED: &str = "gateway_device_deleted";
const RENAMED: &str = "gateway_device_renamed";

impl Client {
    /// Takes a call of the server that is a notice about a child. Returns whether it is one.
    pub(in crate::client) fn take_notice(&mut self, call: &RpcRequestBody) -> bool {
        if self.config.gateway.is_none() {
            return false;
        }
        match call.method.as_str() {
            DELETED => {
                if let Ok(name) = call.params.parse::<String>()
                    && let Some(child) = self.children.find(&name)
                {
                    self.delete_child(child);
                }
            }
            RENAMED => {
                let renamed = call.params.parse::<BTreeMap<String, String>>();
                for (old, new) in renamed.unwrap_or_default() {
                    if let Some(child) = self.children.find(&old) {
                        self.rename_child(child, old, new);
                    }
                }
            }
            _ => return false,
        }
        true
    }

    /// Whatever is sent for the name from now on creates a new device: only the application can
    /// want that.
    fn delete_child(&mut self, child: ChildId) {
        self.mqtt.outbox_mut().close_origin(child.0);
        self.drop_doubt(child);
        self.children.delete(child);
        self.events.notice(Event::ChildDeleted { child });
    }

    /// The server knows the child under its new name only when that is announced; until then it takes
    /// the old one too, and sends under it.
    fn rename_child(&mut self, child: ChildId, from: String, to: String) {
        if payload::check_name(&to).is_err() || self.children.find(&to).is_some() {
            return;
        }
        let standing = self.children.standing(child);
        self.drop_doubt(child);
        let old = payload::disconnect(payload::device(self.mqtt.outbox().name_of(child.0)));
        self.children.rename(child, &to);
        let outbox = self.mqtt.outbox_mut();
        outbox.rename_origin(child.0, payload::opening(&to));
        outbox.close_origin(child.0);
        self.address_anew(child);
        if standing == Some(Standing::Announced) {
            self.mqtt.submit(
                Publication {
                    topic: topics::DISCONNECT,
                    content: Content::Leaving(old.into()),
                    qos: QoS::AtLeastOnce,
                    // Before the announcement.
                    lane: Lane::OriginsUrgent,
                    accepted: self.mqtt.now(),
                    expires: None,
                    on_link_end: OnLinkEnd::End,
                    is_activity: true,
                    origin: None,
                },
                false,
            );
        }
        if !matches!(standing, Some(Standing::Left | Standing::Deleted)) {
            self.children.lose(child);
            self.children.want(child);
        }
        self.events.notice(Event::ChildRenamed { child, from, to });
    }

    /// What waits for a child that was renamed and has its old name written into it gets the new one:
    /// under the old one the server would create another device.
    fn address_anew(&mut self, child: ChildId) {
        let device = payload::device(self.mqtt.outbox().name_of(child.0)).to_vec();
        let of_child = |entry: &&Entry<Content>| entry.publication.origin == Some(child.0);
        let waiting = self.mqtt.outbox().entries().filter(of_child);
        let waiting: Vec<_> = waiting.map(|entry| entry.id).collect();
        let mut longer = 0_isize;
        for id in waiting {
            self.mqtt
                .outbox_mut()
                .edit(id, |publication| match &mut publication.content {
                    Content::Leaving(payload) => *payload = payload::disconnect(&device).into(),
                    Content::Request { payload, .. } | Content::KeepAlive(payload) => {
                        *payload = payload::renumbered(payload, &device);
                    }
                    Content::Reply { payload, .. } => {
                        let before = payload.len();
                        *payload = payload::renumbered(payload, &device);
                        longer += payload.len().wrapping_sub(before).cast_signed();
                    }
                    // The name of the child is put around these.
                    _ => {}
                });
        }
        self.reply_bytes = self.reply_bytes.saturating_add_signed(longer);
        self.rpc.readdress(child, &device);
    }
}
