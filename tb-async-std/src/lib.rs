//! ThingsBoard device SDK on `async-io`: for smol, for async-std, or for a bare thread.
//!
//! ```no_run
//! # #[cfg(feature = "smol")]
//! # async fn run() -> Result<(), tb_async_std::Error> {
//! use serde::Serialize;
//! use tb_async_std::Credentials;
//!
//! #[derive(Serialize)]
//! struct Reading {
//!     temperature: f64,
//! }
//!
//! let credentials = Credentials::token("A1_TEST_TOKEN");
//! let client = tb_async_std::smol::connect("mqtt://localhost", credentials).await?;
//! client.send_telemetry(&Reading { temperature: 41.9 })?.await?; // the server has it
//! # Ok(())
//! # }
//! ```
//!
//! Sockets and timers are those of `async-io`, which has a thread of its own: the client works wherever
//! its [`Driver`] is polled. What differs is who polls it:
//!
//! | | feature | start with |
//! |---|---|---|
//! | smol | `smol` (default) | `smol::connect`, `smol::start` |
//! | async-std | `async-std` | `async_std::connect`, `async_std::start` |
//! | a bare thread | none | [`prepare`], [`Driver::run`] |
//! | another executor | none | [`prepare`] and spawn the [`Driver`], or [`connect_by`] |
//!
//! The crate async-std is discontinued and has an advisory that says so, RUSTSEC-2025-0052. It is in the
//! tree only if the feature `async-std` is switched on; a program that moves on to smol changes the path
//! of these calls and nothing else.
//!
//! All of them give a [`Client`]; everything else is there.
#![forbid(unsafe_code)]

mod bring_up;
#[cfg(any(feature = "smol", feature = "async-std"))]
mod executors;
mod provision;
mod tcp;
mod timer;
#[cfg(unix)]
mod unix;

pub use bring_up::{CONNECT_TIMEOUT, Driver, connect_by, prepare};
#[cfg(feature = "async-std")]
pub use executors::async_std;
#[cfg(feature = "smol")]
pub use executors::smol;
pub use provision::{load_or_provision, provision};
#[cfg(feature = "_rustls")]
pub use provision::{load_or_provision_with_tls, provision_with_tls};
pub use tcp::Tcp;
pub use timer::AsyncIoTimer;
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
