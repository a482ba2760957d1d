//! SUBSCRIBE and UNSUBSCRIBE (reference T.6 and T.8).

use super::charges::Charged;
use super::connection::Phase;
use super::failures::Failure;
use super::packets::{Subscribe, Version};
use super::quirks;
use super::rate_limits::Cost;
use super::simulator::{ConnectionId, Simulator};
use super::topics::{self, Interest};

/// The filters that a session has been granted.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions {
    /// Granted QoS by filter. Downlinks take the first that matches.
    granted: Vec<(String, u8)>,
    /// The core sends attribute updates.
    pub(super) attribute_updates: bool,
    /// The core sends RPC requests.
    pub(super) rpc_requests: bool,
}

impl Subscriptions {
    pub(super) fn grant(&mut self, filter: String, qos: u8) {
        match self.granted.iter_mut().find(|(known, _)| *known == filter) {
            Some((_, granted)) => *granted = qos,
            None => self.granted.push((filter, qos)),
        }
    }

    fn revoke(&mut self, filter: &str) -> bool {
        let before = self.granted.len();
        self.granted.retain(|(known, _)| known != filter);
        self.granted.len() < before
    }

    /// QoS 1 if no filter was granted for the topic (C-040).
    pub(super) fn qos_of(&self, topic: &str) -> u8 {
        self.granted
            .iter()
            .find(|(filter, _)| topics::filter_matches(filter, topic))
            .map_or(1, |&(_, qos)| qos)
    }
}

impl Simulator {
    pub(super) fn subscribe(&mut self, id: ConnectionId, packet: Subscribe) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        let version = connection.version;
        let refused = if version == Version::V5 { 0x8F } else { 0x80 };
        let provision = matches!(connection.phase, Phase::Provision(_));
        let mut codes = Vec::with_capacity(packet.filters.len());
        let mut rpc_requested = false;
        for (filter, requested) in packet.filters {
            let qos = requested.min(1);
            let granted = if provision {
                self.subscribe_provision(id, filter, qos)
            } else {
                let interest = self.subscribe_one(id, filter, qos);
                rpc_requested |= matches!(interest, Some(Interest::RpcRequests(_)));
                interest.is_some()
            };
            codes.push(if granted { qos } else { refused });
        }
        self.send_with(id, |out| {
            quirks::suback(out, version, packet.packet_id, &codes)
        });
        self.record_activity(id);
        if rpc_requested {
            self.send_pending_rpcs(id);
        }
    }

    fn subscribe_provision(&mut self, id: ConnectionId, filter: String, qos: u8) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else {
            return false;
        };
        match &mut connection.phase {
            Phase::Provision(session) if filter == topics::PROVISION_RESPONSE => {
                session.subscriptions.grant(filter, qos);
                true
            }
            _ => false,
        }
    }

    fn subscribe_one(&mut self, id: ConnectionId, filter: String, qos: u8) -> Option<Interest> {
        let device = self.connections.get(&id)?.session()?.device;
        let topics = &self.backend.profile_of(device).topics;
        let interest = topics::interest(&filter, topics)?;
        // The answer is positive even when the core never hears of it (C-038).
        let reached_core =
            interest == Interest::QosOnly || self.charge(id, Charged::Subscribe, Cost::Regular);
        let session = self.connections.get_mut(&id)?.session_mut()?;
        match interest {
            Interest::AttributeUpdates(family) => {
                session.families.attribute_updates = family;
                session.subscriptions.attribute_updates |= reached_core;
            }
            Interest::RpcRequests(family) => {
                session.families.rpc_requests = family;
                session.subscriptions.rpc_requests |= reached_core;
            }
            Interest::QosOnly => {}
        }
        session.subscriptions.grant(filter, qos);
        Some(interest)
    }

    pub(super) fn unsubscribe(
        &mut self,
        id: ConnectionId,
        packet_id: u16,
        filters: &[String],
    ) -> Result<(), Failure> {
        // The server compiles each filter to a regular expression; brackets without partner throw.
        if filters.iter().any(|filter| !balanced(filter)) {
            return Err(Failure::Uncaught);
        }
        let mut codes = Vec::with_capacity(filters.len());
        for filter in filters {
            codes.push(self.unsubscribe_one(id, filter));
        }
        if let Some(connection) = self.connections.get(&id) {
            let version = connection.version;
            self.send_with(id, |out| quirks::unsuback(out, version, packet_id, &codes));
        }
        self.record_activity(id);
        Ok(())
    }

    fn unsubscribe_one(&mut self, id: ConnectionId, filter: &str) -> u8 {
        const SUCCESS: u8 = 0x00;
        const NO_SUBSCRIPTION_EXISTED: u8 = 0x11;
        const TOPIC_FILTER_INVALID: u8 = 0x8F;
        let Some(connection) = self.connections.get_mut(&id) else {
            return NO_SUBSCRIPTION_EXISTED;
        };
        let (revoked, provision) = match &mut connection.phase {
            Phase::Device(session) => (session.subscriptions.revoke(filter), false),
            Phase::Provision(session) => (session.subscriptions.revoke(filter), true),
            Phase::New | Phase::Authenticating { .. } => (false, false),
        };
        if !revoked {
            return NO_SUBSCRIPTION_EXISTED;
        }
        if provision {
            return SUCCESS;
        }
        // The fixed list alone counts here: pushes of a custom filter go on (reference §11.2).
        let default_topics = topics::ProfileTopics::new(None, None, None);
        let Some(interest) = topics::interest(filter, &default_topics) else {
            return TOPIC_FILTER_INVALID;
        };
        if interest != Interest::QosOnly && !self.charge(id, Charged::Unsubscribe, Cost::Regular) {
            return SUCCESS;
        }
        if let Some(session) = self.session_mut(id) {
            match interest {
                Interest::AttributeUpdates(_) => session.subscriptions.attribute_updates = false,
                Interest::RpcRequests(_) => session.subscriptions.rpc_requests = false,
                Interest::QosOnly => {}
            }
        }
        SUCCESS
    }
}

fn balanced(filter: &str) -> bool {
    let mut open = Vec::new();
    for character in filter.chars() {
        match character {
            '(' | '[' => open.push(character),
            ')' if open.pop() != Some('(') => return false,
            ']' if open.last() == Some(&'[') => {
                open.pop();
            }
            _ => {}
        }
    }
    open.is_empty()
}
