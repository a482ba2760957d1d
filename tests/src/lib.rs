//! The ThingsBoard simulator, the simulated network and every test that crosses crates.

extern crate alloc;

#[cfg(unix)]
pub mod bench;
pub mod proxy;
