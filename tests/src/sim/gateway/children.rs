//! The children of a gateway session: looked up or created when they are first named.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::sim::backend::{Confirmation, DeviceId};
use crate::sim::charges::Charged;
use crate::sim::failures::Failure;
use crate::sim::faults::ChildPoison;
use crate::sim::publish::Taken;
use crate::sim::rate_limits::Cost;
use crate::sim::setup::DeviceSetup;
use crate::sim::simulator::{ConnectionId, Simulator};
use crate::sim::stored::Stored;
use crate::sim::time::Time;
use crate::sim::violations::Violation;

/// Children by name.
pub(in crate::sim) type Children = BTreeMap<String, Child>;

/// A child that the gateway has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct Child {
    pub(in crate::sim) device: DeviceId,
    /// It is reached through this gateway. Without one it gets no downlinks (reference §17, 5).
    pub(in crate::sim) has_session: bool,
    /// Its own uplinks alone count; a repeated connect does not (C-140).
    pub(in crate::sim) last_activity: Time,
}

/// How a gateway names a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named<'a> {
    /// By a connect with this device type.
    ByConnect(&'a str),
    /// By anything else, which connects it if need be.
    ByMessage,
}

/// Why a child cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoChild {
    /// The tenant may have no more devices.
    DeviceLimit,
    /// Looking it up is over the message limit of the gateway.
    MessageLimit,
}

const QUOTA_EXCEEDED: u8 = 0x97;
const IMPLEMENTATION_SPECIFIC: u8 = 0x83;

impl Simulator {
    pub(super) fn gateway_connect(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        name: &str,
        device_type: &str,
    ) -> Result<Taken, Failure> {
        match self.faults.poisoned_connects.get(name) {
            Some(ChildPoison::Element) => return Err(Failure::Element),
            Some(ChildPoison::Handler) => return Err(Failure::Handler),
            Some(ChildPoison::Uncaught) => return Err(Failure::Uncaught),
            Some(ChildPoison::HangUp) => {
                self.close(id);
                return Ok(Taken::Answered);
            }
            None => {}
        }
        match self.child(id, name, Named::ByConnect(device_type)) {
            Ok(_) => Ok(Taken::Queued(Confirmation::AtOnce)),
            Err(refused) => self.refuse_child(id, packet_id, refused),
        }
    }

    pub(super) fn gateway_disconnect(
        &mut self,
        id: ConnectionId,
        name: &str,
    ) -> Result<Taken, Failure> {
        let session = self.session_mut(id).ok_or(Failure::Submit)?;
        let gateway = session.device;
        if session.children.remove(name).is_some() {
            self.charge_child(gateway, Charged::SessionClose, Cost::Regular);
        }
        Ok(Taken::Queued(Confirmation::AtOnce))
    }

    /// The device limit keeps the connection and costs the message (C-137); the message limit ends it
    /// as an error that nobody catches (reference §9.10).
    pub(super) fn refuse_child(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        refused: NoChild,
    ) -> Result<Taken, Failure> {
        self.refuse_with(id, packet_id, refused, QUOTA_EXCEEDED)
    }

    /// As [`refuse_child`](Self::refuse_child), for an attribute request (reference §9.10).
    pub(super) fn refuse_query(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        refused: NoChild,
    ) -> Result<Taken, Failure> {
        self.refuse_with(id, packet_id, refused, IMPLEMENTATION_SPECIFIC)
    }

    fn refuse_with(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        refused: NoChild,
        device_limit: u8,
    ) -> Result<Taken, Failure> {
        if refused == NoChild::MessageLimit {
            return Err(Failure::Uncaught);
        }
        if let Some(packet_id) = packet_id {
            self.acknowledge_with(id, packet_id, device_limit);
        }
        Ok(Taken::Answered)
    }

    /// The child of this name: connected already, found, or created with this type.
    fn child(
        &mut self,
        id: ConnectionId,
        name: &str,
        named: Named<'_>,
    ) -> Result<DeviceId, NoChild> {
        let gateway = self.device_of(id).ok_or(NoChild::MessageLimit)?;
        let device_type = match named {
            Named::ByConnect(device_type) => device_type,
            Named::ByMessage => "default",
        };
        let now = self.now;
        if let Some(&child) = self
            .session_mut(id)
            .and_then(|session| session.children.get(name))
            && !self.backend.device(child.device).deleted
            && !self.has_expired(child)
        {
            return Ok(child.device);
        }
        if !self.charge_child(gateway, Charged::ChildLookUp, Cost::Regular) {
            return Err(NoChild::MessageLimit);
        }
        let known = self.backend.device_named(name);
        let device = match known {
            Some(device) => device,
            None => self.create_child(name, device_type)?,
        };
        if known.is_none() && named == Named::ByMessage {
            self.note(Violation::CreatedWithoutConnect {
                connection: id,
                child: name.to_owned(),
            });
        }
        self.backend.device_mut(device).last_gateway = Some(gateway);
        self.record(Stored::GatewayChild {
            gateway: self.backend.device(gateway).name.clone(),
            child: name.to_owned(),
            device_type: device_type.to_owned(),
            created: known.is_none(),
        });
        // Over the limit the gateway is not told.
        let has_session = self.charge_child(gateway, Charged::SessionOpen, Cost::Regular);
        if has_session {
            self.take_over(device);
        }
        if let Some(session) = self.session_mut(id) {
            let child = Child {
                device,
                has_session,
                last_activity: now,
            };
            session.children.insert(name.to_owned(), child);
        }
        // Without a session it is nobody's, unless another has it.
        let device_mut = self.backend.device_mut(device);
        if has_session || device_mut.named_by.is_none() {
            device_mut.named_by = Some((id, name.to_owned()));
        }
        if has_session {
            self.send_pending_rpcs_of(id, device);
        }
        Ok(device)
    }

    /// As [`child`](Self::child), for a message of the child itself.
    pub(super) fn active_child(
        &mut self,
        id: ConnectionId,
        name: &str,
    ) -> Result<DeviceId, NoChild> {
        let device = self.child(id, name, Named::ByMessage)?;
        let now = self.now;
        if let Some(session) = self.session_mut(id)
            && let Some(child) = session.children.get_mut(name)
        {
            child.last_activity = now;
        }
        Ok(device)
    }

    /// Whether a check has found the child inactive; nobody is told (C-140).
    fn has_expired(&self, child: Child) -> bool {
        self.inactivity_check_after(child.last_activity) <= self.now
    }

    /// Downlinks for the child come to this gateway.
    pub(super) fn is_reached(&self, child: Child) -> bool {
        child.has_session && !self.has_expired(child)
    }

    /// The name by which a session knows a child: a rename does not change it (reference §9.11).
    pub(super) fn child_name(&self, id: ConnectionId, device: DeviceId) -> Option<&str> {
        let (connection, name, _) = self.gateway_of(device)?;
        (connection == id).then_some(name)
    }

    /// Gateway sessions through which a device is reached.
    pub(in crate::sim) fn gateways_of(&self, device: DeviceId) -> Vec<ConnectionId> {
        let gateway = self.gateway_of(device);
        let reached = gateway.filter(|&(.., child)| self.is_reached(child));
        reached.map(|(id, ..)| id).into_iter().collect()
    }

    /// The session of the gateway that has a device, and what is known of it there. It is one at the
    /// most: whoever gets a device takes it from the others.
    fn gateway_of(&self, device: DeviceId) -> Option<(ConnectionId, &str, Child)> {
        let (id, name) = self.backend.device(device).named_by.as_ref()?;
        let session = self.connections.get(id)?.session()?;
        let child = session.children.get(name)?;
        (child.device == device).then_some((*id, name, *child))
    }

    /// A device has one session. A gateway that loses a child hears nothing of it (reference §9.11).
    pub(in crate::sim) fn take_from_gateways(&mut self, device: DeviceId) {
        let Some((id, name)) = self.backend.device_mut(device).named_by.take() else {
            return;
        };
        if let Some(session) = self.session_mut(id)
            && let Entry::Occupied(child) = session.children.entry(name)
            && child.get().device == device
        {
            child.remove();
        }
    }

    fn take_over(&mut self, device: DeviceId) {
        self.take_from_gateways(device);
        for id in self.sessions_of(device) {
            self.evict(id);
        }
    }

    fn create_child(&mut self, name: &str, device_type: &str) -> Result<DeviceId, NoChild> {
        if self.device_limit_reached() {
            return Err(NoChild::DeviceLimit);
        }
        let setup = DeviceSetup {
            name: name.to_owned(),
            profile: Some(device_type.to_owned()),
            ..DeviceSetup::default()
        };
        Ok(self
            .backend
            .create(&setup, self.unix_ms(), &self.setup.tenant_limits))
    }
}
