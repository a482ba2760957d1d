//! Cutting a byte stream into MQTT packets.

/// Bytes of a connection that have not been cut into packets yet.
#[derive(Clone, Debug, Default)]
pub(super) struct FrameBuffer {
    bytes: Vec<u8>,
    start: usize,
}

/// One packet: its first byte and what follows the fixed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) first: u8,
    pub(super) body: &'a [u8],
}

/// The stream cannot be cut into packets any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadFrame;

impl FrameBuffer {
    pub(super) fn extend(&mut self, data: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(data);
    }

    /// The next complete packet, or `None` until more bytes have come.
    ///
    /// The length is judged as soon as it is known: the server does not wait for the body of a packet
    /// that it will not take (C-034).
    pub(super) fn next(&mut self, longest: usize) -> Result<Option<Frame<'_>>, BadFrame> {
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        let Some((&first, after)) = rest.split_first() else {
            return Ok(None);
        };
        let Some((length, header)) = remaining_length(after)? else {
            return Ok(None);
        };
        if length > longest {
            return Err(BadFrame);
        }
        let from = self.start + 1 + header;
        let Some(body) = self.bytes.get(from..from + length) else {
            return Ok(None);
        };
        self.start = from + length;
        Ok(Some(Frame { first, body }))
    }
}

/// The remaining length and the number of its bytes; five bytes are malformed [MQTT-1.5.5-1].
fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, BadFrame> {
    let mut length = 0;
    for (position, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * position);
        if byte & 0x80 == 0 {
            return Ok(Some((length, position + 1)));
        }
    }
    if bytes.len() < 4 {
        Ok(None)
    } else {
        Err(BadFrame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_comes_out_when_its_last_byte_came_in() {
        let mut buffer = FrameBuffer::default();
        for byte in [0x30, 0x02, 0x61] {
            buffer.extend(&[byte]);
            assert_eq!(buffer.next(100), Ok(None));
        }
        buffer.extend(&[0x62, 0xC0, 0x00]);
        assert_eq!(
            buffer.next(100),
            Ok(Some(Frame {
                first: 0x30,
                body: b"ab"
            }))
        );
        assert_eq!(
            buffer.next(100),
            Ok(Some(Frame {
                first: 0xC0,
                body: b""
            }))
        );
        assert_eq!(buffer.next(100), Ok(None));
    }

    #[test]
    fn a_packet_that_is_too_long_is_refused_by_its_header_alone() {
        let mut buffer = FrameBuffer::default();
        buffer.extend(&[0x30, 0x88, 0x27]);
        assert_eq!(buffer.next(1_000), Err(BadFrame));
    }

    #[test]
    fn a_remaining_length_of_five_bytes_is_refused() {
        let mut buffer = FrameBuffer::default();
        buffer.extend(&[0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]);
        assert_eq!(buffer.next(usize::MAX), Err(BadFrame));
    }
}
