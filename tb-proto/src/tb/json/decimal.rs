//! A decimal number between two ways of writing it.

use alloc::vec::Vec;

/// Most digits behind the point of a number that is stored as DOUBLE.
pub(super) const DECIMALS: usize = 16;

/// Room for the digits of the shortest text of any float: at most 17, and a carry.
const DIGITS: usize = 24;

/// `0.d₁d₂d₃… · 10^point`, without zeros at the end.
pub(super) struct Decimal {
    negative: bool,
    /// Values from 0 to 9.
    digits: [u8; DIGITS],
    len: usize,
    point: i32,
}

impl Decimal {
    /// Reads the shortest text of a finite float, with or without an exponent.
    pub(super) fn read(text: &[u8]) -> Self {
        let mut decimal = Self {
            negative: false,
            digits: [0; DIGITS],
            len: 0,
            point: 0,
        };
        let mut parts = text.splitn(2, |byte| *byte == b'e');
        let mut behind = false;
        for byte in parts.next().unwrap_or_default() {
            match byte {
                b'-' => decimal.negative = true,
                b'.' => behind = true,
                _ => decimal.push(byte & 0x0f, behind),
            }
        }
        decimal.point = decimal
            .point
            .saturating_add(parts.next().map_or(0, exponent));
        decimal.trim();
        decimal
    }

    fn push(&mut self, digit: u8, behind: bool) {
        if self.len == 0 && digit == 0 {
            // Leading zeros only move the point.
            self.point = self.point.saturating_sub(i32::from(behind));
            return;
        }
        if let Some(slot) = self.digits.get_mut(self.len) {
            *slot = digit;
            self.len = self.len.saturating_add(1);
        }
        self.point = self.point.saturating_add(i32::from(!behind));
    }

    /// Rounds half up to as many digits behind the point as the server takes.
    pub(super) fn round(&mut self) {
        let most = i32::try_from(DECIMALS).unwrap_or(i32::MAX);
        let keep = self.point.saturating_add(most);
        let Ok(keep) = usize::try_from(keep) else {
            self.len = 0;
            return;
        };
        if self.len <= keep {
            return;
        }
        let up = self.digits.get(keep).is_some_and(|digit| *digit >= 5);
        self.len = keep;
        if up {
            self.increment();
        }
        self.trim();
    }

    fn increment(&mut self) {
        let kept = self.digits.get_mut(..self.len).unwrap_or_default();
        for digit in kept.iter_mut().rev() {
            if *digit < 9 {
                *digit = digit.saturating_add(1);
                return;
            }
            *digit = 0;
        }
        // Nines all the way (or nothing at all): the number is now the next power of ten.
        self.digits = [0; DIGITS];
        self.digits[0] = 1;
        self.len = 1;
        self.point = self.point.saturating_add(1);
    }

    fn trim(&mut self) {
        let digits = self.digits.get(..self.len).unwrap_or_default();
        self.len = digits
            .iter()
            .rposition(|digit| *digit != 0)
            .map_or(0, |last| last.saturating_add(1));
    }

    /// Appends the number with a point, at least one digit on both sides, and no exponent.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut digits = self.digits.iter().take(self.len).map(|digit| b'0' | digit);
        if self.negative {
            out.push(b'-');
        }
        let whole = if self.len == 0 { 0 } else { self.point };
        if whole <= 0 {
            out.push(b'0');
        }
        for _ in 0..whole {
            out.push(digits.next().unwrap_or(b'0'));
        }
        out.push(b'.');
        if digits.len() == 0 {
            out.push(b'0');
            return;
        }
        out.extend((whole..0).map(|_| b'0'));
        out.extend(digits);
    }
}

/// The number behind an `e`: an optional sign and digits.
fn exponent(text: &[u8]) -> i32 {
    let text = core::str::from_utf8(text).unwrap_or_default();
    text.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn written(text: &str, round: bool) -> String {
        let mut decimal = Decimal::read(text.as_bytes());
        if round {
            decimal.round();
        }
        let mut out = Vec::new();
        decimal.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_way_of_writing_becomes_digits_with_a_point() {
        for (text, expected) in [
            ("0.0", "0.0"),
            ("-0.0", "-0.0"),
            ("7.0", "7.0"),
            ("1.5", "1.5"),
            ("100.25", "100.25"),
            ("1e16", "10000000000000000.0"),
            ("-1.25e+20", "-125000000000000000000.0"),
            ("1e-7", "0.0000001"),
            ("1.75e-3", "0.00175"),
            ("0.00012", "0.00012"),
            ("12.5e1", "125.0"),
        ] {
            assert_eq!(written(text, false), expected, "{text}");
        }
    }

    #[test]
    fn rounding_carries_as_far_as_it_must() {
        for (text, expected) in [
            ("0.30000000000000004", "0.3"),
            ("0.12345678901234565", "0.1234567890123457"),
            ("0.12345678901234564", "0.1234567890123456"),
            ("0.09999999999999999", "0.1"),
            ("0.99999999999999995", "1.0"),
            ("9.99999999999999995", "10.0"),
            ("5e-17", "0.0000000000000001"),
            ("4.9e-17", "0.0"),
            ("9e-18", "0.0"),
            ("-1.2345678901234567e-5", "-0.0000123456789012"),
            ("1.0000000000000002", "1.0000000000000002"),
        ] {
            assert_eq!(written(text, true), expected, "{text}");
        }
    }
}
