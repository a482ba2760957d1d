//! The properties of MQTT 5: checked before anybody reads them.

use super::Malformed;
use super::frame::variable_byte_integer;
use super::topic;

/// Splits the property length and the properties off the start of `bytes`: the properties and what
/// follows them.
pub(super) fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let Some((len, len_len)) = variable_byte_integer(bytes)? else {
        return Err(Malformed::CutShort);
    };
    let rest = bytes.get(len_len..).ok_or(Malformed::CutShort)?;
    rest.split_at_checked(len).ok_or(Malformed::CutShort)
}

/// Which properties a packet can carry.
#[derive(Clone, Copy)]
pub(super) struct Allowed(u64);

impl Allowed {
    pub(super) const CONNACK: Self = Self::these(&[
        0x11, 0x12, 0x13, 0x15, 0x16, 0x1A, 0x1C, 0x1F, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28,
        0x29, 0x2A,
    ]);
    pub(super) const PUBLISH: Self =
        Self::these(&[0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23, USER_PROPERTY]);
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK.
    pub(super) const ACKNOWLEDGEMENT: Self = Self::these(&[0x1F, USER_PROPERTY]);
    /// Without Session Expiry Interval, which a server must not send \[MQTT-3.14.2-2\].
    pub(super) const DISCONNECT: Self = Self::these(&[0x1C, 0x1F, USER_PROPERTY]);
    pub(super) const AUTH: Self = Self::these(&[0x15, 0x16, 0x1F, USER_PROPERTY]);

    const fn these(ids: &[u8]) -> Self {
        let mut set = 0;
        let mut i = 0;
        while i < ids.len() {
            set |= 1 << ids[i];
            i += 1;
        }
        Self(set)
    }

    /// Checks that `block` is nothing but properties of this packet, each complete, in range, and
    /// there once. Counts the user properties, of which there may be many.
    pub(super) fn check(self, block: &[u8]) -> Result<usize, Malformed> {
        let mut rest = Fields(block);
        let mut seen = 0u64;
        let mut user_properties = 0;
        while !rest.0.is_empty() {
            let id = rest.byte()?;
            let bit = 1u64.checked_shl(id.into()).unwrap_or(0);
            if self.0 & bit == 0 {
                return Err(Malformed::Property(id));
            }
            match id {
                USER_PROPERTY => user_properties += 1,
                // The one other property that can be repeated, and in PUBLISH only.
                SUBSCRIPTION_IDENTIFIER => {}
                _ if seen & bit != 0 => return Err(Malformed::RepeatedProperty(id)),
                _ => {}
            }
            seen |= bit;
            rest.value_of(id)?;
        }
        Ok(user_properties)
    }
}

const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
const TOPIC_ALIAS: u8 = 0x23;
const USER_PROPERTY: u8 = 0x26;

/// What is left of a property block.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn value_of(&mut self, id: u8) -> Result<(), Malformed> {
        let in_range = match id {
            // Payload Format Indicator, Request/…Available flags, Maximum QoS.
            0x01 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => self.byte()? <= 1,
            // Message Expiry Interval, Session Expiry Interval.
            0x02 | 0x11 => {
                self.take(4)?;
                true
            }
            // Content Type, Assigned Client Identifier, Authentication Method, Response
            // Information, Server Reference, Reason String.
            0x03 | 0x12 | 0x15 | 0x1A | 0x1C | 0x1F => {
                self.text()?;
                true
            }
            // Response Topic.
            0x08 => topic::check(self.text()?).is_ok(),
            // Correlation Data, Authentication Data.
            0x09 | 0x16 => {
                self.binary()?;
                true
            }
            SUBSCRIPTION_IDENTIFIER => self.integer()? != 0,
            // Server Keep Alive, Topic Alias Maximum.
            0x13 | 0x22 => {
                self.take(2)?;
                true
            }
            // Receive Maximum.
            0x21 => self.take(2)? != [0; 2],
            TOPIC_ALIAS => {
                self.take(2)?;
                return Err(Malformed::TopicAlias);
            }
            USER_PROPERTY => {
                self.text()?;
                self.text()?;
                true
            }
            // Maximum Packet Size.
            0x27 => self.take(4)? != [0; 4],
            _ => return Err(Malformed::Property(id)),
        };
        if in_range {
            Ok(())
        } else {
            Err(Malformed::PropertyValue(id))
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(Malformed::CutShort)?;
        self.0 = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.0.split_first().ok_or(Malformed::CutShort)?;
        self.0 = rest;
        Ok(byte)
    }

    fn integer(&mut self) -> Result<usize, Malformed> {
        let (value, len) = variable_byte_integer(self.0)?.ok_or(Malformed::CutShort)?;
        self.take(len)?;
        Ok(value)
    }

    fn binary(&mut self) -> Result<&'a [u8], Malformed> {
        let (value, rest) = field(self.0)?;
        self.0 = rest;
        Ok(value)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        text(self.binary()?)
    }
}

/// Splits a field that states its length in two bytes off the start of `bytes`.
pub(super) fn field(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (len, rest) = bytes.split_first_chunk::<2>().ok_or(Malformed::CutShort)?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
        .ok_or(Malformed::CutShort)
}

/// A UTF-8 string of MQTT.
fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    let text = core::str::from_utf8(bytes).map_err(|_| Malformed::Text)?;
    if bytes.contains(&0) {
        return Err(Malformed::Text);
    }
    Ok(text)
}
