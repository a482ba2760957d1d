//! Room in the queue.

use super::message::{Content, child_of};
use super::{Client, Overflow, RefusedReason, parts};
use crate::codec::Topic;
use crate::mqtt::{Outcome, UndeliveredCause};
use crate::tb::split::{Meaning, TooLarge};
use crate::tb::telemetry::TelemetryBody;

/// Room that is kept in the queue for one message; see [`Client::reserve`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "room that is neither used nor released is lost"]
pub struct Room {
    pub(super) bytes: usize,
}

impl Client {
    /// Whether a message with a payload of `bytes` would find room now.
    pub fn has_room(&self, bytes: usize) -> bool {
        let memory = bytes.checked_add(TelemetryBody::ROOM);
        memory.is_some_and(|memory| self.fits(memory)) && self.has_room_for_outcomes()
    }

    /// Keeps room for one message with a payload of up to `bytes`, if there is any now.
    pub fn reserve(&mut self, bytes: usize) -> Option<Room> {
        if self.mqtt.is_draining() || !self.has_room(bytes) {
            return None;
        }
        let bytes = bytes + TelemetryBody::ROOM;
        self.mqtt.outbox_mut().reserve(bytes);
        Some(Room { bytes })
    }

    /// Gives kept room back.
    pub fn release(&mut self, room: Room) {
        self.mqtt.outbox_mut().release(room.bytes);
    }

    pub(super) fn make_room(
        &mut self,
        content: &Content,
        topic: &Topic,
        around: usize,
        kept: Option<usize>,
    ) -> Result<(), RefusedReason> {
        use crate::mqtt::Content as _;
        let payload = content.bytes().len();
        // What stands around the payload goes with each part, like the topic.
        let head = topic.len() + around;
        self.check_size(payload, head)
            .or_else(|_| self.check_parts(content, head))?;
        let memory = content.memory();
        // What the machine adds by itself, a reply for one, does not take kept room away.
        if kept.is_some_and(|kept| memory <= kept) {
            return Ok(());
        }
        while !self.has_room(memory) {
            let oldest = match self.config.overflow {
                Overflow::DropOldest if self.has_room_for_outcomes() => {
                    self.mqtt.outbox().oldest_droppable()
                }
                Overflow::DropOldest | Overflow::Reject => None,
            };
            let Some(entry) = oldest.and_then(|id| self.mqtt.take_back(id)) else {
                return Err(RefusedReason::QueueFull {
                    max_messages: self.config.max_queued_messages,
                    max_bytes: self.config.max_queued_bytes,
                });
            };
            let child = child_of(&entry.publication);
            match entry.publication.content {
                // The machine's own: what it was made of is what gives way.
                Content::Merged {
                    meaning: Meaning::Telemetry,
                    members,
                    ..
                } => self.take_telemetry_apart(members),
                Content::Merged { members, .. } => {
                    let lane = match child {
                        None => Some(&mut self.attributes),
                        Some(child) => self.children.lane_or_new(child),
                    };
                    if let Some(lane) = lane {
                        lane.take_apart(&mut self.mqtt, entry.id, members);
                    }
                }
                _ => self.end_message(entry, Outcome::Undelivered(UndeliveredCause::Overflow)),
            }
        }
        Ok(())
    }

    fn fits(&self, bytes: usize) -> bool {
        let (outcomes, outcome_bytes) = match self.config.overflow {
            Overflow::Reject => (self.events.completions(), self.events.completion_bytes()),
            // A dropped message becomes an outcome: if that took the same room, dropping would
            // make none. Outcomes have their own; see `make_room`.
            Overflow::DropOldest => (0, 0),
        };
        let others = self.requests.bytes() + self.rpc.bytes() + outcome_bytes;
        let memory = bytes.checked_add(others);
        memory.is_some_and(|memory| self.mqtt.outbox().has_room(outcomes, memory))
    }

    /// Whether so few outcomes wait to be fetched that more messages may be dropped.
    fn has_room_for_outcomes(&self) -> bool {
        self.config.overflow == Overflow::Reject
            || (self.events.completions() < self.config.max_queued_messages
                && self.events.completion_bytes() < self.config.max_queued_bytes)
    }

    pub(super) fn check_size(&self, payload: usize, topic: usize) -> Result<(), RefusedReason> {
        let limit = self.max_packet_size();
        let size = payload + topic + 5;
        if size > limit {
            Err(RefusedReason::TooLarge { size, limit })
        } else {
            Ok(())
        }
    }

    /// Whether a message that is too large can be sent in parts.
    fn check_parts(&self, content: &Content, topic: usize) -> Result<(), RefusedReason> {
        parts::check(content, self.max_payload(topic)).map_err(|TooLarge { size }| {
            RefusedReason::TooLarge {
                size: size + topic + 5,
                limit: self.max_packet_size(),
            }
        })
    }

    /// The largest payload that fits into a packet with a topic of this length: the server's limit is on
    /// topic, packet identifier, property length and payload together (TB §14.1).
    pub(super) fn max_payload(&self, topic: usize) -> usize {
        self.max_packet_size().saturating_sub(topic + 5)
    }
}
