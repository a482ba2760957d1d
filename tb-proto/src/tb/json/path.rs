//! The path by which an error names a value: `key` or `key.member`.

use alloc::format;
use alloc::string::String;

use crate::tb::InvalidPayload;
use crate::tb::invalid::bounded;

/// Characters of a key that an error quotes.
const QUOTED: usize = 64;

/// The beginning of `key`.
pub(crate) fn prefix(key: &str) -> String {
    key.chars().take(QUOTED).collect()
}

impl InvalidPayload {
    /// The same error one level up: the value was found below `key`.
    #[cold]
    pub(crate) fn below(mut self, outer: &str) -> Self {
        match &mut self {
            Self::NotANumber { key }
            | Self::IntegerOutOfRange { key }
            | Self::FloatOutOfRange { key } => {
                let outer = prefix(outer);
                *key = if key.is_empty() {
                    outer
                } else {
                    bounded(&format!("{outer}.{key}"))
                };
            }
            _ => {}
        }
        self
    }
}
