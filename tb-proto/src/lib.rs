//! The ThingsBoard device protocol as a pure state machine.
//!
//! A [`Client`] opens no socket, reads no clock and spawns nothing. Whoever owns it calls it, on a thread, in a
//! task or in an interrupt handler's main loop; the adapters (`tb-tokio`, `tb-async-std`, `tb-blocking`) do so for
//! applications that want sockets and futures. `#![no_std]`, with `alloc`.
//!
//! # A loop of one's own
//!
//! ```text
//!        bytes, connected, lost        calls of the application
//!                    │                          │
//!                    ▼                          ▼
//!   time ──▶ ┌────────────────────── Client ─────────────────────┐
//!            └──────┬──────────────────┬───────────────┬─────────┘
//!                   ▼                  ▼               ▼
//!             bytes, connect, close  events      next deadline
//! ```
//!
//! Whatever the loop runs on, it takes six steps over and over:
//!
//! 1. **Write** what [`poll_transmit`](Client::poll_transmit) gives, all of it, to the connection that was opened
//!    last.
//! 2. **Connect and close** as [`poll_link`](Client::poll_link) asks, and tell how that went by
//!    [`handle_connected`](Client::handle_connected) or [`handle_disconnected`](Client::handle_disconnected).
//! 3. **Tell the application** what [`poll_event`](Client::poll_event) gives: the outcome of each of its calls
//!    among others.
//! 4. **Wait** for bytes, for a call of the application or for the moment of
//!    [`poll_timeout`](Client::poll_timeout), whichever comes first; not at all if steps 1 to 3 have more to do.
//! 5. **Read**: bytes go to [`handle_input`](Client::handle_input), the end of the connection to
//!    `handle_disconnected`.
//! 6. **Keep the time**: [`handle_timeout`](Client::handle_timeout), which does nothing when it comes early.
//!
//! ```
//! use tb_proto::{Client, Config, Credentials, Instant, LinkRequest};
//!
//! let now = Instant::from_micros(0); // microseconds since an epoch of the loop's choosing
//! let config = Config::new("mqtt://localhost".parse()?, Credentials::token("A1_TEST_TOKEN"));
//! let mut client = Client::new(config, now, 7)?; // the seed spreads reconnects
//!
//! // Connecting is due at once, like anything else by time; then it has something to say.
//! client.handle_timeout(now);
//! let Some(LinkRequest::Open { link, endpoint }) = client.poll_link() else { panic!() };
//! assert_eq!((endpoint.host(), endpoint.port()), ("localhost", 1883));
//! client.handle_connected(now, link);
//! assert!(client.poll_transmit().is_some_and(|connect| connect[0] == 0x10));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The example `embed_blocking_loop` is the whole loop over `std::net`, `embed_thousand_devices` that of a
//! thousand clients on one thread.
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::alloc_instead_of_core
)]

extern crate alloc;

mod client;
mod codec;
#[cfg(feature = "_fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod mqtt;
mod provision;
mod tb;
mod time;

pub use client::{
    AlreadyFollowed, AlreadyServed, Answer, AttributeKeys, AttributeSubscription, ChildId,
    ChildRefusal, Client, Combining, Completion, Config, Drained, Event, Flushed, Gateway,
    GatewayConfig, InvalidChild, InvalidConfig, LimitWindow, Limits, Message, Overflow, Pending,
    Refused, RefusedReason, RequestError, RequestId, Room, RpcMethods, RpcRefusal, RpcRequest,
    RpcServer, State, Stats, Target, Undelivered, VersionPolicy, WhichChildren,
};
pub use codec::{InvalidFilter, InvalidTopic, Malformed, ProtocolVersion, QoS, ReasonCode};
pub use mqtt::{
    Cause, Credentials, Delivered, Endpoint, InvalidCredentials, InvalidRateLimit, InvalidUrl,
    LinkId, LinkLost, LinkRequest, RateLimit, RateLimits, RateWindow, Refusal, Rejection, Scheme,
    TlsFault, UndeliveredCause, VersionChange,
};
pub use provision::{ProvisionError, Provisioning};
pub use tb::{
    AttributeMap, AttributeQuery, AttributeTypeError, AttributeUpdate, AttributeValues, Attributes,
    Checksum, ChecksumAlgorithm, Chunk, ChunkRefusal, Claim, Fetched, Hasher, Installed,
    InvalidChildName, InvalidPackage, InvalidPayload, InvalidProvisionRequest, InvalidQuery,
    InvalidTopics, InvalidTsField, Offer, OfferId, Package, PackageType, Params, PayloadFormat,
    Priority, ProvisionRequest, RpcCall, RpcError, RpcReply, RpcResponse, Source, Telemetry,
    TopicFamily, Topics, UnexpectedPayload, UpdateError, UpdateState, Verified, Verifier,
};
pub use time::Instant;
