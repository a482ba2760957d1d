//! Protobuf payloads (reference §11): the wire, the fixed messages, and those of a profile's schemas.

mod dynamic;
mod gateway;
mod messages;
mod scalar;
mod schema;
mod wire;

pub(super) use gateway::{
    GatewayAttributesRequest, attributes as gateway_attributes, claims as gateway_claims,
    connect as gateway_connect, rpc_reply as gateway_rpc_reply, telemetry as gateway_telemetry,
};
pub(super) use messages::*;
pub(super) use schema::Schema;
use wire::Content;

/// Bytes that are no such message, or JSON that does not fit into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotProtobuf;
