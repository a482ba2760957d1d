//! The network between a device and its server, in virtual time: what is written on one side arrives
//! on the other late, in pieces, in part or not at all.
//!
//! 1. [`dial`](Network::dial), [`write`](Network::write), [`close`](Network::close) say what the two
//!    sides do; [`cut`](Network::cut) and [`Conditions`] say what happens to them.
//! 2. [`poll_timeout`](Network::poll_timeout) tells when something arrives next, and
//!    [`poll_delivery`](Network::poll_delivery) what.
//!
//! There is no socket, no sleep and no clock: the same seed and the same calls give the same
//! deliveries.

mod conditions;
mod lane;
mod random;
mod transport;

pub use conditions::{Conditions, Dial, Pieces};
pub use random::Random;
pub use transport::{Arrival, Cut, Delivery, Network, PathId, Side};
