//! Attributes: client attributes up, shared attributes down, requests for both.

mod map;
mod publish;
mod query;
mod update;
mod values;

pub use map::{AttributeMap, AttributeTypeError};
pub use publish::Attributes;
pub use query::{AttributeQuery, InvalidQuery};
pub use update::AttributeUpdate;
pub use values::AttributeValues;

pub(crate) use publish::{AttributeBody, merge};
