use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::Serialize;

use crate::codec::QoS;
use crate::tb::json::check::{self, Edits};
use crate::tb::json::scan::{BadJson, Kind, Scanner};
use crate::tb::json::serializer::{self, Written};
use crate::tb::json::unescaped;
use crate::tb::{Encoding, InvalidPayload, MessageOptions, PayloadFormat, Priority};

/// Client attributes to be sent.
///
/// The value serialises to an object of keys when this is built, under the same rules as
/// [`Telemetry`](crate::Telemetry); what is wrong with it is reported when it is sent. Attributes
/// have no time: messages that wait are merged, the later value of a key wins.
///
/// ```
/// # use tb_proto::Attributes;
/// let attributes = Attributes::json(r#"{"serial":"A-17","fw":3}"#);
/// ```
#[derive(Clone, PartialEq)]
pub struct Attributes {
    body: Result<AttributeBody, InvalidPayload>,
    options: MessageOptions,
}

/// A checked object of attributes, or a message of the profile's schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttributeBody {
    pub(crate) text: Vec<u8>,
    pub(crate) encoding: Encoding,
    /// How many values the server stores: what its limits count.
    pub(crate) data_points: u32,
}

impl Attributes {
    /// The attributes `values`: anything that serialises to an object of keys.
    pub fn new<T: Serialize + ?Sized>(values: &T) -> Self {
        Self::from_body(serializer::write(values).and_then(AttributeBody::from_written))
    }

    /// Attributes as JSON text: one object of keys, strict JSON, nested at most 128 levels deep.
    pub fn json(text: impl Into<Vec<u8>>) -> Self {
        Self::from_body(AttributeBody::from_text(text.into()))
    }

    /// Attributes as the bytes of a message of the profile's attributes schema, for a connection that
    /// speaks protobuf ([`PayloadFormat`]). They are sent as they are, each message by itself: they are
    /// not merged while they wait.
    ///
    /// The server stores fields without a value as 0, `""` or false unless the schema declares them
    /// `optional`, and writes their names in lowerCamelCase: `tank_level` becomes `tankLevel`
    /// (TB §11.4).
    ///
    /// [`PayloadFormat`]: crate::PayloadFormat
    pub fn protobuf(message: impl Into<Vec<u8>>) -> Self {
        Self::from_body(Ok(AttributeBody {
            text: message.into(),
            encoding: Encoding::Protobuf,
            data_points: 1,
        }))
    }

    /// As [`protobuf`](Self::protobuf), from a message of the `prost` crate.
    #[cfg(feature = "prost")]
    pub fn message(message: &impl prost::Message) -> Self {
        Self::protobuf(message.encode_to_vec())
    }

    /// How many values a protobuf message has: what the server's limits on data points count. Default 1.
    /// Of JSON they are counted, and this changes nothing.
    pub fn counted_as(mut self, data_points: u32) -> Self {
        if let Ok(body) = &mut self.body
            && body.encoding == Encoding::Protobuf
        {
            body.data_points = data_points;
        }
        self
    }

    /// Sends with this quality of service instead of the configured one.
    pub fn qos(mut self, qos: QoS) -> Self {
        self.options.qos = Some(qos);
        self
    }

    /// Gives the message up if it was not acknowledged so long after it was accepted.
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.options.expires_in = Some(time);
        self
    }

    /// Sends in this lane of the queue.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.options.priority = priority;
        self
    }

    /// Whether it can be sent; if so, [`into_parts`](Self::into_parts) succeeds.
    pub(crate) fn check(&self, format: PayloadFormat) -> Result<(), InvalidPayload> {
        let body = self.body.as_ref().map_err(Clone::clone)?;
        body.encoding.check(format)
    }

    /// What [`into_parts`](Self::into_parts) took apart.
    pub(crate) fn from_parts(body: AttributeBody, options: MessageOptions) -> Self {
        Self {
            options,
            ..Self::from_body(Ok(body))
        }
    }

    pub(crate) fn into_parts(self) -> Result<(AttributeBody, MessageOptions), InvalidPayload> {
        Ok((self.body?, self.options))
    }

    fn from_body(body: Result<AttributeBody, InvalidPayload>) -> Self {
        Self {
            body,
            options: MessageOptions::default(),
        }
    }
}

impl AttributeBody {
    fn from_written(written: Written) -> Result<Self, InvalidPayload> {
        let Written { text, form } = written;
        if form.sequence {
            return Err(InvalidPayload::NotAnObject);
        }
        if form.members == 0 {
            return Err(InvalidPayload::Empty);
        }
        Ok(Self {
            text,
            encoding: Encoding::Json,
            data_points: form.data_points,
        })
    }

    fn from_text(text: Vec<u8>) -> Result<Self, InvalidPayload> {
        let text = String::from_utf8(text).map_err(|error| InvalidPayload::Syntax {
            offset: error.utf8_error().valid_up_to(),
        })?;
        if text.trim_ascii().is_empty() {
            return Err(InvalidPayload::Empty);
        }
        let mut scanner = Scanner::new(&text);
        // There is no array form (C-068).
        if scanner.peek()? != Kind::Object {
            return Err(InvalidPayload::NotAnObject);
        }
        let mut edits = Edits::default();
        let object = check::object(&mut scanner, &mut edits)?;
        scanner.end()?;
        if let Some(refusal) = object.refusal {
            return Err(refusal);
        }
        if object.members == 0 {
            return Err(InvalidPayload::Empty);
        }
        Ok(Self {
            text: edits.apply(text.into_bytes()),
            encoding: Encoding::Json,
            data_points: object.data_points,
        })
    }
}

/// So that attributes can be passed as they are.
impl<T: Serialize + ?Sized> From<&T> for Attributes {
    fn from(values: &T) -> Self {
        Self::new(values)
    }
}

/// Tells the size, not the values: they belong into no log.
impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attributes")
            .field("bytes", &self.body.as_ref().map(|body| body.text.len()))
            .field("options", &self.options)
            .finish()
    }
}

/// One object out of several: per key the last value, byte for byte, where the key came first.
///
/// What is no JSON object adds the members in front of its mistake; bodies that were checked have
/// none.
pub(crate) fn merge(parts: &[&[u8]]) -> AttributeBody {
    let mut merged = Merged::default();
    for part in parts {
        let text = core::str::from_utf8(part).unwrap_or_default();
        let _ = merged.add(text);
    }
    merged.into_body()
}

#[derive(Default)]
struct Merged<'a> {
    /// Key with its quotes, value, whether the value is null; in the order of first appearance.
    members: Vec<(&'a str, &'a str, bool)>,
    positions: BTreeMap<Cow<'a, str>, usize>,
}

impl<'a> Merged<'a> {
    fn add(&mut self, text: &'a str) -> Result<(), BadJson> {
        let mut scanner = Scanner::new(text);
        let mut first = true;
        scanner.enter(b'{')?;
        while let Some(key) = scanner.member(first)? {
            first = false;
            let value = scanner.value()?;
            let quoted = scanner.slice(&key);
            let member = (
                quoted,
                scanner.slice(&value.range),
                value.kind == Kind::Null,
            );
            let key = unescaped(quoted).unwrap_or(Cow::Borrowed(quoted));
            match self
                .positions
                .get(&key)
                .and_then(|&at| self.members.get_mut(at))
            {
                Some(earlier) => *earlier = member,
                None => {
                    self.positions.insert(key, self.members.len());
                    self.members.push(member);
                }
            }
        }
        Ok(())
    }

    fn into_body(self) -> AttributeBody {
        let mut text = alloc::vec![b'{'];
        let mut data_points = 0_u32;
        for (key, value, null) in self.members {
            if text.len() > 1 {
                text.push(b',');
            }
            text.extend_from_slice(key.as_bytes());
            text.push(b':');
            text.extend_from_slice(value.as_bytes());
            data_points = data_points.saturating_add(u32::from(!null));
        }
        text.push(b'}');
        AttributeBody {
            text,
            encoding: Encoding::Json,
            data_points,
        }
    }
}

#[cfg(test)]
mod tests;
