//! ThingsBoard device SDK on tokio.
#![forbid(unsafe_code)]
