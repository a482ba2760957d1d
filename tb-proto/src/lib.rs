//! The ThingsBoard device protocol as a pure state machine.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod client;
mod codec;
mod mqtt;
mod tb;
mod time;

pub use codec::{ProtocolVersion, QoS};
pub use tb::{
    AttributeMap, AttributeQuery, AttributeTypeError, AttributeUpdate, AttributeValues, Attributes,
    InvalidPayload, InvalidQuery, Params, Priority, RpcCall, RpcError, RpcReply, RpcResponse,
    Telemetry, UnexpectedPayload,
};
pub use time::Instant;
