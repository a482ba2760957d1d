//! What must come of every run once the network and the server are well again.

use core::time::Duration;

use super::script::Verb;
use super::{Wire, World};
use crate::State;

/// Turns of network, server and clock in which everything has to end. Suspects take the longest: they
/// are tried alone, up to six times three, with pauses.
const MAX_TURNS: usize = 400;

impl World {
    /// A good network and a server that acknowledges everything: every ticket ends.
    pub(super) fn recover(&mut self) {
        self.eager = true;
        self.settle();
        // A new connection, because the old one may be in the middle of anything.
        self.network(Verb::Lost, 0);
        self.settle();
        self.revive_children();
        self.settle();
        for _ in 0..MAX_TURNS {
            if !self.ledger.has_open() || self.client.state() == State::Closed {
                return;
            }
            self.turn();
            self.settle();
        }
        panic!(
            "nothing is wrong and {:?} have no outcome: {self:?}",
            self.ledger
        );
    }

    fn turn(&mut self) {
        if let State::Stopped { .. } = self.client.state() {
            self.client.reconnect(self.now);
            return;
        }
        match &self.wire {
            Wire::Idle => self.next_timeout(),
            Wire::Dialling(_) => self.network(Verb::Connected, 0),
            Wire::Up(_, peer) if peer.terms.is_none() => self.network(Verb::ConnAck, 0),
            Wire::Up(_, peer) if !peer.unacknowledged.is_empty() => {
                self.network(Verb::AcknowledgeAll, 0);
            }
            Wire::Up(..) => {
                self.network(Verb::PingResp, 0);
                self.now = self.now + Duration::from_secs(5);
                self.next_timeout();
            }
        }
    }
}
