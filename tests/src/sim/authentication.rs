//! CONNECT, the life of a session and its end (reference §1).

use super::agenda::Job;
use super::backend::DeviceId;
use super::certificate::ClientCertificate;
use super::charges::Charged;
use super::connection::Phase;
use super::control::{CloseReason, QueueKind};
use super::credentials::{self, Unknown};
use super::faults::Mqtt5Support;
use super::packets::{Connect, Version};
use super::provision::ProvisionSession;
use super::quirks;
use super::rate_limits::Cost;
use super::session::Session;
use super::simulator::{ConnectionId, Simulator};
use super::sparkplug;
use super::time::Time;

/// A refused CONNECT: the CONNACK codes, and the code of the DISCONNECT that follows on MQTT 5.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    v3: u8,
    v5: u8,
    disconnect: u8,
}

const SERVER_UNAVAILABLE: Refusal = Refusal {
    v3: 0x03,
    v5: 0x88,
    disconnect: 0x89,
};
const SERVER_UNAVAILABLE_TO_CERTIFICATE: Refusal = Refusal {
    disconnect: 0x83,
    ..SERVER_UNAVAILABLE
};
const SESSION_NOT_QUEUED: Refusal = Refusal {
    disconnect: 0x83,
    ..SERVER_UNAVAILABLE
};
const NOT_AN_EDGE_NODE: Refusal = SESSION_NOT_QUEUED;
const RATE_LIMIT: Refusal = Refusal {
    v3: 0x03,
    v5: 0x9F,
    disconnect: 0x96,
};

impl From<Unknown> for Refusal {
    fn from(unknown: Unknown) -> Self {
        Self {
            v3: unknown.v3_code(),
            v5: unknown.v5_code(),
            disconnect: unknown.v5_code(),
        }
    }
}

impl Simulator {
    pub(super) fn handle_connect(&mut self, id: ConnectionId, connect: Connect) {
        let refused = self.refusal().is_some();
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if connect.version == Version::V5 && self.faults.mqtt5 != Mqtt5Support::Accepted {
            self.refuse_mqtt5(id);
            return;
        }
        connection.version = connect.version;
        let provision =
            connect.client_id == "provision" || connect.user_name.as_deref() == Some("provision");
        let session_present = !connect.clean;
        let earlier = match core::mem::replace(&mut connection.phase, Phase::New) {
            Phase::Device(session) => Some(session),
            Phase::Authenticating { earlier, .. } => earlier,
            Phase::New | Phase::Provision(_) => None,
        };
        if provision && !refused {
            connection.phase = Phase::Provision(ProvisionSession::new());
            self.accept(id, session_present);
            return;
        }
        connection.phase = Phase::Authenticating {
            connect: Box::new(connect),
            earlier,
        };
        match self.backend.service.delay_ms {
            0 => self.answer_connect(id),
            delay_ms => {
                let at = self.now.plus_millis(delay_ms);
                self.agenda.schedule(at, Job::AnswerConnect(id));
            }
        }
    }

    /// The credential service has answered.
    pub(super) fn answer_connect(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let Some((connect, earlier)) = connection.phase.take_connect() else {
            return;
        };
        let session_present = !connect.clean;
        let certificate = connection.certificate.clone();
        let certificate = certificate.as_ref().map(ClientCertificate::text);
        let outcome = self
            .authenticate(&connect, certificate)
            .and_then(|device| self.open_session(device, earlier.as_deref()));
        match outcome {
            Ok(session) => {
                let device = session.device;
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.phase = Phase::Device(Box::new(session));
                }
                self.take_from_gateways(device);
                self.evict_older(id, device);
                self.watch_inactivity(id);
                self.accept(id, session_present);
                self.summon_ghost(id);
            }
            Err(refusal) => self.refuse(id, connect.version, session_present, refusal),
        }
    }

    /// The refusal that a test has ordered.
    fn refusal(&self) -> Option<Refusal> {
        let ordered = self.faults.refuse_connect?;
        ordered
            .until
            .is_none_or(|until| self.now < until)
            .then_some(Refusal {
                v3: ordered.v3,
                v5: ordered.v5,
                disconnect: ordered.v5,
            })
    }

    fn authenticate(
        &self,
        connect: &Connect,
        certificate: Option<&str>,
    ) -> Result<DeviceId, Refusal> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let unavailable = if certificate.is_some() {
            SERVER_UNAVAILABLE_TO_CERTIFICATE
        } else {
            SERVER_UNAVAILABLE
        };
        if self.backend.service.fails {
            return Err(unavailable);
        }
        let device = credentials::find(&self.backend, connect, certificate)?;
        let profile = self.backend.profile_of(device);
        if !profile.transport.takes_mqtt() {
            return Err(unavailable);
        }
        if profile.sparkplug && !sparkplug::takes(connect) {
            return Err(NOT_AN_EDGE_NODE);
        }
        Ok(device)
    }

    fn open_session(
        &mut self,
        device: DeviceId,
        earlier: Option<&Session>,
    ) -> Result<Session, Refusal> {
        if !self.charge_device(device, Charged::SessionOpen, Cost::Regular) {
            return Err(RATE_LIMIT);
        }
        if self.backend.queue_fails(device, QueueKind::Session) {
            return Err(SESSION_NOT_QUEUED);
        }
        // A second CONNECT on one connection goes on with the session it has (C-025).
        if let Some(earlier) = earlier.filter(|earlier| earlier.device == device) {
            let mut session = earlier.clone();
            session.last_activity = self.now;
            return Ok(session);
        }
        Ok(Session::new(
            device,
            self.backend.device(device).gateway,
            self.now,
        ))
    }

    fn accept(&mut self, id: ConnectionId, session_present: bool) {
        if let Some(connection) = self.connections.get(&id) {
            let version = connection.version;
            self.send_with(id, |out| quirks::connack(out, version, session_present, 0));
        }
        self.drain_queue(id);
    }

    fn refuse(
        &mut self,
        id: ConnectionId,
        version: Version,
        session_present: bool,
        refusal: Refusal,
    ) {
        let code = if version == Version::V5 {
            refusal.v5
        } else {
            refusal.v3
        };
        self.send_with(id, |out| {
            quirks::connack(out, version, session_present, code);
            if version == Version::V5 {
                quirks::disconnect(out, refusal.disconnect);
            }
        });
        self.close(id);
    }

    /// A server that knows 3.1.1 only.
    fn refuse_mqtt5(&mut self, id: ConnectionId) {
        const UNSUPPORTED_PROTOCOL_VERSION: u8 = 0x84;
        const UNACCEPTABLE_PROTOCOL_VERSION: u8 = 0x01;
        match self.faults.mqtt5 {
            Mqtt5Support::Accepted | Mqtt5Support::ClosedSilently => {}
            Mqtt5Support::Refused => self.send_with(id, |out| {
                quirks::connack(out, Version::V5, false, UNSUPPORTED_PROTOCOL_VERSION);
            }),
            Mqtt5Support::RefusedAsV3 => self.send_with(id, |out| {
                quirks::connack(out, Version::V3, false, UNACCEPTABLE_PROTOCOL_VERSION);
            }),
        }
        self.close(id);
    }

    /// One session per device: the older one goes (C-017).
    fn evict_older(&mut self, newest: ConnectionId, device: DeviceId) {
        for id in self.sessions_of(device) {
            if id != newest {
                self.evict(id);
            }
        }
    }

    pub(super) fn evict(&mut self, id: ConnectionId) {
        const SESSION_TAKEN_OVER: u8 = 0x8E;
        self.close_with(id, SESSION_TAKEN_OVER);
    }

    fn summon_ghost(&mut self, id: ConnectionId) {
        if self.faults.ghosts > 0 {
            self.faults.ghosts -= 1;
            let at = self.now.plus_millis(self.faults.ghost_delay_ms);
            self.agenda.schedule(at, Job::Ghost(id));
        }
    }

    pub(super) fn close_sessions(&mut self, device: DeviceId, reason: CloseReason) {
        let code = match reason {
            CloseReason::CredentialsUpdated | CloseReason::RpcDeliveryTimeout => 0x98,
            CloseReason::MaxConcurrentSessionsLimitReached => 0x8E,
            CloseReason::SessionTimeout => 0xA0,
            CloseReason::UnknownReason => 0x83,
        };
        self.take_from_gateways(device);
        for id in self.sessions_of(device) {
            self.close_with(id, code);
        }
    }

    fn watch_inactivity(&mut self, id: ConnectionId) {
        let Some(session) = self.session_mut(id) else {
            return;
        };
        let last = session.last_activity;
        let at = self.inactivity_check_after(last);
        self.agenda.schedule(at, Job::InactivityCheck(id));
    }

    /// The first periodic check that finds a session inactive whose last activity was at `last`.
    pub(super) fn inactivity_check_after(&self, last: Time) -> Time {
        let period = self
            .setup
            .server
            .inactivity_check_period_ms
            .max(1)
            .saturating_mul(1_000);
        let expired = last.plus_millis(self.setup.server.inactivity_timeout_ms).0;
        Time((expired / period).saturating_add(1).saturating_mul(period))
    }

    pub(super) fn check_inactivity(&mut self, id: ConnectionId) {
        const IMPLEMENTATION_SPECIFIC: u8 = 0x83;
        let now = self.now;
        let Some(session) = self.session_mut(id) else {
            return;
        };
        let last = session.last_activity;
        let due = self.inactivity_check_after(last);
        if due <= now {
            self.close_with(id, IMPLEMENTATION_SPECIFIC);
        } else {
            self.agenda.schedule(due, Job::InactivityCheck(id));
        }
    }
}
