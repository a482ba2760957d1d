//! JSON strings, both ways.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// Appends `text` as a JSON string.
#[inline]
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len().saturating_add(4));
    out.push(b'"');
    if bytes.iter().any(|&byte| must_be_escaped(byte)) {
        write_escaped(out, bytes);
    } else {
        out.extend_from_slice(bytes);
    }
    out.push(b'"');
}

#[inline]
fn must_be_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
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
    if inner.contains('\\') {
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
