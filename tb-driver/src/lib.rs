//! What every adapter of the ThingsBoard device SDK shares: handle, tickets, streams, one driver loop.
//!
//! Applications use an adapter (`tb-tokio`, `tb-async-std`, `tb-blocking`). This crate is for those who bring a
//! runtime or a transport of their own. It spawns nothing and knows no runtime.
//!
//! ```text
//!   application ── Client ──┐                    ┌── Driver: a future over `Connect` and `Timer`
//!     Delivery, Reply,      ├── one lock around ─┤      or
//!     Receiver, Permit ─────┘  tb_proto::Client  └── Engine and Wire: turns for one's own loop
//! ```
//!
//! - A **transport** of one's own implements [`Connect`] (and a runtime of one's own [`Timer`]);
//!   [`Driver::new`] makes a client of them. Poll the driver and the client is at work. What a transport
//!   owes stands on [a page of its own](transport).
//! - A loop of one's own takes [`Engine::turn`] after turn and reports through [`Wire`], as the threads of
//!   `tb-blocking` do.
//!
//! # Contract
//!
//! 1. No call of [`Client`] blocks unless its name ends in `wait`, and every future says what
//!    dropping it does.
//! 2. Code of the application (serialisation, wakers) never runs under the lock.
//! 3. The driver is woken only if there is something for it to do: of a thousand messages sent in a
//!    row only the first wakes it.
//! 4. When the driver is dropped, every ticket ends, with the payload of what was not delivered.
#![forbid(unsafe_code)]

extern crate alloc;

mod client;
mod clock;
mod connect;
mod connected;
mod driver;
mod engine;
mod environment;
mod error;
#[cfg(feature = "_fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gateway;
mod log;
mod park;
pub mod provision;
pub mod proxy;
mod room;
mod rooms;
mod serve;
mod setup;
mod shared;
mod state;
mod streams;
mod ticket;
mod tickets;
mod timer;
#[cfg(feature = "_rustls")]
pub mod tls;
pub mod transport;
mod updates;
mod wakes;
mod watch;

pub use client::Client;
pub use connect::{Connect, ConnectError, link_lost, refuse_tls};
pub use connected::connected_within;
pub use driver::Driver;
pub use engine::{Engine, Readiness, Turn, Wire};
pub use environment::{EnvironmentError, config_from_env};
pub use error::{DeliveryError, Error, NotConnected, RecvError, RoomError, StartError, WaitError};
pub use gateway::{Child, Gateway, NewChild};
pub use provision::NotProvisioned;
pub use room::{Permit, RoomRequest};
pub use setup::{Setup, Stack, check_plain, stack};
#[cfg(feature = "_rustls")]
pub use setup::{check_tls, stack_with_tls};
pub use streams::{ChildEvent, ChildUpdate, Receiver, Recv, RpcRequest, Warning};
pub use ticket::{Delivery, Reply, Request};
pub use timer::Timer;
pub use updates::{Download, FileSink, Progress, UpdateOffer, UpdateSink, Updates};
pub use watch::{Changed, Watch};
