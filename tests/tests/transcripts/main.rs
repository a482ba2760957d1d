//! Recorded exchanges with a genuine server, replayed: form in `tests/transcripts/README.md`.
//!
//! `TB_TRANSCRIPTS` may name a folder of further recordings in the long form; they are replayed too.

#![allow(
    clippy::std_instead_of_alloc,
    reason = "tests run on the standard library"
)]

mod against_client;
mod against_simulator;
mod corpus;
mod families;
mod tampered;
