use crate::tb::UnexpectedPayload;

/// The largest number a field can have.
pub(crate) const MAX_FIELD_NUMBER: u32 = (1 << 29) - 1;

/// Bytes that are no protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl From<Malformed> for UnexpectedPayload {
    fn from(_: Malformed) -> Self {
        Self::new("the payload is no protobuf message of its kind")
    }
}

/// The value of a field, told apart by wire type alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Delimited(&'a [u8]),
}

impl<'a> Value<'a> {
    /// A string field; `None` if the field is of another wire type, and so unknown.
    pub(super) fn text(self) -> Result<Option<&'a str>, Malformed> {
        match self {
            Self::Delimited(bytes) => core::str::from_utf8(bytes).map(Some).map_err(|_| Malformed),
            _ => Ok(None),
        }
    }

    /// An integer, boolean or enum field; `None` if the field is of another wire type.
    pub(super) const fn integer(self) -> Option<i64> {
        match self {
            Self::Varint(value) => Some(value.cast_signed()),
            _ => None,
        }
    }
}

/// The fields of a message, in the order in which they stand.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) const fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// The next field: its number and value.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
        let number = tag >> 3;
        if number == 0 {
            return Err(Malformed);
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
                self.0 = rest;
                Value::Delimited(bytes)
            }
            5 => Value::Fixed32(self.fixed()?),
            _ => return Err(Malformed),
        };
        Ok(Some((number, value)))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        // Ten times seven bits: what is beyond the 64th is dropped, as other readers do.
        for shift in (0..70).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn all(message: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Malformed> {
        let mut fields = Fields::of(message);
        let mut all = Vec::new();
        while let Some(field) = fields.next()? {
            all.push(field);
        }
        Ok(all)
    }

    #[test]
    fn every_wire_type_of_proto3_is_read() {
        let message = [
            0x08, 0x96, 0x01, // 1: 150
            0x11, 1, 2, 3, 4, 5, 6, 7, 8, // 2: eight bytes
            0x1A, 2, b'h', b'i', // 3: text
            0x25, 9, 8, 7, 6, // 4: four bytes
        ];
        assert_eq!(
            all(&message),
            Ok(alloc::vec![
                (1, Value::Varint(150)),
                (2, Value::Fixed64([1, 2, 3, 4, 5, 6, 7, 8])),
                (3, Value::Delimited(b"hi")),
                (4, Value::Fixed32([9, 8, 7, 6])),
            ])
        );
    }

    #[test]
    fn the_empty_message_has_no_fields() {
        assert_eq!(all(b""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_cut_off_or_impossible_is_malformed() {
        for message in [
            &[0x08][..],                        // no value
            &[0x08, 0x80],                      // a varint that goes on
            &[0x11, 0, 0],                      // not eight bytes
            &[0x25, 0],                         // not four bytes
            &[0x1A, 3, b'h'],                   // shorter than it says
            &[0x00, 0],                         // field 0
            &[0x0B, 0x0C],                      // a group
            &[0x0E, 0],                         // wire type 6
            &[0x80, 0x80, 0x80, 0x80, 0x10, 0], // a tag beyond 32 bits
            &[
                0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00,
            ], // eleven bytes
            // A length beyond all memory.
            &[
                0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01,
            ],
        ] {
            assert_eq!(all(message), Err(Malformed), "{message:?}");
        }
    }

    #[test]
    fn a_json_object_is_never_a_message() {
        // `{` is the start of a group: so payloads say themselves which of the two they are.
        assert_eq!(all(b"{\"a\":1}"), Err(Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = all(&bytes);
        }
    }
}
