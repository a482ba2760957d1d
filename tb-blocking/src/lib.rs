//! ThingsBoard device SDK on plain threads, without an async runtime.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use serde::Serialize;
//! use tb_blocking::Credentials;
//!
//! #[derive(Serialize)]
//! struct Reading {
//!     temperature: f64,
//! }
//!
//! # fn main() -> Result<(), tb_blocking::Error> {
//! let client = tb_blocking::connect("mqtt://localhost", Credentials::token("A1_TEST_TOKEN"))?;
//! let ticket = client.send_telemetry(&Reading { temperature: 41.9 })?;
//! ticket.wait_timeout(Duration::from_secs(5))?; // the server has it
//! # Ok(())
//! # }
//! ```
//!
//! The [`Client`] is the one of the other adapters: calls return at once and give tickets, and what
//! waits says so in its name (`wait`, `wait_timeout`, `recv_wait`, `recv_timeout`, `room_wait`,
//! `connected_wait`).
//!
//! Threads end with the program: what was accepted and not delivered by then is gone. End with
//! `client.disconnect(linger).wait()`.
//!
//! # How it works
//!
//! A client has three threads, none of which ever waits for another: one connects and reads, one
//! writes, one keeps the time. They sleep in the operating system until there is something to do.
//!
//! ```text
//!   socket ──▶ reader ──bytes──▶ machine ──bytes──▶ writer ──▶ socket
//!                                 ▲    │
//!                         calls, time  connect, close
//! ```
#![forbid(unsafe_code)]

extern crate alloc;

mod connect;
mod desk;
mod gateway;
mod provision;
mod proxied;
mod start;
mod tcp;
mod threads;
#[cfg(feature = "_rustls")]
mod tls;
#[cfg(unix)]
mod unix;

pub use connect::{Connect, Connection, Halves};
pub use gateway::{connect_gateway, connect_gateway_with, start_gateway};
pub use provision::{load_or_provision, provision, provision_by};
#[cfg(feature = "_rustls")]
pub use provision::{load_or_provision_with_tls, provision_with_tls};
pub use start::{CONNECT_TIMEOUT, Driver, connect, connect_with, prepare, start};
pub use tcp::Tcp;
#[cfg(unix)]
pub use unix::Unix;

#[doc(no_inline)]
pub use tb_driver::provision::CredentialsFile;
#[cfg(feature = "_rustls")]
#[doc(no_inline)]
pub use tb_driver::tls::{Identity, Pem, Tls, TlsConfig, TlsSetupError, TlsVersion};
#[doc(no_inline)]
pub use tb_driver::{
    Child, ChildEvent, ChildUpdate, Client, ConnectError, Delivery, DeliveryError, Download,
    EnvironmentError, Error, FileSink, Gateway, NewChild, NotConnected, NotProvisioned, Permit,
    Progress, Receiver, RecvError, Reply, RoomError, RoomRequest, RpcRequest, Setup, Stack,
    StartError, UpdateOffer, UpdateSink, Updates, WaitError, Warning, Watch, config_from_env,
};
#[doc(no_inline)]
pub use tb_proto::{
    AttributeQuery, AttributeUpdate, AttributeValues, Attributes, Cause, ChildId, ChildRefusal,
    Claim, Combining, Config, Credentials, Delivered, Endpoint, Flushed, GatewayConfig, Installed,
    InvalidChild, LimitWindow, Limits, Overflow, Package, PayloadFormat, Priority, ProtocolVersion,
    ProvisionError, ProvisionRequest, QoS, RateLimit, RateLimits, Refused, RefusedReason,
    RequestError, RpcCall, RpcReply, RpcResponse, Source, State, Stats, Telemetry, TopicFamily,
    Topics, Undelivered, UndeliveredCause, UpdateError, UpdateState, Verifier, VersionPolicy,
};
