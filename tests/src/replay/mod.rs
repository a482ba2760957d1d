//! Recorded exchanges with a genuine ThingsBoard server, and what plays them.
//!
//! The recordings stand in `tests/transcripts/` (its README describes the form). Each holds what a
//! client sent, what the server answered, when it kept silent or hung up, and what reached its
//! back-end. [`Corpus`] loads them; the same loader reads the long form they were made from.
//!
//! Nothing here shares code with the client or with the simulator: packets are framed and read by a
//! small view of their own, which also takes what a strict decoder refuses.

mod against_simulator;
mod compare;
mod corpus;
mod disagreements;
mod exchange;
mod facts;
mod json;
mod long_form;
mod notation;
mod packet;
mod protobuf;
mod server_side;
mod template;

pub use against_simulator::{Disagreement, replay_against_simulator};
pub use compare::{Mismatch, compare_in_any_order, compare_in_order};
pub use corpus::{Corpus, CorpusError};
pub use disagreements::known_disagreements;
pub use exchange::{Connection, Expected, Order, PresentedCertificate, Protocol, Recording, Step};
pub use json::json_agrees;
pub use long_form::DescribedPublish;
pub use packet::{Framing, Kind, PacketView, PublishView, split_packet};
pub use server_side::{Answers, Fault, Survived, play_to_client};
pub use template::{Template, TemplateError};
