//! ThingsBoard device SDK on tokio.
//!
//! ```no_run
//! use serde::Serialize;
//! use tb_tokio::Credentials;
//!
//! #[derive(Serialize)]
//! struct Reading {
//!     temperature: f64,
//! }
//!
//! # async fn run() -> Result<(), tb_tokio::Error> {
//! let client = tb_tokio::connect("mqtt://localhost", Credentials::token("A1_TEST_TOKEN")).await?;
//! client.send_telemetry(&Reading { temperature: 41.9 })?.await?; // the server has it
//! # Ok(())
//! # }
//! ```
//!
//! [`connect`] waits for the first connection, [`start`] does not, [`prepare`] leaves the spawning to
//! you. All of them give a [`Client`]; everything else is there.
#![forbid(unsafe_code)]

mod compat;
mod gateway;
mod provision;
mod start;
mod tcp;
mod timer;
#[cfg(unix)]
mod unix;

pub use compat::Compat;
pub use gateway::{connect_gateway, connect_gateway_with, start_gateway};
pub use provision::{load_or_provision, provision};
#[cfg(feature = "_rustls")]
pub use provision::{load_or_provision_with_tls, provision_with_tls};
pub use start::{CONNECT_TIMEOUT, Driver, connect, connect_with, prepare, spawn, start};
pub use tcp::Tcp;
pub use timer::TokioTimer;
#[cfg(unix)]
pub use unix::Unix;

#[doc(no_inline)]
pub use tb_driver::provision::CredentialsFile;
#[cfg(feature = "_rustls")]
#[doc(no_inline)]
pub use tb_driver::tls::{Identity, Pem, Tls, TlsConfig, TlsSetupError, TlsVersion};
#[doc(no_inline)]
pub use tb_driver::{
    Child, ChildEvent, ChildUpdate, Client, Connect, ConnectError, Delivery, DeliveryError,
    Download, EnvironmentError, Error, FileSink, Gateway, NewChild, NotConnected, NotProvisioned,
    Permit, Progress, Receiver, RecvError, Reply, RoomError, RoomRequest, RpcRequest, Setup,
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
