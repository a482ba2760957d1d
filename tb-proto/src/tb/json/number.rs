//! Numbers as the server stores them (TB §2.3).
//!
//! Its rule goes by the text: digits with a point and no exponent, at most 16 of them behind the
//! point, are a DOUBLE, however long the part before the point is; an integral number without a
//! point is a LONG if it fits, everything else becomes a STRING.

use alloc::string::String;
use alloc::vec::Vec;

use super::decimal::{DECIMALS, Decimal};

/// A number of so many characters without exponent is less than the largest double.
const SURELY_FINITE: usize = 300;

/// A float that can be written: `f32` is printed with the digits of an `f32`.
pub(crate) trait Float: Copy + zmij::Float {
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
/// The double is the very same unless `value` needs more than 16 decimals: then it is rounded to 16
/// decimals.
#[inline]
pub(crate) fn write_stored(out: &mut Vec<u8>, value: impl Float) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    // "0." and 16 digits; longer texts are looked at more closely.
    if text.len() <= DECIMALS + 2 && !has_exponent(text) {
        out.extend_from_slice(text);
    } else {
        write_unusual(out, text);
    }
}

/// Whether the shortest text of a float ends with an exponent, from `e9` to `e-308`.
#[inline]
fn has_exponent(text: &[u8]) -> bool {
    matches!(
        text,
        [.., b'e', _] | [.., b'e', _, _] | [.., b'e', _, _, _] | [.., b'e', _, _, _, _]
    )
}

#[cold]
fn write_unusual(out: &mut Vec<u8>, text: &[u8]) {
    if has_exponent(text) || !write_cut(out, text) {
        let mut decimal = Decimal::read(text);
        decimal.round();
        decimal.write(out);
    }
}

/// Appends a number without exponent, rounded half up to 16 decimals; about half of all doubles
/// below 1 need this. It appends nothing and returns false if the part before the point changes.
fn write_cut(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let whole = text.len().saturating_sub(decimals(text));
    let kept = text.len().min(whole.saturating_add(DECIMALS));
    let (kept, cut) = text.split_at(kept);
    let start = out.len();
    out.extend_from_slice(kept);
    let Some(next) = cut.first() else {
        return true;
    };
    let written = out.get_mut(start..).unwrap_or_default();
    if *next >= b'5' && !increment(written) {
        out.truncate(start);
        return false;
    }
    let first_decimal = start.saturating_add(whole).saturating_add(1);
    while out.len() > first_decimal && out.last() == Some(&b'0') {
        out.pop();
    }
    true
}

/// Adds one to the last decimal; false if that would change what is before the point.
fn increment(text: &mut [u8]) -> bool {
    for digit in text.iter_mut().rev() {
        match digit {
            b'.' => return false,
            b'9' => *digit = b'0',
            _ => {
                *digit = digit.saturating_add(1);
                return true;
            }
        }
    }
    false
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
    let plain = !exponent && decimals(text.as_bytes()) <= DECIMALS;
    if plain && text.len() <= SURELY_FINITE {
        return Written::Well;
    }
    let Some(value) = text.parse::<f64>().ok().filter(|value| value.is_finite()) else {
        return Written::FloatOutOfRange;
    };
    if plain {
        return Written::Well;
    }
    let mut better = Vec::new();
    write_stored(&mut better, value);
    Written::Better(String::from_utf8(better).unwrap_or_default())
}

#[cfg(test)]
mod tests;
