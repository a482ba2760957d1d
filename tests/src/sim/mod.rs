//! A ThingsBoard server as a sans-IO machine: bytes and time in, bytes out, facts recorded.
//!
//! It stands in for the genuine MQTT transport and for as much of the core, the rule engine and the
//! database as a device can notice. Its codec is its own, so that a mistake in the client's codec
//! cannot hide behind the same mistake here.
//!
//! 1. Build a [`Simulator`] from a [`Setup`].
//! 2. Report what happens: [`open`](Simulator::open), [`handle_input`](Simulator::handle_input),
//!    [`handle_closed`](Simulator::handle_closed), [`control`](Simulator::control), and
//!    [`handle_timeout`](Simulator::handle_timeout) when [`poll_timeout`](Simulator::poll_timeout)
//!    has come.
//! 3. After each of these, drain [`poll_output`](Simulator::poll_output) and
//!    [`poll_result`](Simulator::poll_result).
//! 4. Look at [`stored`](Simulator::stored) for what reached the back-end.
//!
//! The same inputs give the same outputs: there is no clock, and [`Setup::seed`] is the only source of
//! chance. [`server::SimulatorServer`] serves a simulator over TCP in real time.

mod agenda;
mod attributes;
mod authentication;
mod backend;
mod backend_control;
mod certificate;
mod charges;
mod claim;
mod client_rpc;
mod connection;
mod control;
mod credentials;
mod dispatch;
mod failures;
mod faults;
#[cfg(test)]
mod foreign_codec;
mod formats;
mod frame;
mod gateway;
mod json;
mod ota;
mod packets;
mod protobuf;
mod provision;
mod publish;
mod quirks;
mod random;
mod rate_limits;
pub mod server;
mod server_rpc;
mod session;
mod setup;
mod simulator;
mod socket;
mod sparkplug;
mod stored;
mod subscriptions;
mod telemetry;
mod time;
pub(crate) mod tls;
mod topics;
mod violations;

pub use certificate::ClientCertificate;
pub use charges::{Charged, ExceededLimit, OverLimit};
pub use claim::ClaimOutcome;
pub use control::{Assignment, CallResult, CloseReason, Control, QueueKind};
pub use faults::{ChildPoison, ConnectRefusal, Faults, Mqtt5Support};
pub use ota::{ChecksumAlgorithm, UpdateKind, UpdateReport};
pub use rate_limits::{Limit, Tokens};
pub use setup::{
    BasicCredentials, ClientRpcFallback, DeviceSetup, Package, PayloadType, ProfileSetup,
    ProvisionProfile, ProvisionStrategy, ServerSettings, Setup, TenantLimits, TransportType,
};
pub use simulator::{ConnectionId, Output, Simulator};
pub use stored::{DeliveryStatus, Stored, Timestamp, TypedValue};
pub use time::Time;
pub use violations::Violation;
