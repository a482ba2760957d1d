//! What `cargo bench -p tb-tests --bench peers` is made of: a server that costs almost nothing, the cheapest
//! client there can be, and the means to compare others with it.
//!
//! Every client runs in a process of its own, so that its processor time is that of nobody else.

mod child;
mod comparison;
mod effort;
mod floor;
mod measure;
mod order;
mod peer;
mod table;
mod wire;

pub use child::{Program, build_peers};
pub use comparison::main;
pub use effort::Effort;
pub use measure::{Measurement, Meter};
pub use order::{ATTRIBUTES, Order, Reading, TELEMETRY, Workload};
pub use peer::MinimalPeer;
pub use table::Table;
