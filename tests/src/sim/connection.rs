//! One TCP connection.

use std::collections::{BTreeSet, VecDeque};

use super::certificate::ClientCertificate;
use super::frame::FrameBuffer;
use super::packets::{Connect, Packet, Version};
use super::provision::ProvisionSession;
use super::session::Session;

#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// Text of the X.509 identity that the client showed.
    pub(super) certificate: Option<ClientCertificate>,
    pub(super) input: FrameBuffer,
    /// Format of the packets: 3.1.1 until a CONNECT says otherwise.
    pub(super) version: Version,
    pub(super) phase: Phase,
    /// Packets that came before CONNACK, or behind one that blocked the queue.
    pub(super) queue: VecDeque<Packet>,
    /// Number of the next downlink PUBLISH: counts all of them, and is cut to 16 bits on the wire.
    pub(super) next_downlink: u32,
    /// Identifiers of QoS 1 publishes whose PUBACK has not been sent.
    pub(super) unacknowledged: BTreeSet<u16>,
    /// False once the client's side has ended. The session of a connection that dies while its
    /// credentials are checked opens nevertheless (observed trap 10).
    pub(super) alive: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// No CONNECT yet.
    New,
    /// The credential service has been asked; a session may exist from an earlier CONNECT.
    Authenticating {
        connect: Box<Connect>,
        earlier: Option<Box<Session>>,
    },
    Device(Box<Session>),
    Provision(ProvisionSession),
}

impl Phase {
    /// Ends the wait for the credential service; `None` if there was none.
    pub(super) fn take_connect(&mut self) -> Option<(Box<Connect>, Option<Box<Session>>)> {
        match core::mem::replace(self, Self::New) {
            Self::Authenticating { connect, earlier } => Some((connect, earlier)),
            other => {
                *self = other;
                None
            }
        }
    }
}

impl Connection {
    pub(super) fn new(certificate: Option<ClientCertificate>, first_downlink: u32) -> Self {
        Self {
            certificate,
            input: FrameBuffer::default(),
            version: Version::V3,
            phase: Phase::New,
            queue: VecDeque::new(),
            next_downlink: first_downlink,
            unacknowledged: BTreeSet::new(),
            alive: true,
        }
    }

    pub(super) fn session(&self) -> Option<&Session> {
        match &self.phase {
            Phase::Device(session) => Some(session),
            _ => None,
        }
    }

    pub(super) fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.phase {
            Phase::Device(session) => Some(session),
            _ => None,
        }
    }

    /// Whether a CONNECT has told the version, so that MQTT 5 packets may be written.
    pub(super) const fn greeted(&self) -> bool {
        !matches!(self.phase, Phase::New)
    }
}
