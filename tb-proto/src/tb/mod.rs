//! What ThingsBoard means: topics, payloads, RPC, updates.
//!
//! Values and pure functions: nothing here knows a packet, a queue or a timer.

pub(crate) mod attributes;
pub(crate) mod claim;
pub(crate) mod gateway;
mod invalid;
mod json;
mod options;
pub(crate) mod ota;
mod payload_format;
pub(crate) mod protobuf;
mod provision;
pub(crate) mod rpc;
pub(crate) mod session_limits;
pub(crate) mod split;
pub(crate) mod telemetry;
pub(crate) mod topics;

pub use attributes::{
    AttributeMap, AttributeQuery, AttributeTypeError, AttributeUpdate, AttributeValues, Attributes,
    InvalidQuery,
};
pub use claim::Claim;
pub use gateway::InvalidChildName;
pub use invalid::{InvalidPayload, UnexpectedPayload};
pub use options::Priority;
pub use ota::{
    Checksum, ChecksumAlgorithm, Chunk, ChunkRefusal, Fetched, Hasher, Installed, InvalidPackage,
    Offer, OfferId, Package, PackageType, Source, UpdateError, UpdateState, Verified, Verifier,
};
pub use payload_format::{InvalidTsField, PayloadFormat};
pub use provision::{InvalidProvisionRequest, ProvisionRequest};
pub use rpc::{Params, RpcCall, RpcError, RpcReply, RpcResponse};
pub use telemetry::Telemetry;
pub use topics::{InvalidTopics, TopicFamily, Topics};

pub(crate) use options::MessageOptions;
pub(crate) use payload_format::Encoding;
pub(crate) use provision::{ProvisionAnswer, parse_provision_answer};
