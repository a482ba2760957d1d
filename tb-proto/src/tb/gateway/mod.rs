//! What a gateway says for its children, in JSON (TB §9).

mod downlink;
mod name;
mod query;
mod uplink;

pub(crate) use downlink::{ChildDownlink, ChildResponse};
pub use name::InvalidChildName;
pub(crate) use name::{check_name, opening};
pub(crate) use query::ChildQuery;
pub(crate) use uplink::{connect, connects, device, disconnect, numbered, renumbered, reply};
