//! ThingsBoard device SDK on plain threads, without an async runtime.
#![forbid(unsafe_code)]
