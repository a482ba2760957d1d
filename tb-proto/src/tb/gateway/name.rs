use alloc::vec::Vec;
use core::fmt;

use crate::tb::json::write_text;

/// Longest name, in UTF-16 units: the server is a Java program.
const LONGEST: usize = 255;

/// Why a device cannot have this name (TB §9.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidChildName {
    /// It is empty or consists of white space.
    Blank,
    /// It is longer than 255 UTF-16 units.
    TooLong {
        /// Length in UTF-16 units.
        length: usize,
    },
    /// It contains U+0000.
    Nul,
}

pub(crate) fn check_name(name: &str) -> Result<(), InvalidChildName> {
    if name.trim().is_empty() {
        return Err(InvalidChildName::Blank);
    }
    if name.contains('\0') {
        return Err(InvalidChildName::Nul);
    }
    let length = name.encode_utf16().count();
    if length > LONGEST {
        return Err(InvalidChildName::TooLong { length });
    }
    Ok(())
}

/// What payloads of this child begin with: `{"name":[`.
pub(crate) fn opening(name: &str) -> Vec<u8> {
    let mut opening = Vec::with_capacity(name.len() + 5);
    opening.push(b'{');
    write_text(&mut opening, name);
    opening.extend_from_slice(b":[");
    opening.shrink_to_fit();
    opening
}

impl fmt::Display for InvalidChildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("the name of a device must not be blank"),
            Self::TooLong { length } => write!(
                f,
                "the name of a device has at most 255 characters, not {length}"
            ),
            Self::Nul => f.write_str("the name of a device must not contain U+0000"),
        }
    }
}

impl core::error::Error for InvalidChildName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_the_rules_of_the_server() {
        assert_eq!(check_name("Meter 7"), Ok(()));
        assert_eq!(check_name(&"温".repeat(255)), Ok(()));
        assert_eq!(check_name(" \t"), Err(InvalidChildName::Blank));
        assert_eq!(check_name("a\0b"), Err(InvalidChildName::Nul));
        let length = 256;
        assert_eq!(
            check_name(&"🌡".repeat(128)),
            Err(InvalidChildName::TooLong { length })
        );
    }

    #[test]
    fn a_name_that_needs_it_is_escaped() {
        assert_eq!(opening("a\"b"), br#"{"a\"b":["#);
    }
}
