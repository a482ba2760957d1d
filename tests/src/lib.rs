//! The ThingsBoard simulator, the simulated network and every test that crosses crates.

#[cfg(unix)]
pub mod bench;
pub mod network;
pub mod proxy;
pub mod replay;
pub mod sim;
pub mod world;
