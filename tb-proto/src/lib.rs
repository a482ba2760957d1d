//! The ThingsBoard device protocol as a pure state machine.
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::alloc_instead_of_core
)]

extern crate alloc;

mod client;
mod codec;
#[cfg(feature = "_fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod mqtt;
mod provision;
mod tb;
mod time;

pub use client::{
    AlreadyFollowed, AlreadyServed, Answer, AttributeKeys, AttributeSubscription, ChildId,
    ChildRefusal, Client, Completion, Config, Drained, Event, Flushed, Gateway, GatewayConfig,
    InvalidChild, InvalidConfig, LimitWindow, Limits, Message, Overflow, Pending, Refused,
    RefusedReason, RequestError, RequestId, Room, RpcMethods, RpcRefusal, RpcRequest, RpcServer,
    State, Stats, Target, Undelivered, VersionPolicy, WhichChildren,
};
pub use codec::{InvalidFilter, InvalidTopic, Malformed, ProtocolVersion, QoS, ReasonCode};
pub use mqtt::{
    Cause, Credentials, Delivered, Endpoint, InvalidCredentials, InvalidRateLimit, InvalidUrl,
    LinkId, LinkLost, LinkRequest, RateLimit, RateLimits, RateWindow, Refusal, Rejection, Scheme,
    UndeliveredCause, VersionChange,
};
pub use provision::{ProvisionError, Provisioning};
pub use tb::{
    AttributeMap, AttributeQuery, AttributeTypeError, AttributeUpdate, AttributeValues, Attributes,
    Checksum, ChecksumAlgorithm, Chunk, ChunkRefusal, Claim, Fetched, Hasher, Installed,
    InvalidChildName, InvalidPackage, InvalidPayload, InvalidProvisionRequest, InvalidQuery,
    InvalidTopics, InvalidTsField, Offer, OfferId, Package, PackageType, Params, PayloadFormat,
    Priority, ProvisionRequest, RpcCall, RpcError, RpcReply, RpcResponse, Source, Telemetry,
    TopicFamily, Topics, UnexpectedPayload, UpdateError, UpdateState, Verified, Verifier,
};
pub use time::Instant;
