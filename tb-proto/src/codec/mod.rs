//! Bytes to packets and back; the only place that names the codec crate.

mod version;

pub use version::{ProtocolVersion, QoS};
