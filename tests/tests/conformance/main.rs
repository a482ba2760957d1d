//! The conformance numbers of ThingsBoard's device API, one test each, on raw bytes.
//!
//! The client's codec takes no part: packets are built and compared byte by byte, so that what the
//! simulator is proved to do here can be trusted where the client meets it.

#![allow(
    clippy::std_instead_of_alloc,
    reason = "everything here runs on the standard library"
)]

mod attributes;
mod claiming;
mod client_rpc;
mod connect_and_session;
mod credentials;
mod faults;
mod gateway;
mod gateway_downlinks;
mod listing;
mod ota;
mod profiles;
mod protobuf;
mod provisioning;
mod publish_and_subscribe;
mod rate_limits;
mod robustness;
mod server_rpc;
mod telemetry;
mod telemetry_values;
mod violations;
mod wire;
mod world;
