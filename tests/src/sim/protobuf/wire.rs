//! Fields by number and wire type.

use super::NotProtobuf;

/// What a field carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Delimited(&'a [u8]),
    Fixed32([u8; 4]),
    /// A group: obsolete, and of a field that no schema here knows.
    Group,
}

impl<'a> Content<'a> {
    pub(super) const fn delimited(self) -> Option<&'a [u8]> {
        match self {
            Self::Delimited(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) const fn varint(self) -> Option<u64> {
        match self {
            Self::Varint(value) => Some(value),
            _ => None,
        }
    }
}

/// Groups within groups that are still read.
const DEEPEST_GROUP: usize = 100;

/// All fields of a message in the order of the wire.
pub(super) fn fields(mut bytes: &[u8]) -> Result<Vec<(u32, Content<'_>)>, NotProtobuf> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (number, wire_type) = tag(&mut bytes)?;
        fields.push((number, content(&mut bytes, number, wire_type, 0)?));
    }
    Ok(fields)
}

fn tag(bytes: &mut &[u8]) -> Result<(u32, u8), NotProtobuf> {
    let tag = varint(bytes)? as u32;
    let number = tag >> 3;
    if number == 0 {
        return Err(NotProtobuf);
    }
    Ok((number, (tag & 7) as u8))
}

fn content<'a>(
    bytes: &mut &'a [u8],
    number: u32,
    wire_type: u8,
    depth: usize,
) -> Result<Content<'a>, NotProtobuf> {
    Ok(match wire_type {
        0 => Content::Varint(varint(bytes)?),
        1 => Content::Fixed64(fixed(bytes)?),
        2 => {
            let length = usize::try_from(varint(bytes)?).map_err(|_| NotProtobuf)?;
            let (field, rest) = bytes.split_at_checked(length).ok_or(NotProtobuf)?;
            *bytes = rest;
            Content::Delimited(field)
        }
        3 if depth < DEEPEST_GROUP => {
            loop {
                let (inner, wire_type) = tag(bytes)?;
                if wire_type == 4 {
                    if inner != number {
                        return Err(NotProtobuf);
                    }
                    break;
                }
                content(bytes, inner, wire_type, depth + 1)?;
            }
            Content::Group
        }
        5 => Content::Fixed32(fixed(bytes)?),
        _ => return Err(NotProtobuf),
    })
}

fn fixed<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], NotProtobuf> {
    let (fixed, rest) = bytes.split_first_chunk().ok_or(NotProtobuf)?;
    *bytes = rest;
    Ok(*fixed)
}

pub(super) fn varint(bytes: &mut &[u8]) -> Result<u64, NotProtobuf> {
    let mut value = 0_u64;
    for position in 0..10 {
        let (&byte, rest) = bytes.split_first().ok_or(NotProtobuf)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << (7 * position);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(NotProtobuf)
}

/// Text has to be UTF-8.
pub(super) fn text(content: Content<'_>) -> Result<String, NotProtobuf> {
    let bytes = content.delimited().ok_or(NotProtobuf)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| NotProtobuf)
}

/// Fields at their default are not written.
pub(super) fn number_field(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        write_tag(out, field, 0);
        write_varint(out, value);
    }
}

pub(super) fn bytes_field(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        present_bytes_field(out, field, value);
    }
}

/// Written even if it is empty: an element of a list, or a message.
pub(super) fn present_bytes_field(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    write_tag(out, field, 2);
    write_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

pub(super) fn write_tag(out: &mut Vec<u8>, field: u32, wire_type: u8) {
    write_varint(out, u64::from(field) << 3 | u64::from(wire_type));
}

pub(super) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_the_order_of_the_wire() {
        assert_eq!(
            fields(&[0x10, 0x96, 1, 0x0A, 1, b'x', 0x10, 7]),
            Ok(vec![
                (2, Content::Varint(150)),
                (1, Content::Delimited(b"x")),
                (2, Content::Varint(7)),
            ])
        );
    }

    #[test]
    fn a_group_ends_with_its_own_number() {
        assert_eq!(
            fields(&[0x0B, 0x10, 7, 0x0C]),
            Ok(vec![(1, Content::Group)])
        );
        for broken in [&[0x0B, 0x10, 7][..], &[0x0B, 0x14], &[0x0C]] {
            assert_eq!(fields(broken), Err(NotProtobuf));
        }
    }

    #[test]
    fn what_ends_too_early_or_has_no_number_is_no_message() {
        for broken in [
            &[0x08][..],
            &[0x0A, 2, b'x'],
            &[0x09, 0, 0],
            &[0x0D, 0],
            &[0x00, 0],
            &[0xFF; 11],
        ] {
            assert_eq!(fields(broken), Err(NotProtobuf), "{broken:?}");
        }
    }
}
