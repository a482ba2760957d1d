//! The ThingsBoard simulator, the simulated network and every test that crosses crates.

pub mod replay;
