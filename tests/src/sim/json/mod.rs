//! JSON as ThingsBoard reads it (Gson, lenient) and prints it.

mod number;
mod parser;
mod print;
mod typing;

pub(super) use number::{java_double, to_long};
pub(super) use print::quote;
pub(super) use typing::{TypingRules, type_members};

/// A JSON value that still knows how its numbers were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Boolean(bool),
    /// Text of the number.
    Number(String),
    String(String),
    Array(Vec<Self>),
    /// Members in the order of first appearance; of duplicates the last value.
    Object(Vec<(String, Self)>),
}

/// Text that is not JSON, however lenient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotJson;

impl Json {
    /// Reads a payload; what is not UTF-8 becomes replacement characters. Empty text is null.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, NotJson> {
        parser::parse(&String::from_utf8_lossy(bytes))
    }

    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Gson's `getAsString`: primitives and one-element arrays have a text.
    pub(super) fn as_text(&self) -> Option<String> {
        match self {
            Self::Boolean(value) => Some(value.to_string()),
            Self::Number(text) | Self::String(text) => Some(text.clone()),
            Self::Array(elements) => match elements.as_slice() {
                [element] => element.as_text(),
                _ => None,
            },
            Self::Null | Self::Object(_) => None,
        }
    }

    /// The same as a value of `serde_json`.
    pub(super) fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(&self.to_text_with_nulls()).unwrap_or_default()
    }
}
