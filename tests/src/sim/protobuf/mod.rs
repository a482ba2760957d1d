//! Protobuf payloads (reference §11): the wire, the fixed messages, and those of a profile's schemas.

mod dynamic;
mod messages;
mod schema;
mod wire;

pub(super) use messages::*;
pub(super) use schema::Schema;

/// Bytes that are no such message, or JSON that does not fit into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotProtobuf;
