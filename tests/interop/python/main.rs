//! The official Python SDK as a device and as a gateway of the simulator: what ThingsBoard's own client takes for an answer
//! is one, and what it sends is stored as ThingsBoard stores it.
//!
//! Each test runs the script of its name beside it, which tells its steps.

mod claim;
mod encrypted;
mod everyday;
mod firmware;
mod gateway;
mod provision;
mod rate_limits;
mod script;

use core::time::Duration;

/// For one step: a new Python imports the SDK, or the SDK sleeps between its own.
const PATIENCE: Duration = Duration::from_secs(20);
