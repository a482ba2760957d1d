use std::collections::{BTreeMap, VecDeque};

use super::agenda::Agenda;
use super::backend::{Backend, DeviceId};
use super::certificate::ClientCertificate;
use super::charges::{Charged, OverLimit};
use super::connection::{Connection, Phase};
use super::control::CallResult;
use super::faults::Faults;
use super::json::TypingRules;
use super::ota::UpdateReport;
use super::packets::Version;
use super::quirks;
use super::random::Random;
use super::rate_limits::Cost;
use super::session::Session;
use super::setup::{ServerSettings, Setup};
use super::stored::Stored;
use super::time::Time;
use super::violations::Violation;

/// A TCP connection to the simulator; never reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ConnectionId(pub u32);

/// What the simulator wants done to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write these bytes. They may hold several packets.
    Send {
        /// Where to.
        connection: ConnectionId,
        /// What.
        bytes: Vec<u8>,
    },
    /// Close TCP, after everything that was sent before. Nothing more comes for this connection.
    Close {
        /// Which one.
        connection: ConnectionId,
    },
}

/// The server. See the [module](super) for the way it is driven.
#[derive(Clone, Debug)]
pub struct Simulator {
    pub(super) setup: Setup,
    pub(super) faults: Faults,
    pub(super) backend: Backend,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    pub(super) agenda: Agenda,
    pub(super) random: Random,
    pub(super) now: Time,
    pub(super) stored: Vec<Stored>,
    pub(super) update_reports: Vec<UpdateReport>,
    pub(super) over_limits: Vec<OverLimit>,
    pub(super) violations: Vec<Violation>,
    pub(super) most_in_flight: usize,
    pub(super) results: VecDeque<CallResult>,
    /// Serial number of the last server-side or client-side RPC.
    pub(super) serial: u64,
    /// PUBACKs so far, for the fault that withholds every so many.
    pub(super) pubacks: u32,
    responses: u32,
    opened: u32,
    output: VecDeque<Output>,
}

impl Simulator {
    /// A server in this state, at [`Time`] zero, without connections.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self {
            backend: Backend::new(&setup),
            faults: setup.faults.clone(),
            random: Random::new(setup.seed),
            setup,
            connections: BTreeMap::new(),
            agenda: Agenda::default(),
            now: Time(0),
            stored: Vec::new(),
            update_reports: Vec::new(),
            over_limits: Vec::new(),
            violations: Vec::new(),
            most_in_flight: 0,
            results: VecDeque::new(),
            serial: 0,
            pubacks: 0,
            responses: 0,
            opened: 0,
            output: VecDeque::new(),
        }
    }

    /// A TCP connection was accepted, and inside TLS the client has shown this of itself.
    pub fn open(&mut self, now: Time, certificate: Option<ClientCertificate>) -> ConnectionId {
        self.advance(now);
        if let Some(certificate) = &certificate {
            self.provision_by_chain(certificate);
        }
        self.opened += 1;
        let id = ConnectionId(self.opened);
        if self.faults.refuse_tcp {
            self.output.push_back(Output::Close { connection: id });
        } else {
            let connection = Connection::new(certificate, self.faults.first_downlink);
            self.connections.insert(id, connection);
        }
        id
    }

    /// Bytes came in. Bytes for a connection that is closed already are ignored.
    pub fn handle_input(&mut self, now: Time, connection: ConnectionId, data: &[u8]) {
        self.advance(now);
        if let Some(known) = self.connections.get_mut(&connection)
            && known.alive
        {
            known.input.extend(data);
            if !self.faults.silent {
                self.read_packets(connection);
            }
        }
    }

    /// The client's side of TCP ended: closed, reset or lost.
    pub fn handle_closed(&mut self, now: Time, connection: ConnectionId) {
        self.advance(now);
        let Some(known) = self.connections.get_mut(&connection) else {
            return;
        };
        known.alive = false;
        if !matches!(known.phase, Phase::Authenticating { .. }) {
            self.forget(connection);
        }
    }

    /// Does what is due. Calls that come early do nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
    }

    /// The next thing to do to a connection.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.agenda.next_time()
    }

    /// The outcome of the next finished RPC call.
    pub fn poll_result(&mut self) -> Option<CallResult> {
        self.results.pop_front()
    }

    /// What reached the back-end, in the order of arrival.
    #[must_use]
    pub fn stored(&self) -> &[Stored] {
        &self.stored
    }

    /// Forgets what has been stored so far; attributes keep their values.
    pub fn clear_stored(&mut self) {
        self.stored.clear();
    }

    /// The faults, to be changed at will.
    pub const fn faults_mut(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// The settings, to be changed at will. Timers that run already keep their time.
    pub const fn server_mut(&mut self) -> &mut ServerSettings {
        &mut self.setup.server
    }

    /// How many TCP connections have been accepted or refused so far.
    #[must_use]
    pub const fn connections_opened(&self) -> u32 {
        self.opened
    }

    /// Connections that a client holds open.
    #[must_use]
    pub fn open_connections(&self) -> Vec<ConnectionId> {
        self.connections
            .iter()
            .filter(|(_, connection)| connection.alive)
            .map(|(&id, _)| id)
            .collect()
    }

    /// Closes every connection without a word, as a server does that is stopped.
    pub fn drop_connections(&mut self, now: Time) {
        self.advance(now);
        for id in self.open_connections() {
            self.close(id);
        }
    }

    /// The server process stops and starts again: connections end without a word, waiting RPC is lost,
    /// and RPC identifiers count from 0 again (C-093). Devices and attributes stay.
    pub fn restart(&mut self, now: Time) {
        self.drop_connections(now);
        self.agenda = Agenda::default();
        self.connections.clear();
        self.backend.forget_memory();
    }

    /// Does everything that is due until `now`, each at its own time.
    pub(super) fn advance(&mut self, now: Time) {
        while let Some((at, job)) = self.agenda.pop_due(now) {
            self.now = self.now.max(at);
            self.perform(job);
        }
        self.now = self.now.max(now);
    }

    /// Tells a client, if it speaks MQTT 5, why the connection ends, and ends it.
    pub(super) fn close_with(&mut self, id: ConnectionId, code: u8) {
        if let Some(connection) = self.connections.get(&id)
            && connection.version == Version::V5
            && connection.greeted()
        {
            self.send_with(id, |out| quirks::disconnect(out, code));
        }
        self.close(id);
    }

    pub(super) fn close(&mut self, id: ConnectionId) {
        if self
            .connections
            .get(&id)
            .is_some_and(|connection| connection.alive)
        {
            self.output.push_back(Output::Close { connection: id });
        }
        self.forget(id);
    }

    /// The session ends; its close is charged like any message and changes nothing if it is too much.
    fn forget(&mut self, id: ConnectionId) {
        if let Some(session) = self.session_mut(id) {
            let gateway = session.device;
            for _ in 0..session.children.len() {
                self.charge_child(gateway, Charged::SessionClose, Cost::Regular);
            }
        }
        self.charge(id, Charged::SessionClose, Cost::Regular);
        self.connections.remove(&id);
    }

    /// Appends bytes to what goes to a connection, coalesced with what is still waiting for it.
    pub(super) fn send_with(&mut self, id: ConnectionId, write: impl FnOnce(&mut Vec<u8>)) {
        let alive = self
            .connections
            .get(&id)
            .is_some_and(|connection| connection.alive);
        if !alive || self.faults.silent {
            return;
        }
        if let Some(Output::Send { connection, bytes }) = self.output.back_mut()
            && *connection == id
        {
            write(bytes);
            return;
        }
        let mut bytes = Vec::with_capacity(64);
        write(&mut bytes);
        self.output.push_back(Output::Send {
            connection: id,
            bytes,
        });
    }

    pub(super) fn record_activity(&mut self, id: ConnectionId) {
        let now = self.now;
        if let Some(session) = self.session_mut(id) {
            session.last_activity = now;
        }
    }

    pub(super) fn record(&mut self, fact: Stored) {
        if self.setup.server.record_stored {
            self.stored.push(fact);
        }
    }

    pub(super) fn device_of(&self, id: ConnectionId) -> Option<DeviceId> {
        Some(self.connections.get(&id)?.session()?.device)
    }

    pub(super) fn session_mut(&mut self, id: ConnectionId) -> Option<&mut Session> {
        self.connections.get_mut(&id)?.session_mut()
    }

    /// Connections with a session of this device, the oldest first.
    pub(super) fn sessions_of(&self, device: DeviceId) -> Vec<ConnectionId> {
        self.connections
            .iter()
            .filter(|(_, connection)| {
                connection
                    .session()
                    .is_some_and(|session| session.device == device)
            })
            .map(|(&id, _)| id)
            .collect()
    }

    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// When something that the core sends now reaches the client.
    pub(super) const fn core_time(&self) -> Time {
        self.now.plus_millis(self.setup.server.core_latency_ms)
    }

    /// Wall-clock time in milliseconds since 1970.
    pub(super) fn unix_ms(&self) -> i64 {
        let elapsed = i64::try_from(self.now.as_millis()).unwrap_or(i64::MAX);
        self.setup.server.unix_ms_at_start.saturating_add(elapsed)
    }

    pub(super) const fn typing_rules(&self) -> TypingRules {
        TypingRules {
            cast: self.setup.server.json_type_cast,
            max_string_length: self.setup.server.json_max_string_length,
        }
    }

    pub(super) fn device_limit_reached(&self) -> bool {
        self.setup
            .max_devices
            .is_some_and(|most| self.backend.devices().count() >= most as usize)
    }

    pub(super) const fn drops_response(&mut self) -> bool {
        self.responses = self.responses.wrapping_add(1);
        let every = self.faults.drop_response_every;
        every > 0 && self.responses.is_multiple_of(every)
    }
}
