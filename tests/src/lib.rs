//! The ThingsBoard simulator, the simulated network and every test that crosses crates.

extern crate alloc;

pub mod proxy;
