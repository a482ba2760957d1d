//! Keys as the server can store them: 1 to 255 characters, not blank (TB §14.7).

use super::path::prefix;
use crate::tb::InvalidPayload;

/// Longest key, in UTF-16 units: the server is a Java program.
const LONGEST: usize = 255;

/// Refuses a key with which the server would drop the whole message without a word (TB §2.2).
#[inline(always)]
pub(crate) fn check_key(key: &str) -> Result<(), InvalidPayload> {
    // A key of at most 255 bytes has at most 255 UTF-16 units, and one that begins with a visible
    // ASCII character is not blank: nearly every key needs nothing more.
    if key.len() <= LONGEST && key.as_bytes().first().is_some_and(u8::is_ascii_graphic) {
        return Ok(());
    }
    check_unusual(key)
}

#[cold]
fn check_unusual(key: &str) -> Result<(), InvalidPayload> {
    if key.trim().is_empty() {
        return Err(InvalidPayload::BlankKey);
    }
    let length = key.encode_utf16().count();
    if length > LONGEST {
        return Err(InvalidPayload::KeyTooLong {
            key: prefix(key),
            length,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_key_that_the_server_stores_is_taken_and_one_more_is_not() {
        for unit in ["k", "ä", "温", "🌡"] {
            let each = unit.encode_utf16().count();
            assert_eq!(check_key(&unit.repeat(LONGEST / each)), Ok(()), "{unit}");
            let refused = check_key(&unit.repeat(LONGEST / each + 1)).unwrap_err();
            let InvalidPayload::KeyTooLong { key, length } = refused else {
                panic!("{refused:?}");
            };
            assert!(length > LONGEST && length <= LONGEST + each);
            assert!(key.starts_with(unit) && key.chars().count() <= 64);
        }
    }

    #[test]
    fn blank_keys_are_refused_and_keys_with_blanks_are_not() {
        for key in ["", " ", "\t\n", "\u{a0}", "\u{3000} "] {
            assert_eq!(check_key(key), Err(InvalidPayload::BlankKey), "{key:?}");
        }
        for key in [" a", "a b", "\u{3000}x", "é", "\u{1}"] {
            assert_eq!(check_key(key), Ok(()), "{key:?}");
        }
    }
}
