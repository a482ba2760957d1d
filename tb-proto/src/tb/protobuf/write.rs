use alloc::vec::Vec;

use super::field::MAX_FIELD_NUMBER;

/// Numbers that protobuf keeps for itself.
const RESERVED: core::ops::RangeInclusive<u32> = 19_000..=19_999;

/// Whether a field of a schema can have this number.
pub(crate) fn is_field_number(number: u32) -> bool {
    (1..=MAX_FIELD_NUMBER).contains(&number) && !RESERVED.contains(&number)
}

/// Appends an integer field; at 0, the default of proto3, nothing.
pub(super) fn integer(out: &mut Vec<u8>, number: u32, value: i64) {
    if value != 0 {
        let field = TimeField::new(number, value);
        out.extend_from_slice(field.as_bytes());
    }
}

/// Appends a string or message field; if it is empty, nothing.
pub(super) fn delimited(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    if !value.is_empty() {
        push_varint(u64::from(number << 3 | 2), |byte| out.push(byte));
        push_varint(value.len() as u64, |byte| out.push(byte));
        out.extend_from_slice(value);
    }
}

/// An `int64` field without an allocation, zero or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeField {
    bytes: [u8; Self::LONGEST],
    len: u8,
}

impl TimeField {
    /// Five bytes of tag and ten of value.
    pub(crate) const LONGEST: usize = 15;

    pub(crate) fn new(number: u32, value: i64) -> Self {
        let mut field = Self {
            bytes: [0; Self::LONGEST],
            len: 0,
        };
        push_varint(u64::from(number << 3), |byte| field.push(byte));
        push_varint(value.cast_unsigned(), |byte| field.push(byte));
        field
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        if let Some(free) = self.bytes.get_mut(usize::from(self.len)) {
            *free = byte;
            self.len += 1;
        }
    }
}

fn push_varint(mut value: u64, mut push: impl FnMut(u8)) {
    while value >= 0x80 {
        push(value as u8 | 0x80);
        value >>= 7;
    }
    push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::super::field::{Fields, Value};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_default_is_not_written() {
        let mut out = Vec::new();
        integer(&mut out, 1, 0);
        delimited(&mut out, 2, b"");
        assert!(out.is_empty());
    }

    #[test]
    fn numbers_that_no_field_has_are_known() {
        for number in [1, 15, 16, 18_999, 20_000, MAX_FIELD_NUMBER] {
            assert!(is_field_number(number), "{number}");
        }
        for number in [0, 19_000, 19_999, MAX_FIELD_NUMBER + 1, u32::MAX] {
            assert!(!is_field_number(number), "{number}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number in 1..=MAX_FIELD_NUMBER, value: i64, text in ".+") {
            let mut out = TimeField::new(number, value).as_bytes().to_vec();
            delimited(&mut out, number, text.as_bytes());
            let mut fields = Fields::of(&out);
            prop_assert_eq!(fields.next(), Ok(Some((number, Value::Varint(value.cast_unsigned())))));
            prop_assert_eq!(fields.next(), Ok(Some((number, Value::Delimited(text.as_bytes())))));
            prop_assert_eq!(fields.next(), Ok(None));
        }
    }
}
