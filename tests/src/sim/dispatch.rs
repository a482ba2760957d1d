//! From jobs that are due and packets that came in to those who handle them.

use super::agenda::Job;
use super::connection::Phase;
use super::failures::Failure;
use super::packets::{Malformed, Packet, Version};
use super::quirks;
use super::simulator::{ConnectionId, Simulator};

impl Simulator {
    /// Does a job whose time has come.
    pub(super) fn perform(&mut self, job: Job) {
        match job {
            Job::AnswerConnect(id) => self.answer_connect(id),
            Job::Acknowledge {
                connection,
                packet_id,
            } => self.acknowledge_with(connection, packet_id, 0),
            Job::AttributeResponse { connection, found } => {
                self.send_attribute_response(connection, &found);
            }
            Job::AttributePush { connection, change } => {
                self.send_attribute_push(connection, &change);
            }
            Job::RpcRequest {
                connection,
                device,
                rpc,
            } => self.send_rpc_request(connection, device, rpc),
            Job::RpcAckTimeout {
                connection,
                downlink,
            } => self.rpc_ack_timeout(connection, downlink),
            Job::RpcDeadline { device, serial } => self.rpc_deadline(device, serial),
            Job::ClientRpcReply {
                connection,
                request,
                serial,
                reply,
            } => self.send_client_rpc_reply(connection, request, serial, &reply),
            Job::ClientRpcTimeout {
                connection,
                request,
                serial,
            } => self.client_rpc_timeout(connection, request, serial),
            Job::GatewayDownlink {
                connection,
                topic,
                body,
            } => {
                self.publish_downlink(connection, topic, &body);
            }
            Job::GatewayMetrics(gateway) => self.report_latencies(gateway),
            Job::OtaLookUp { connection, wanted } => self.answer_look_up(connection, &wanted),
            Job::ProvisionAnswer {
                connection,
                packet_id,
                answer,
            } => self.answer_provision(connection, packet_id, &answer),
            // A bare close on MQTT 5, too (reference §17, 10).
            Job::ProvisionEnd(id) => self.close(id),
            Job::InactivityCheck(id) => self.check_inactivity(id),
            Job::Ghost(id) => self.evict(id),
        }
    }

    /// Handles the packets that are complete.
    pub(super) fn read_packets(&mut self, id: ConnectionId) {
        let longest = self.setup.server.max_packet_remaining_length as usize;
        while let Some(connection) = self.connections.get_mut(&id) {
            let packet = match connection.input.next(longest) {
                Ok(None) => return,
                Ok(Some(frame)) => Packet::decode(connection.version, frame.first, frame.body),
                Err(_) => Err(Malformed),
            };
            match packet {
                Ok(packet) => self.handle_packet(id, packet),
                Err(Malformed) => {
                    const MALFORMED_PACKET: u8 = 0x81;
                    self.close_with(id, MALFORMED_PACKET);
                }
            }
        }
    }

    fn handle_packet(&mut self, id: ConnectionId, packet: Packet) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if let Packet::Connect(connect) = packet {
            self.handle_connect(id, connect);
            return;
        }
        let waiting = matches!(connection.phase, Phase::New | Phase::Authenticating { .. });
        if waiting && connection.queue.len() >= self.setup.server.max_queued_packets {
            const QUOTA_EXCEEDED: u8 = 0x97;
            self.close_with(id, QUOTA_EXCEEDED);
            return;
        }
        if !waiting && connection.queue.is_empty() {
            self.process(id, packet);
            return;
        }
        connection.queue.push_back(packet);
        if !waiting {
            self.drain_queue(id);
        }
    }

    /// Processes what came before CONNACK. A class U packet among it ends the drain without a sound;
    /// what stands behind it waits for the next packet (reference §17, 2).
    pub(super) fn drain_queue(&mut self, id: ConnectionId) {
        while let Some(connection) = self.connections.get_mut(&id) {
            let Some(packet) = connection.queue.pop_front() else {
                return;
            };
            if self.process_queued(id, packet).is_err() {
                return;
            }
        }
    }

    /// Processes a packet of a session that is open.
    fn process(&mut self, id: ConnectionId, packet: Packet) {
        let packet_id = match &packet {
            Packet::Publish(publish) => publish.packet_id,
            _ => None,
        };
        if let Err(failure) = self.try_process(id, packet) {
            self.fail_publish(id, packet_id, failure);
        }
    }

    /// As [`process`](Self::process), but class U is lost without a sound.
    fn process_queued(&mut self, id: ConnectionId, packet: Packet) -> Result<(), Failure> {
        let packet_id = match &packet {
            Packet::Publish(publish) => publish.packet_id,
            _ => None,
        };
        match self.try_process(id, packet) {
            Err(Failure::Uncaught) => return Err(Failure::Uncaught),
            Err(failure) => self.fail_publish(id, packet_id, failure),
            Ok(()) => {}
        }
        Ok(())
    }

    fn try_process(&mut self, id: ConnectionId, packet: Packet) -> Result<(), Failure> {
        match packet {
            Packet::Publish(publish) => return self.publish(id, publish),
            Packet::Subscribe(subscribe) => self.subscribe(id, subscribe),
            Packet::Unsubscribe { packet_id, filters } => {
                return self.unsubscribe(id, packet_id, &filters);
            }
            Packet::PubAck { packet_id } => self.rpc_acknowledged(id, packet_id),
            Packet::PingReq => {
                self.send_with(id, |out| out.extend_from_slice(&quirks::PINGRESP));
                self.record_activity(id);
            }
            Packet::Disconnect => {
                let version = self
                    .connections
                    .get(&id)
                    .map(|connection| connection.version);
                if version == Some(Version::V5) {
                    self.send_with(id, |out| out.extend_from_slice(&quirks::DISCONNECT_ECHO));
                }
                self.close(id);
            }
            Packet::Connect(connect) => self.handle_connect(id, connect),
            Packet::Ignored => {}
        }
        Ok(())
    }
}
