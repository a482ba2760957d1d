//! Provisioning: what a device asks for, and what it is answered (TB §7).

mod answer;
mod request;
mod stored;

pub use request::{InvalidProvisionRequest, ProvisionRequest};

pub(crate) use answer::{ProvisionAnswer, parse_provision_answer};
