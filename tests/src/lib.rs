//! The ThingsBoard simulator, the simulated network and every test that crosses crates.
