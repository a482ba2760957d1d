//! PUBLISH: from the topic to its handler, and back to the PUBACK.

use super::agenda::Job;
use super::backend::{Confirmation, DeviceId};
use super::connection::Phase;
use super::control::QueueKind;
use super::failures::Failure;
use super::packets::Publish;
use super::quirks;
use super::rate_limits::Cost;
use super::simulator::{ConnectionId, Simulator};
use super::time::Time;
use super::topics::{self, Uplink};

const TOPIC_NAME_INVALID: u8 = 0x90;

/// A message that a handler has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is in the queue, which will confirm it.
    Queued(Confirmation),
    /// The transport has dealt with it alone; it is not activity (C-103).
    Quietly,
    /// It vanished: never acknowledged, never refused (C-052).
    Vanished,
    /// The handler has answered already.
    Answered,
}

impl Simulator {
    pub(super) fn publish(&mut self, id: ConnectionId, packet: Publish) -> Result<(), Failure> {
        let Some(connection) = self.connections.get(&id) else {
            return Ok(());
        };
        let (device, gateway) = match &connection.phase {
            Phase::Device(session) => (session.device, session.gateway),
            Phase::Provision(_) => return self.publish_provision(id, &packet),
            Phase::New | Phase::Authenticating { .. } => return Ok(()),
        };
        let profile = self.backend.profile_of(device);
        if profile.sparkplug {
            return Err(Failure::Adaptor);
        }
        let topics = &profile.topics;
        let uplink = topics::classify(&packet.topic, topics);
        if let Some(packet_id) = packet.packet_id {
            self.take_identifier(id, packet_id);
        }
        self.judge_payload(id, device, uplink, &packet);
        let taken = match uplink {
            // The whole packet is ignored: no PUBACK, no close, no activity (C-032).
            Uplink::Gateway if !gateway => {
                self.note_vanished(id, &packet);
                return Ok(());
            }
            Uplink::Gateway => self.gateway_publish(id, &packet),
            Uplink::Telemetry(family) => self.telemetry(id, device, family, &packet),
            Uplink::Attributes(family) => {
                self.client_attributes(id, device, family, &packet.payload)
            }
            Uplink::AttributeRequest(family, request) => {
                self.attribute_request(id, device, family, request, &packet.payload)
            }
            Uplink::RpcResponse(family, request) => {
                self.rpc_response(id, device, family, request, &packet.payload)
            }
            Uplink::RpcRequest(family, request) => self.client_rpc(id, family, request, &packet),
            Uplink::Claim => self.claim(id, device, &packet.payload),
            Uplink::OtaChunk(chunk) => self.ota_chunk(id, chunk, packet.packet_id, &packet.payload),
            Uplink::Unknown => {
                if let Some(packet_id) = packet.packet_id {
                    self.acknowledge_with(id, packet_id, TOPIC_NAME_INVALID);
                }
                Ok(Taken::Answered)
            }
        };
        match taken {
            Ok(taken) => {
                if taken == Taken::Vanished {
                    self.note_vanished(id, &packet);
                }
                self.finish_publish(id, packet.packet_id, taken);
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    fn finish_publish(&mut self, id: ConnectionId, packet_id: Option<u16>, taken: Taken) {
        match taken {
            Taken::Quietly => return,
            Taken::Queued(confirmation) => {
                if let Some(packet_id) = packet_id {
                    self.acknowledge(id, packet_id, confirmation);
                }
            }
            Taken::Vanished | Taken::Answered => {}
        }
        self.record_activity(id);
    }

    /// Acknowledges when the queue confirms, with the faults of PUBACKs.
    pub(super) fn acknowledge(
        &mut self,
        id: ConnectionId,
        packet_id: u16,
        confirmation: Confirmation,
    ) {
        let delay_ms = match confirmation {
            Confirmation::AtOnce => 0,
            Confirmation::After { millis } => millis,
            Confirmation::Never => return,
        };
        if self.withholds_puback() {
            return;
        }
        let delay_us = self.random.up_to(self.faults.puback_delay_us);
        if delay_ms == 0 && delay_us == 0 {
            self.acknowledge_with(id, packet_id, 0);
            return;
        }
        let at = Time(self.now.plus_millis(delay_ms).0.saturating_add(delay_us));
        self.agenda.schedule(
            at,
            Job::Acknowledge {
                connection: id,
                packet_id,
            },
        );
    }

    /// Hands a message to the queue: class Q if a limit or the queue refuses.
    pub(super) fn enqueue(
        &mut self,
        id: ConnectionId,
        device: DeviceId,
        kind: QueueKind,
        cost: Cost,
    ) -> Result<Taken, Failure> {
        if !self.charge(id, kind.into(), cost) || self.backend.queue_fails(device, kind) {
            return Err(Failure::Submit);
        }
        Ok(Taken::Queued(self.backend.confirmation(device, kind)))
    }

    /// Writes a downlink PUBLISH at the QoS of the session; returns its number and QoS.
    pub(super) fn publish_downlink(
        &mut self,
        id: ConnectionId,
        topic: &str,
        payload: &[u8],
    ) -> Option<(u32, u8)> {
        let connection = self.connections.get_mut(&id)?;
        let version = connection.version;
        let number = connection.next_downlink;
        let qos = match &connection.phase {
            Phase::Device(session) => session.subscriptions.qos_of(topic),
            Phase::Provision(session) => session.subscriptions.qos_of(topic),
            Phase::New | Phase::Authenticating { .. } => return None,
        };
        // The counter is wider than the wire: after 65535 comes 0 (C-043).
        connection.next_downlink = number.wrapping_add(1);
        let packet_id = (qos > 0).then_some((number & 0xFFFF) as u16);
        self.send_with(id, |out| {
            quirks::publish(out, version, topic, packet_id, payload)
        });
        Some((number, qos))
    }

    fn withholds_puback(&mut self) -> bool {
        self.pubacks = self.pubacks.wrapping_add(1);
        let every = self.faults.withhold_puback_every;
        every > 0 && self.pubacks.is_multiple_of(every)
    }
}
