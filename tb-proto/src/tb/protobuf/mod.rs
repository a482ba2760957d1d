//! The fixed protobuf messages of ThingsBoard (TB §11.5): what a session of a protobuf profile says
//! in place of JSON, apart from what the profile's own schemas describe.
//!
//! Reading follows proto3: fields in any order, unknown ones skipped, of a field that is there twice
//! the later value holds. Groups, which proto3 does not have, are malformed. Nothing is nested deeper
//! than three messages, and what is read takes memory in proportion to the payload.

mod attributes;
mod claim;
mod field;
mod rpc;
mod write;

pub(crate) use attributes::{attributes_request, read_attribute_update, read_attribute_values};
pub(crate) use claim::claim;
pub(crate) use rpc::{
    ParamsField, RpcRequestMessage, read_rpc_answer, read_rpc_request, rpc_reply, rpc_request,
};
pub(crate) use write::{TimeField, is_field_number};

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
