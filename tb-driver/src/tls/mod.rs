//! TLS, once for every adapter.
//!
//! ```text
//!   TlsConfig ── what is trusted, who we are; checked when a client starts, its files read at each connect
//!      │
//!   TlsSession ── one connection, sans-IO: bytes from and to the peer ↔ bytes of MQTT
//!      │                                                        (threads use it as it is)
//!   Tls::over(connector) ── a `Connect` over a `Connect`, for asynchronous streams
//! ```
//!
//! An address with `mqtts://` is served by TLS or not at all; one with `mqtt://` goes through
//! unchanged. Nothing is negotiated and nothing falls back.

mod config;
mod error;
mod fault;
mod identity;
mod over;
mod pem;
mod prepared;
mod provider;
mod session;
mod stream;
mod verify;

pub use config::{TlsConfig, TlsVersion};
pub use error::{TlsError, TlsSetupError};
pub use identity::Identity;
pub use over::{Connecting, Tls, handshake_failed};
pub use pem::Pem;
pub use session::TlsSession;
pub use stream::{MaybeTls, TlsStream};
