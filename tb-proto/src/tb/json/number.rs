//! Numbers as the server stores them (TB §2.3).
//!
//! Its rule goes by the text: digits with a point and no exponent, at most 16 of them behind the
//! point, are a DOUBLE, however long the part before the point is; an integral number without a
//! point is a LONG if it fits, everything else becomes a STRING.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Most digits behind the point of a number that is stored as DOUBLE.
const DECIMALS: usize = 16;

/// A float that can be written: `f32` is printed with the digits of an `f32`.
pub(crate) trait Float: Copy + core::fmt::Display + zmij::Float {
    fn is_finite(self) -> bool;
}

impl Float for f64 {
    #[inline]
    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

impl Float for f32 {
    #[inline]
    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

/// Appends an integer.
#[inline]
pub(crate) fn write_integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends the finite `value` with the fewest digits that read back as `value`.
pub(crate) fn write_shortest(out: &mut Vec<u8>, value: impl Float) {
    out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
}

/// Appends the finite `value` so that the server stores a DOUBLE.
///
/// The double is the very same unless `value` needs more than 16 decimals: then the text is the
/// nearest that 16 decimals can say, at most 5·10⁻¹⁷ away.
#[inline]
pub(crate) fn write_stored(out: &mut Vec<u8>, value: impl Float) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    // "0." and 16 digits. An exponent stands within the last five bytes ("e-308").
    let tail = text.get(text.len().saturating_sub(5)..).unwrap_or_default();
    if text.len() <= DECIMALS + 2 && !tail.contains(&b'e') {
        out.extend_from_slice(text);
    } else {
        write_unusual(out, text, value);
    }
}

#[cold]
fn write_unusual(out: &mut Vec<u8>, text: &[u8], value: impl Float) {
    if !text.contains(&b'e') && decimals(text) <= DECIMALS {
        out.extend_from_slice(text);
    } else {
        out.extend_from_slice(plain(value).as_bytes());
    }
}

/// `value` in digits with a point, at most 16 of them behind it.
fn plain(value: impl Float) -> String {
    let mut text = format!("{value}");
    if decimals(text.as_bytes()) > DECIMALS {
        text = format!("{value:.DECIMALS$}");
        text.truncate(text.trim_end_matches('0').len());
    }
    if !text.contains('.') {
        text.push('.');
    }
    if text.ends_with('.') {
        text.push('0');
    }
    text
}

/// How many digits stand behind the point of a number without exponent.
fn decimals(text: &[u8]) -> usize {
    let behind = text.iter().rev().position(|&byte| byte == b'.');
    behind.unwrap_or(0)
}

/// What becomes of a number in a JSON text that somebody else wrote.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is stored as it is meant: integers as LONG, all others as DOUBLE.
    Well,
    /// It was meant as a float, but has an exponent or too many decimals: this text says it better.
    Better(String),
    /// An integer beyond `i64`.
    IntegerOutOfRange,
    /// Beyond every `f64`.
    FloatOutOfRange,
}

/// Judges a number that the scanner found.
pub(crate) fn judge(text: &str) -> Written {
    let exponent = text.bytes().any(|byte| matches!(byte, b'e' | b'E'));
    if !exponent && !text.contains('.') {
        return match text.parse::<i64>() {
            Ok(_) => Written::Well,
            Err(_) => Written::IntegerOutOfRange,
        };
    }
    let Some(value) = text.parse::<f64>().ok().filter(|value| value.is_finite()) else {
        return Written::FloatOutOfRange;
    };
    if !exponent && decimals(text.as_bytes()) <= DECIMALS {
        return Written::Well;
    }
    Written::Better(plain(value))
}

#[cfg(test)]
mod tests;
