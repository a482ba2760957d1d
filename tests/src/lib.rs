//! The ThingsBoard simulator, the simulated network and every test that crosses crates.

#[cfg(unix)]
pub mod bench;
pub mod certificates;
pub mod example;
pub mod network;
pub mod proxy;
pub mod replay;
pub mod sim;
pub mod world;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
