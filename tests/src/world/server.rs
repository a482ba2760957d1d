use std::collections::BTreeMap;

use super::scripted::Scripted;
use crate::network::{Arrival, Network, PathId, Side};
use crate::sim::{ConnectionId, Output, Simulator, Time};

/// The other end of the network.
#[derive(Debug)]
pub enum Server {
    /// ThingsBoard.
    Simulator(Box<Connected>),
    /// What a test writes by hand.
    Scripted(Scripted),
}

/// A simulator and the paths of its connections.
#[derive(Debug)]
pub struct Connected {
    pub(super) simulator: Simulator,
    connections: BTreeMap<PathId, ConnectionId>,
    paths: BTreeMap<ConnectionId, PathId>,
}

impl Connected {
    pub(super) const fn new(simulator: Simulator) -> Self {
        Self {
            simulator,
            connections: BTreeMap::new(),
            paths: BTreeMap::new(),
        }
    }

    /// Hands over what the simulator has to say.
    pub(super) fn drain(&mut self, now: Time, network: &mut Network) {
        while let Some(output) = self.simulator.poll_output() {
            match output {
                Output::Send { connection, bytes } => {
                    if let Some(&path) = self.paths.get(&connection) {
                        network.write(now, path, Side::Server, &bytes);
                    }
                }
                Output::Close { connection } => {
                    if let Some(path) = self.paths.remove(&connection) {
                        self.connections.remove(&path);
                        network.close(now, path, Side::Server);
                    }
                }
            }
        }
    }

    fn arrive(&mut self, now: Time, path: PathId, what: &Arrival) {
        let known = self.connections.get(&path).copied();
        match (what, known) {
            (Arrival::Opened, _) => {
                let connection = self.simulator.open(now, None);
                self.connections.insert(path, connection);
                self.paths.insert(connection, path);
            }
            (Arrival::Bytes(bytes), Some(connection)) => {
                self.simulator.handle_input(now, connection, bytes);
            }
            (Arrival::Closed | Arrival::Reset, Some(connection)) => {
                self.connections.remove(&path);
                self.paths.remove(&connection);
                self.simulator.handle_closed(now, connection);
            }
            _ => {}
        }
    }
}

impl Server {
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        match self {
            Self::Simulator(connected) => connected.simulator.poll_timeout(),
            Self::Scripted(_) => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Time, network: &mut Network) {
        if let Self::Simulator(connected) = self {
            connected.simulator.handle_timeout(now);
            connected.drain(now, network);
        }
    }

    pub(super) fn arrive(
        &mut self,
        now: Time,
        path: PathId,
        what: &Arrival,
        network: &mut Network,
    ) {
        match self {
            Self::Simulator(connected) => {
                connected.arrive(now, path, what);
                connected.drain(now, network);
            }
            Self::Scripted(scripted) => scripted.arrive(path, what),
        }
    }
}
