//! Client attributes: one message on its way at a time, the waiting ones merged.
//!
//! Attributes have no time of their own: if an older message could still be sent again while a newer
//! one was acknowledged, it would bring an old value back.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::RequestId;
use super::message::Content;
use crate::codec::{QoS, Topic};
use crate::mqtt::{Entry, Lane, MessageId, Mqtt, OnLinkEnd, Origin, Publication, Stage};
use crate::tb::attributes;
use crate::tb::split::Meaning;

/// How many messages are merged into one.
const MAX_MEMBERS: usize = 256;

#[derive(Debug, Default)]
pub(super) struct AttributeLane {
    /// What is on its way: a single message or a merged one.
    busy: Option<MessageId>,
    /// Waiting messages in the order of acceptance; some may have ended meanwhile.
    waiting: VecDeque<RequestId>,
    /// Messages to send one by one, because the server refused them together.
    apart: VecDeque<RequestId>,
}

impl AttributeLane {
    pub(super) fn push(&mut self, id: RequestId, mqtt: &Mqtt<Content>) {
        push_and_tidy(&mut self.waiting, id, mqtt);
    }

    /// Whether nothing is on its way and nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.busy.is_none() && self.waiting.is_empty() && self.apart.is_empty()
    }

    /// Whether something waits and nothing is on its way.
    pub(super) fn is_due(&self) -> bool {
        self.busy.is_none() && !(self.waiting.is_empty() && self.apart.is_empty())
    }

    /// Whether `id` is what is on its way. If so, the lane is free again.
    pub(super) fn settled(&mut self, id: MessageId) -> bool {
        let was = self.busy == Some(id);
        if was {
            self.busy = None;
        }
        was
    }

    /// The server refused these together: each is tried alone.
    pub(super) fn separate(&mut self, members: Vec<RequestId>) {
        self.apart.extend(members);
    }

    /// The merged message `id` will not be sent: its members wait again, before all others.
    pub(super) fn take_apart(
        &mut self,
        mqtt: &mut Mqtt<Content>,
        id: MessageId,
        members: Vec<RequestId>,
    ) {
        self.settled(id);
        for member in members.into_iter().rev() {
            mqtt.outbox_mut().part(MessageId::from_raw(member.0));
            self.waiting.push_front(member);
        }
    }

    /// Sends what waits on `topic`, if nothing is on its way. Messages are merged into payloads of up to
    /// `together` bytes; at 0 none are. All are of `origin`.
    pub(super) fn advance(
        &mut self,
        mqtt: &mut Mqtt<Content>,
        topic: &Topic,
        together: usize,
        origin: Option<Origin>,
    ) {
        if self.busy.is_some() {
            return;
        }
        while let Some(id) = self.apart.pop_front() {
            let id = MessageId::from_raw(id.0);
            if mqtt.outbox().get(id).is_some() {
                mqtt.unpark(id);
                self.busy = Some(id);
                return;
            }
        }
        let members = self.next_members(mqtt, together);
        self.busy = match members.as_slice() {
            [] => None,
            [only] => {
                let only = MessageId::from_raw(only.0);
                mqtt.unpark(only);
                Some(only)
            }
            _ => Some(merge(mqtt, topic, members, origin)),
        };
    }

    /// Takes as many waiting messages as go together into one payload.
    fn next_members(&mut self, mqtt: &Mqtt<Content>, max: usize) -> Vec<RequestId> {
        let (mut members, mut size) = (Vec::new(), 0_usize);
        while let Some(&id) = self.waiting.front() {
            let waiting = mqtt
                .outbox()
                .get(MessageId::from_raw(id.0))
                .filter(|entry| entry.stage == Stage::Parked);
            if let Some(Entry { publication, .. }) = waiting {
                let with = size + publication.payload_len();
                if !members.is_empty() && (with > max || members.len() >= MAX_MEMBERS) {
                    break;
                }
                members.push(id);
                size = with;
            }
            self.waiting.pop_front();
        }
        members
    }
}

/// Puts a message at the end of a line, and forgets the places of those that have ended while they
/// waited: offline nobody takes them out, and a device may be offline for months.
pub(super) fn push_and_tidy(
    waiting: &mut VecDeque<RequestId>,
    id: RequestId,
    mqtt: &Mqtt<Content>,
) {
    waiting.push_back(id);
    if waiting.len() > 2 * mqtt.outbox().len() + 64 {
        waiting.retain(|id| mqtt.outbox().get(MessageId::from_raw(id.0)).is_some());
    }
}

/// Makes one message of several. They stay in the outbox and end as it does.
fn merge(
    mqtt: &mut Mqtt<Content>,
    topic: &Topic,
    members: Vec<RequestId>,
    origin: Option<Origin>,
) -> MessageId {
    let mut qos = QoS::AtMostOnce;
    let mut lane = Lane::Normal;
    let mut accepted = mqtt.now();
    for id in &members {
        let id = MessageId::from_raw(id.0);
        mqtt.outbox_mut().join(id);
        if let Some(entry) = mqtt.outbox().get(id) {
            qos = qos.max(entry.publication.qos);
            accepted = accepted.min(entry.publication.accepted);
            if matches!(entry.publication.lane, Lane::Urgent | Lane::OriginsUrgent) {
                lane = Lane::Urgent;
            }
        }
    }
    let texts: Vec<&[u8]> = members
        .iter()
        .filter_map(|id| mqtt.outbox().get(MessageId::from_raw(id.0)))
        .filter_map(|entry| match &entry.publication.content {
            Content::Attributes(body) => Some(body.text.as_slice()),
            _ => None,
        })
        .collect();
    let body = attributes::merge(&texts);
    let publication = Publication {
        topic: topic.clone(),
        content: Content::Merged {
            meaning: Meaning::Attributes,
            body,
            members,
        },
        qos,
        lane,
        accepted,
        expires: None,
        on_link_end: OnLinkEnd::Resend,
        is_activity: true,
        origin,
    };
    mqtt.submit(publication, false)
}
