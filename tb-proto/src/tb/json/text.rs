//! JSON strings, both ways.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// Appends `text` as a JSON string.
#[inline]
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    write_between(out, b"\"", text, b"\"");
}

/// Appends `text` as a JSON string; `before` and `after` hold its quotes.
#[inline(always)]
pub(super) fn write_between(out: &mut Vec<u8>, before: &[u8], text: &str, after: &[u8]) {
    let bytes = text.as_bytes();
    let surroundings = before.len().saturating_add(after.len());
    out.reserve(bytes.len().saturating_add(surroundings));
    out.extend_from_slice(before);
    if must_be_escaped(bytes) {
        write_escaped(out, bytes);
    } else {
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(after);
}

/// Whether one of the bytes is a control character, a quote or a backslash; eight at a time.
#[inline(always)]
fn must_be_escaped(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk() {
        // The last eight bytes overlap what precedes them, instead of a rest of their own.
        let (words, _) = bytes.as_chunks();
        return special(last).is_some() || words.iter().any(|word| special(word).is_some());
    }
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some([a, b, c, d]), Some([e, f, g, h])) => {
            special(&[*a, *b, *c, *d, *e, *f, *g, *h]).is_some()
        }
        _ => bytes
            .iter()
            .any(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\'),
    }
}

/// Where the first control character, quote or backslash of eight bytes stands.
#[inline(always)]
pub(super) fn special(bytes: &[u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    // Sets the highest bit of each byte of `word` that is less than `bound`. A borrow sets it above
    // such a byte too, which does not change the lowest one.
    const fn below(word: u64, bound: u64) -> u64 {
        word.wrapping_sub(ONES * bound) & !word & (ONES * 0x80)
    }
    let word = u64::from_le_bytes(*bytes);
    let quote = below(word ^ (ONES * 0x22), 1);
    let backslash = below(word ^ (ONES * 0x5c), 1);
    let found = below(word, 0x20) | quote | backslash;
    if found == 0 {
        return None;
    }
    usize::try_from(found.trailing_zeros() / 8).ok()
}

fn write_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
            _ => out.push(byte),
        }
    }
}

/// What the JSON string `quoted` (with its quotes) says; `None` if half a surrogate pair is escaped in it.
pub(crate) fn unescaped(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    // In a valid string, what must be escaped is the backslash of an escape.
    if must_be_escaped(inner.as_bytes()) {
        serde_json::from_str::<String>(quoted).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_surrogate_pair_says_nothing() {
        assert_eq!(unescaped(r#""\ud83c\udf21""#).as_deref(), Some("🌡"));
        assert_eq!(unescaped(r#""\ud83c""#), None);
        assert_eq!(unescaped("\""), None);
    }

    proptest! {
        #[test]
        fn the_first_special_byte_is_found(bytes: [u8; 8], text in "[\\x00-\\x7f]{8}") {
            let slow = |bytes: &[u8]| {
                bytes.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')
            };
            prop_assert_eq!(special(&bytes), slow(&bytes));
            let text = text.as_bytes();
            prop_assert_eq!(special(text.first_chunk().unwrap()), slow(text));
            prop_assert_eq!(must_be_escaped(text), slow(text).is_some());
            prop_assert_eq!(must_be_escaped(&text[..5]), slow(&text[..5]).is_some());
        }

        #[test]
        fn what_is_written_reads_back(text in any::<String>()) {
            let mut out = Vec::new();
            write_text(&mut out, &text);
            prop_assert_eq!(&serde_json::from_slice::<String>(&out).unwrap(), &text);
            let quoted = core::str::from_utf8(&out).unwrap();
            prop_assert!(unescaped(quoted).is_some_and(|read| read == text));
        }

        #[test]
        fn control_characters_and_quotes_read_back(text in "[\\x00-\\x22\\\\/é🌡]{0,20}") {
            let mut out = Vec::new();
            write_text(&mut out, &text);
            prop_assert!(!out.iter().any(|byte| *byte < 0x20));
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
