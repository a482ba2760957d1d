//! One recorded scenario: what was set up, what went over the wire, what the back-end received.

use core::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::long_form::{DescribedPublish, RawPacket};
use super::template::{PlaceholderLengths, Template, TemplateError};

/// A scenario that was recorded from a genuine server.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The name that reports use; unique within a corpus.
    pub id: String,
    /// The part of the API that it concerns.
    pub family: String,
    /// What it shows, in a sentence.
    pub title: String,
    /// The conformance numbers that it bears on.
    pub covers: Vec<String>,
    /// The version of MQTT that every connection in it speaks.
    pub protocol: Protocol,
    /// Devices, profiles, limits and settings before the first step, as recorded.
    pub setup: Value,
    /// What happened, in the order of time.
    pub steps: Vec<Step>,
    /// What the back-end received, in no order.
    pub stored: Vec<Value>,
}

/// A version of MQTT as recordings name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum Protocol {
    /// MQTT 3.1.
    #[serde(rename = "3.1")]
    V31,
    /// MQTT 3.1.1.
    #[serde(rename = "3.1.1")]
    V311,
    /// MQTT 5.
    #[serde(rename = "5")]
    V5,
}

impl Protocol {
    /// Whether packets carry properties and acknowledgements carry codes.
    pub fn has_properties(self) -> bool {
        self == Self::V5
    }
}

/// The label of a connection within a recording.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Connection(pub String);

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the client presented in the TLS handshake, if there was one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresentedCertificate {
    /// Plain TCP, or TLS without a client certificate: the server cannot tell them apart later.
    None,
    /// TLS with the certificate so described.
    Described(String),
}

/// Whether the order of the packets in a step was the same in every recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// It was.
    #[default]
    Exact,
    /// The server writes these from several threads.
    Any,
}

/// A packet that the server has to send.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// These bytes, up to volatile places and the spelling of JSON.
    Bytes(Template),
    /// A publish whose payload could only be described.
    Described(DescribedPublish),
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The client opens a TCP connection.
    Open {
        /// The label that it has from now on.
        connection: Connection,
        /// The certificate in the TLS handshake.
        certificate: PresentedCertificate,
    },
    /// The client writes these packets at once.
    Send {
        /// Where.
        connection: Connection,
        /// The packets, which are not always valid ones.
        packets: Vec<Template>,
    },
    /// The server sent exactly these packets since the last step of this connection.
    Receive {
        /// Where.
        connection: Connection,
        /// The packets.
        packets: Vec<Expected>,
        /// Whether their order counts.
        order: Order,
    },
    /// The server answered while the client was still writing; only described in words.
    ReceiveUnlisted {
        /// Where.
        connection: Connection,
    },
    /// Nothing came for a while, and the connection stayed open.
    Silence {
        /// Where.
        connection: Connection,
        /// For how long, in milliseconds.
        millis: u64,
    },
    /// The server closed the connection.
    Closed {
        /// Which.
        connection: Connection,
    },
    /// The client closed the connection without DISCONNECT.
    ClientCloses {
        /// Which.
        connection: Connection,
    },
    /// Time passed.
    Wait {
        /// How much, in milliseconds.
        millis: u64,
    },
    /// Something happened at the back-end.
    Control(Value),
    /// How a server-side RPC ended, or that it had not ended yet.
    Outcome(Value),
}

/// The first line of a compact recording; the whole of a long one has these members too.
#[derive(Debug, Deserialize)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) covers: Vec<String>,
    pub(crate) protocol: Protocol,
    pub(crate) setup: Value,
    #[serde(default)]
    pub(crate) placeholders: std::collections::BTreeMap<String, Placeholder>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Placeholder {
    #[serde(default)]
    length_bytes: Option<usize>,
}

impl Head {
    pub(crate) fn placeholder_lengths(&self) -> PlaceholderLengths {
        let stated = self.placeholders.iter();
        stated
            .filter_map(|(name, placeholder)| Some((name.clone(), placeholder.length_bytes?)))
            .collect()
    }
}

/// A step as it is written. Which members are there says which step it is.
#[derive(Debug, Deserialize)]
pub(crate) struct RawStep {
    connection: Option<Connection>,
    open: Option<bool>,
    tls: Option<RawTls>,
    send: Option<RawPacket>,
    send_together: Option<Vec<RawPacket>>,
    send_repeated: Option<RawRepeated>,
    receive_repeated: Option<Value>,
    receive: Option<Vec<RawPacket>>,
    then_repeated: Option<RawRepeated>,
    #[serde(default)]
    order: Order,
    silence_ms: Option<u64>,
    closed: Option<bool>,
    client_closes_tcp: Option<bool>,
    wait_ms: Option<u64>,
    control: Option<Value>,
    control_result: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct RawTls {
    client_certificate: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RawRepeated {
    count: usize,
    packet: RawPacket,
}

impl RawStep {
    /// The steps that this one stands for: writing while reading is two.
    pub(crate) fn read(self, lengths: &PlaceholderLengths) -> Result<Vec<Step>, TemplateError> {
        if let Some(millis) = self.wait_ms {
            return Ok(vec![Step::Wait { millis }]);
        }
        if let Some(control) = self.control {
            return Ok(vec![Step::Control(control)]);
        }
        if let Some(outcome) = self.control_result {
            return Ok(vec![Step::Outcome(without_repetition(outcome))]);
        }
        let connection = self
            .connection
            .ok_or(TemplateError::Incomplete("its connection"))?;
        if self.open == Some(true) {
            let presented = self.tls.and_then(|tls| tls.client_certificate);
            let certificate =
                presented.map_or(PresentedCertificate::None, PresentedCertificate::Described);
            return Ok(vec![Step::Open {
                connection,
                certificate,
            }]);
        }
        if self.client_closes_tcp == Some(true) {
            return Ok(vec![Step::ClientCloses { connection }]);
        }
        if let Some(packet) = self.send {
            return Ok(vec![Step::Send {
                connection,
                packets: vec![packet.sent(lengths)?],
            }]);
        }
        if let Some(packets) = self.send_together {
            let packets = packets.iter().map(|packet| packet.sent(lengths));
            return Ok(vec![Step::Send {
                connection,
                packets: packets.collect::<Result<_, _>>()?,
            }]);
        }
        if let Some(repeated) = self.send_repeated {
            let packets = vec![repeated.packet.sent(lengths)?; repeated.count];
            let mut steps = vec![Step::Send {
                connection: connection.clone(),
                packets,
            }];
            steps.extend(
                self.receive_repeated
                    .map(|_| Step::ReceiveUnlisted { connection }),
            );
            return Ok(steps);
        }
        if self.receive_repeated.is_some() {
            return Ok(vec![Step::ReceiveUnlisted { connection }]);
        }
        if let Some(packets) = self.receive {
            let packets = packets.iter().map(|packet| packet.received(lengths));
            let mut packets = packets.collect::<Result<Vec<_>, _>>()?;
            if let Some(repeated) = self.then_repeated {
                let more = vec![repeated.packet.received(lengths)?; repeated.count];
                packets.extend(more);
            }
            return Ok(vec![Step::Receive {
                connection,
                packets,
                order: self.order,
            }]);
        }
        if let Some(millis) = self.silence_ms {
            return Ok(vec![Step::Silence { connection, millis }]);
        }
        if self.closed == Some(true) {
            return Ok(vec![Step::Closed { connection }]);
        }
        Err(TemplateError::Incomplete("what happened"))
    }
}

/// The text of a reply says nothing if the reply itself is there.
fn without_repetition(mut outcome: Value) -> Value {
    let text = outcome.get("reply_text").and_then(Value::as_str);
    let parsed: Option<Value> = text.and_then(|text| serde_json::from_str(text).ok());
    if parsed.is_some()
        && parsed.as_ref() == outcome.get("reply")
        && let Some(members) = outcome.as_object_mut()
    {
        members.remove("reply_text");
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Step>, TemplateError> {
        serde_json::from_str::<RawStep>(text)
            .unwrap()
            .read(&PlaceholderLengths::new())
    }

    #[test]
    fn repeated_packets_are_spelled_out() {
        let sent =
            read(r#"{"connection":"a","send_repeated":{"count":3,"packet":"<c000>"}}"#).unwrap();
        assert!(matches!(&sent[..], [Step::Send { packets, .. }] if packets.len() == 3));
        let received = read(
            r#"{"connection":"a","receive":["<20020000>"],"then_repeated":{"count":2,"packet":"<d000>"}}"#,
        );
        let received = received.unwrap();
        assert!(
            matches!(&received[..], [Step::Receive { packets, order: Order::Exact, .. }] if packets.len() == 3)
        );
    }

    #[test]
    fn answers_read_while_writing_are_a_step_of_their_own() {
        let steps = read(
            r#"{"connection":"a","send_repeated":{"count":1,"packet":"<c000>"},"receive_repeated":"one each"}"#,
        );
        assert!(matches!(
            &steps.unwrap()[..],
            [Step::Send { .. }, Step::ReceiveUnlisted { .. }]
        ));
    }

    #[test]
    fn silence_is_told_from_a_close() {
        let silence = read(r#"{"connection":"a","silence_ms":250,"closed":false}"#).unwrap();
        assert!(matches!(silence[..], [Step::Silence { millis: 250, .. }]));
        let closed = read(r#"{"connection":"a","closed":true}"#).unwrap();
        assert!(matches!(closed[..], [Step::Closed { .. }]));
    }

    #[test]
    fn a_step_that_says_nothing_is_refused() {
        assert!(read(r#"{"connection":"a"}"#).is_err());
        assert!(read(r#"{"send":"<c000>"}"#).is_err());
    }
}
