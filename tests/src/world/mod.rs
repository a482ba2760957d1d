//! A device, a network and a server in a box, in virtual time, with an application that keeps books on
//! everything it was promised.
//!
//! ```
//! use core::time::Duration;
//! use tb_tests::network::Cut;
//! use tb_tests::world::World;
//!
//! World::new(7).send(3).wait(Duration::from_millis(50)).cut(Cut::Rst).send(1).settle();
//! ```
//!
//! The loop always takes the earliest thing that happens: bytes arrive, the server's timers, the
//! device's. After each, the device's outputs are drained, and what the machine does is compared with
//! what it promises: see [`ledger`](Ledger) for outcomes, [`wire`](Wire) for what is seen of the bytes
//! on their way, and [`World::settle`] for what has to be true when nothing disturbs any more.

mod actions;
mod announced;
mod application;
mod arrivals;
mod back_end;
mod begin;
mod checks;
mod child_step;
mod children;
mod device;
mod faults;
mod ledger;
mod messages;
mod meter;
mod run;
mod scripted;
mod sending;
mod server;
mod step;
mod updates;
mod wire;

pub use application::Answering;
pub use arrivals::{Arrivals, Created};
pub use begin::Start;
pub use child_step::ChildStep;
pub use children::Family;
pub use device::{Device, Draining, Trace};
pub use ledger::{Ending, Kind, Ledger, Ticket};
pub use messages::{TS_FIELD, protobuf_profile};
pub use meter::{Measure, Meter};
pub use run::{TOKEN, World};
pub use scripted::{Packet, Scripted};
pub use server::{Connected, Server};
pub use step::{Play, Step, script};
pub use updates::Downloads;
pub use wire::Wire;
