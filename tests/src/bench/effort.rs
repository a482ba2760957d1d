//! How much is done; what is measured does not depend on it, only how steady the figures are.

use core::net::SocketAddr;

use super::order::{Order, Workload};

/// How much one comparison does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// How often everything is measured; the median is told.
    pub rounds: usize,
    /// Messages that are sent without waiting.
    pub pipelined: u64,
    /// Messages that are sent one at a time.
    pub round_trips: u64,
    /// Connections that do nothing.
    pub connections: u64,
}

impl Effort {
    /// What a client of this name is to do.
    #[must_use]
    pub fn order(
        &self,
        client: &str,
        workload: Workload,
        server: SocketAddr,
        window: u16,
    ) -> Order {
        Order {
            client: client.to_owned(),
            workload,
            server,
            messages: match workload {
                Workload::RoundTrip => self.round_trips,
                Workload::Idle => self.connections,
                Workload::Acknowledged | Workload::Unacknowledged | Workload::Received => {
                    self.pipelined
                }
            },
            window,
        }
    }
}
