use crate::network::{Arrival, PathId};

/// A server that does nothing by itself: a test reads its packets and writes its bytes.
#[derive(Debug, Default)]
pub struct Scripted {
    /// The connection that was opened last.
    newest: Option<Line>,
    opened: usize,
}

#[derive(Debug)]
struct Line {
    path: PathId,
    received: Vec<u8>,
    ended: bool,
}

/// A packet that a scripted server received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Type and flags.
    pub first: u8,
    /// All that follows the remaining length.
    pub body: Vec<u8>,
}

impl Packet {
    /// The packet type: 1 is CONNECT, 3 PUBLISH, 8 SUBSCRIBE, 12 PINGREQ, 14 DISCONNECT.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// The protocol level of a CONNECT: 4 is MQTT 3.1.1.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.body.get(6).copied().unwrap_or_default()
    }

    /// The packet identifier of a PUBLISH at QoS 1, a SUBSCRIBE or an UNSUBSCRIBE.
    #[must_use]
    pub fn identifier(&self) -> u16 {
        let at = if self.kind() == 3 {
            2 + self.topic_length()
        } else {
            0
        };
        match self.body.get(at..at + 2) {
            Some(&[high, low]) => u16::from_be_bytes([high, low]),
            _ => 0,
        }
    }

    /// The topic of a PUBLISH.
    #[must_use]
    pub fn topic(&self) -> String {
        let topic = self
            .body
            .get(2..2 + self.topic_length())
            .unwrap_or_default();
        String::from_utf8_lossy(topic).into_owned()
    }

    /// Whether the payload of a PUBLISH ends like this.
    #[must_use]
    pub fn ends_with(&self, text: &str) -> bool {
        self.body.ends_with(text.as_bytes())
    }

    fn topic_length(&self) -> usize {
        match self.body.first_chunk::<2>() {
            Some(&length) => usize::from(u16::from_be_bytes(length)),
            None => 0,
        }
    }
}

impl Scripted {
    pub(super) fn arrive(&mut self, path: PathId, what: &Arrival) {
        if *what == Arrival::Opened {
            self.opened += 1;
            self.newest = Some(Line {
                path,
                received: Vec::new(),
                ended: false,
            });
        }
        let Some(line) = self.newest.as_mut().filter(|line| line.path == path) else {
            return;
        };
        match what {
            Arrival::Bytes(bytes) => line.received.extend_from_slice(bytes),
            Arrival::Closed | Arrival::Reset => line.ended = true,
            Arrival::Opened | Arrival::Refused => {}
        }
    }

    /// The connection that was opened last.
    pub(super) fn path(&self) -> Option<PathId> {
        self.newest.as_ref().map(|line| line.path)
    }

    /// Connections so far.
    #[must_use]
    pub const fn opened(&self) -> usize {
        self.opened
    }

    /// Whether the device has ended the connection that was opened last.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.newest.as_ref().is_none_or(|line| line.ended)
    }

    /// The next packet, if all of it has come.
    pub(super) fn next_packet(&mut self) -> Option<Packet> {
        let received = &mut self.newest.as_mut()?.received;
        let mut length = 0_usize;
        for (index, &byte) in received.get(1..)?.iter().take(4).enumerate() {
            length |= usize::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                let body = 2 + index;
                if received.len() < body + length {
                    return None;
                }
                let rest = received.split_off(body + length);
                let whole = core::mem::replace(received, rest);
                return Some(Packet {
                    first: whole[0],
                    body: whole[body..].to_vec(),
                });
            }
        }
        None
    }
}
