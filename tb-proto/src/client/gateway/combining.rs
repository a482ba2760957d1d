//! One publish for several children, if the application wants it.
//!
//! ```text
//!   accepted ──▶ waiting ──enough, or long enough──▶ queue ──▶ a packet of what stands there together
//! ```
//!
//! Here telemetry waits for others, and here is what a payload of several children looks like. Who travels
//! with whom is decided when a packet is written.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::ChildId;
use crate::client::message::Content;
use crate::client::{Client, RequestId};
use crate::mqtt::{Content as _, MessageId, Shared, Sharing};
use crate::tb::split::Meaning;
use crate::tb::{Encoding, MessageOptions, Priority};
use crate::time::Instant;

/// How messages of children are combined, several in one publish; see
/// [`GatewayConfig::combine`](crate::GatewayConfig::combine).
///
/// ```
/// # use core::time::Duration;
/// # use tb_proto::{Combining, GatewayConfig};
/// let combining = Combining::new()
///     .max_bytes(8 * 1024)
///     .max_data_points(500)
///     .max_delay(Duration::from_millis(20));
/// let gateway = GatewayConfig::new().combine(combining);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Combining {
    bytes: usize,
    data_points: u32,
    delay: Duration,
}

impl Combining {
    /// Up to 16 KiB, 1,000 data points and 100 ms.
    pub const fn new() -> Self {
        Self {
            bytes: 16 * 1024,
            data_points: 1_000,
            delay: Duration::from_millis(100),
        }
    }

    /// The largest payload of several messages, in bytes. Default 16 KiB, a quarter of what ThingsBoard
    /// takes by default: beyond that little is gained, and all of it is sent once more if the connection
    /// is lost or one message in it is refused. It is held once more while it is written. A larger message
    /// travels alone; what the server takes is never exceeded.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// The most values in one publish of several messages. Default 1,000: the server stores them before
    /// it acknowledges any of them. A message with more travels alone.
    pub const fn max_data_points(mut self, data_points: u32) -> Self {
        self.data_points = data_points;
        self
    }

    /// How long telemetry waits for others before it is sent, unless there is enough of it sooner.
    /// Default 100 ms, which nobody notices on a dashboard; at 0 only what waits anyway is combined.
    pub const fn max_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(super) const fn sharing(&self) -> Sharing {
        Sharing {
            bytes: self.bytes,
            data_points: self.data_points,
        }
    }
}

impl Default for Combining {
    fn default() -> Self {
        Self::new()
    }
}

/// Telemetry of children that waits for others. Together it is never more than one publish may hold, so
/// that there are never many.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// In the order of acceptance; some may have ended meanwhile.
    messages: VecDeque<RequestId>,
    bytes: usize,
    data_points: u32,
    /// When the oldest has waited long enough.
    due: Option<Instant>,
}

impl Waiting {
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn memory(&self) -> usize {
        self.messages.capacity() * size_of::<RequestId>()
    }
}

/// What a message adds to those that wait.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct Wait {
    bytes: usize,
    data_points: u32,
}

impl Client {
    /// Whether telemetry of a child waits for others. What has a wish of its own does not.
    pub(super) fn waits_for_children(
        &self,
        child: ChildId,
        content: &Content,
        options: &MessageOptions,
    ) -> Option<Wait> {
        let combining = self.config.gateway.as_ref()?.combining?;
        let Content::Telemetry(body) = content else {
            return None;
        };
        let waits = !combining.delay.is_zero()
            && options.priority == Priority::Normal
            && options.qos.unwrap_or(self.config.default_qos) == crate::codec::QoS::AtLeastOnce;
        let name = self.mqtt.outbox().name_of(child.0);
        let bytes = content.shared_len(name, false)?;
        let data_points = body.data_points();
        (waits && bytes < combining.bytes && data_points < combining.data_points)
            .then_some(Wait { bytes, data_points })
    }

    /// A message of a child waits from now on.
    pub(super) fn wait_for_children(&mut self, id: RequestId, wait: Wait) {
        let gateway = self.config.gateway.as_ref();
        let Some(combining) = gateway.and_then(|gateway| gateway.combining) else {
            return;
        };
        let due = self.mqtt.now() + combining.delay;
        let Wait { bytes, data_points } = wait;
        let waiting = &self.children.waiting;
        if waiting.bytes.saturating_add(bytes) > combining.bytes
            || waiting.data_points.saturating_add(data_points) > combining.data_points
        {
            self.release_children();
        }
        let waiting = &mut self.children.waiting;
        waiting.messages.push_back(id);
        waiting.bytes += bytes;
        waiting.data_points += data_points;
        waiting.due.get_or_insert(due);
        if waiting.bytes == combining.bytes || waiting.data_points == combining.data_points {
            self.release_children();
        }
    }

    pub(in crate::client) fn release_children_when_due(&mut self) {
        let due = self.children.waiting.due;
        if due.is_some_and(|due| due <= self.mqtt.now()) {
            self.release_children();
        }
    }

    /// Lets go what waits for other children.
    pub(in crate::client) fn release_children(&mut self) {
        let waiting = &mut self.children.waiting;
        (waiting.bytes, waiting.data_points, waiting.due) = (0, 0, None);
        while let Some(id) = self.children.waiting.messages.pop_front() {
            self.mqtt.unpark(MessageId::from_raw(id.0));
        }
    }
}

/// See [`Content::shared_len`](crate::mqtt::Content::shared_len).
pub(in crate::client) fn shared_len(content: &Content, name: &[u8], beside: bool) -> Option<usize> {
    // `,` before it or, of the first, `}` behind all.
    const SEPARATOR: usize = 1;
    match content {
        // Two without a time would be one: both get that of their arrival.
        Content::Telemetry(body) if body.encoding() == Encoding::Json && body.has_time() => {
            let around = if beside { 0 } else { name.len() + b"]".len() };
            Some(SEPARATOR + around + body.elements().len())
        }
        Content::Attributes(body)
        | Content::Merged {
            meaning: Meaning::Attributes,
            body,
            ..
        } if body.encoding == Encoding::Json => {
            (!beside).then_some(SEPARATOR + name.len() + body.text.len())
        }
        _ => None,
    }
}

/// See [`Content::share`](crate::mqtt::Content::share).
///
/// `{"a":[…,…],"b":[…]}` for telemetry (TB §9.4), `{"a":{…},"b":{…}}` for attributes (§9.5).
pub(in crate::client) fn share(messages: &[Shared<'_, Content>]) -> Vec<u8> {
    let most = messages.iter().map(|message| {
        let content = message.content;
        1 + message.name.len() + 1 + content.payload_len()
    });
    let mut payload = Vec::with_capacity(most.sum());
    for of_child in messages.chunk_by(|one, next| one.origin == next.origin) {
        let Some(Shared { name, content, .. }) = of_child.first() else {
            continue;
        };
        let is_list = matches!(content, Content::Telemetry(_));
        let name = name.strip_prefix(b"{").unwrap_or(name);
        let name = if is_list {
            name
        } else {
            name.strip_suffix(b"[").unwrap_or(name)
        };
        payload.push(if payload.is_empty() { b'{' } else { b',' });
        payload.extend_from_slice(name);
        for (place, message) in of_child.iter().enumerate() {
            if place > 0 {
                payload.push(b',');
            }
            payload.extend_from_slice(match message.content {
                Content::Telemetry(body) => body.elements(),
                content => content.bytes(),
            });
        }
        if is_list {
            payload.push(b']');
        }
    }
    payload.push(b'}');
    payload
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use serde_json::{Value, json};

    use super::*;
    use crate::mqtt::Origin;
    use crate::tb::attributes::AttributeBody;
    use crate::tb::gateway::opening;
    use crate::tb::{Attributes, PayloadFormat, Telemetry};

    fn telemetry(telemetry: Telemetry, ts: i64) -> Content {
        let (mut body, _) = telemetry.into_checked_parts(PayloadFormat::Json).unwrap();
        body.stamp(ts);
        Content::Telemetry(body)
    }

    fn attributes(values: &Value) -> Content {
        let (body, _) = Attributes::from(values).into_parts().unwrap();
        Content::Attributes(body)
    }

    /// The payload of these, each of the child with this number, and what it was said to take.
    fn shared(contents: &[(usize, Content)]) -> (Value, String, usize) {
        let names: Vec<_> = ["a\"", "b", "c"].iter().map(|name| opening(name)).collect();
        let messages: Vec<_> = contents
            .iter()
            .map(|(child, content)| Shared {
                origin: Origin::at(*child).unwrap(),
                name: &names[*child],
                content,
            })
            .collect();
        let length = messages.iter().enumerate().map(|(place, message)| {
            let beside = place > 0 && messages[place - 1].origin == message.origin;
            shared_len(message.content, message.name, beside).unwrap()
        });
        let length = length.sum();
        let text = String::from_utf8(share(&messages)).unwrap();
        (serde_json::from_str(&text).unwrap(), text, length)
    }

    #[test]
    fn telemetry_of_one_child_stands_in_one_list_in_its_order() {
        let (value, text, length) = shared(&[
            (
                0,
                telemetry((&json!({ "flow": 1 })).into(), 1_767_225_600_001),
            ),
            (
                0,
                telemetry(
                    Telemetry::json(
                        r#" [ {"ts":1767225600000,"values":{"flow":2}}, {"flow":3} ] "#,
                    ),
                    1_767_225_600_002,
                ),
            ),
            (
                2,
                telemetry((&json!({ "flow": 4 })).into(), 1_767_225_600_003),
            ),
        ]);
        let entry = |ts: u64, flow: u8| json!({ "ts": ts, "values": { "flow": flow } });
        let expected = json!({
            "a\"": [entry(1_767_225_600_001, 1), entry(1_767_225_600_000, 2), entry(1_767_225_600_002, 3)],
            "c": [entry(1_767_225_600_003, 4)],
        });
        assert_eq!(value, expected);
        assert!(text.len() <= length && length <= text.len() + 3, "{length}");
    }

    #[test]
    fn attributes_of_several_children_are_an_object_each() {
        let (value, text, length) = shared(&[
            (0, attributes(&json!({ "serial": 1 }))),
            (1, attributes(&json!({ "serial": 2 }))),
        ]);
        let expected = json!({ "a\"": { "serial": 1 }, "b": { "serial": 2 } });
        assert_eq!(value, expected);
        assert!(text.len() <= length && length <= text.len() + 3, "{length}");
    }

    #[test]
    fn what_has_no_time_and_the_second_attributes_of_a_child_share_nothing() {
        let body = Telemetry::from(&json!({ "flow": 1 }));
        let (mut body, _) = body.into_checked_parts(PayloadFormat::Json).unwrap();
        assert_eq!(
            shared_len(&Content::Telemetry(body.clone()), b"{\"a\":[", false),
            None
        );
        body.leave_unstamped();
        assert_eq!(
            shared_len(&Content::Telemetry(body), b"{\"a\":[", false),
            None
        );
        let named = attributes(&json!({ "serial": 1 }));
        assert_eq!(shared_len(&named, b"{\"a\":[", true), None);
        let merged = Content::Merged {
            meaning: Meaning::Telemetry,
            body: AttributeBody {
                data_points: 1,
                encoding: Encoding::Json,
                text: b"[]".to_vec(),
            },
            members: Vec::new(),
        };
        assert_eq!(shared_len(&merged, b"{\"a\":[", false), None);
    }
}
