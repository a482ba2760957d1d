//! Recorded exchanges with a genuine server, replayed: form in `tests/transcripts/README.md`.
//!
//! `TB_TRANSCRIPTS` may name a folder of further recordings in the long form; they are replayed too.

mod against_simulator;
mod corpus;
mod families;
mod tampered;
