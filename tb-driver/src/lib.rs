//! What every adapter of the ThingsBoard device SDK shares: handle, tickets, streams, one driver loop.
#![forbid(unsafe_code)]

extern crate alloc;

mod client;
mod clock;
mod connect;
mod driver;
mod engine;
mod error;
mod log;
mod park;
mod room;
mod rooms;
mod shared;
mod streams;
mod ticket;
mod tickets;
mod timer;
mod wakes;

pub use client::Client;
pub use connect::{Connect, ConnectError, link_lost};
pub use driver::Driver;
pub use engine::{Engine, Readiness, Turn, Wire};
pub use error::{DeliveryError, Error, NotConnected, RecvError, RoomError, StartError, WaitError};
pub use room::{Permit, RoomRequest};
pub use streams::{Receiver, Recv, RpcRequest, Warning};
pub use ticket::{Delivery, Reply, Request};
pub use timer::Timer;
