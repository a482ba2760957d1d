//! What a client is told to do, in the same words for every client.

use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// Topic of telemetry.
pub const TELEMETRY: &str = "v1/devices/me/telemetry";
/// Topic of attribute updates.
pub const ATTRIBUTES: &str = "v1/devices/me/attributes";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    /// W1: QoS 1 publishes, pipelined, until all are acknowledged.
    Acknowledged,
    /// W2: QoS 0 publishes; the end is the acknowledgement of one last QoS 1 publish.
    Unacknowledged,
    /// W3: QoS 1 publishes received, acknowledged and parsed to `serde_json::Value`.
    Received,
    /// W4: one QoS 1 publish at a time, from the call to its acknowledgement.
    RoundTrip,
    /// As many connections as messages are ordered, idle, all in one process: the memory of one.
    Idle,
}

impl Workload {
    /// Those with messages, in the order they are reported.
    pub const WITH_MESSAGES: [Self; 4] = [
        Self::Acknowledged,
        Self::Unacknowledged,
        Self::Received,
        Self::RoundTrip,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "W1",
            Self::Unacknowledged => "W2",
            Self::Received => "W3",
            Self::RoundTrip => "W4",
            Self::Idle => "idle",
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One run of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which client, as its program knows it.
    pub client: String,
    /// What it does.
    pub workload: Workload,
    /// The server.
    pub server: SocketAddr,
    /// How many messages; of [`Workload::Idle`] how many connections.
    pub messages: u64,
    /// How many may be unacknowledged at a time.
    pub window: u16,
}

impl Order {
    /// As arguments of a program.
    #[must_use]
    pub fn arguments(&self) -> [String; 5] {
        [
            self.client.clone(),
            self.workload.to_string(),
            self.server.to_string(),
            self.messages.to_string(),
            self.window.to_string(),
        ]
    }

    /// From the arguments of a program; none when they are not an order.
    #[must_use]
    pub fn from_arguments(arguments: &[String]) -> Option<Self> {
        let [client, workload, server, messages, window] = arguments else {
            return None;
        };
        Some(Self {
            client: client.clone(),
            workload: Workload::WITH_MESSAGES
                .into_iter()
                .chain([Workload::Idle])
                .find(|known| known.name() == workload)?,
            server: parse(server)?,
            messages: parse(messages)?,
            window: parse(window)?,
        })
    }
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// A reading of about 60 bytes as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Differs from message to message, so that nothing can be serialised once and for all.
    pub counter: u64,
    /// Degrees Celsius.
    pub temperature: f64,
    /// Percent.
    pub humidity: f64,
    /// Whether the device is on.
    pub on: bool,
}

impl Reading {
    /// The reading with this number.
    #[must_use]
    pub const fn numbered(counter: u64) -> Self {
        Self {
            counter,
            temperature: 21.5,
            humidity: 48.25,
            on: true,
        }
    }
}
