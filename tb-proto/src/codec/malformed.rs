//! Why bytes from the server are no MQTT.

use core::fmt;

use super::InvalidTopic;

/// The rule that the server broke. The stream cannot be read any further: close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// A packet type that does not exist in this version, or that only a client sends
    /// \[MQTT-2.1.2-1\].
    PacketType(u8),
    /// The lower half of this first byte is not what the packet type prescribes \[MQTT-2.1.3-1\].
    Flags(u8),
    /// A QoS 2 message: we never subscribe above QoS 1 \[MQTT-3.8.4-8\].
    QoS2,
    /// \[MQTT-3.3.1-4\]
    QoS3,
    /// \[MQTT-3.3.1-2\]
    DupAtQoS0,
    /// A variable byte integer of more than four bytes, or of more than it needs \[MQTT-1.5.5-1\].
    VariableByteInteger,
    /// The packet type, told by its number, cannot have a body of this length.
    BodyLength(u8),
    /// A packet other than PUBLISH over the limit for incoming packets.
    TooLarge(usize),
    /// A field goes on beyond the end of its packet or of the properties.
    CutShort,
    /// The packet goes on after its last field.
    TrailingBytes,
    /// A text that is not UTF-8 or has U+0000 in it \[MQTT-1.5.4-1\], \[MQTT-1.5.4-2\].
    Text,
    /// The topic of a message.
    Topic(InvalidTopic),
    /// An acknowledgement of packet identifier 0 \[MQTT-2.2.1-2\].
    PacketIdentifierZero,
    /// Acknowledge flags of CONNACK other than 0 and 1 \[MQTT-3.2.2-1\].
    ConnAckFlags(u8),
    /// The packet cannot carry this property.
    Property(u8),
    /// This property came twice.
    RepeatedProperty(u8),
    /// This property has a value that it cannot have.
    PropertyValue(u8),
    /// More user properties than a server has reason to send.
    TooManyUserProperties,
    /// A topic alias, although we allow none \[MQTT-3.1.2-26\].
    TopicAlias,
    /// A SUBACK code that neither grants QoS 0 to 2 nor refuses \[MQTT-3.9.3-2\].
    SubAckCode(u8),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server broke the rules of MQTT: ")?;
        match self {
            Self::PacketType(number) => write!(f, "packet type {number} from a server"),
            Self::Flags(first) => write!(f, "wrong flags in the first byte {first:#04x}"),
            Self::QoS2 => f.write_str("a message at QoS 2, which was not subscribed"),
            Self::QoS3 => f.write_str("a message at QoS 3"),
            Self::DupAtQoS0 => f.write_str("a repeated message at QoS 0"),
            Self::VariableByteInteger => f.write_str("a length that is too long"),
            Self::BodyLength(number) => write!(f, "wrong length of packet type {number}"),
            Self::TooLarge(len) => write!(f, "a packet of {len} bytes that is no message"),
            Self::CutShort => f.write_str("a field crosses the end of its packet"),
            Self::TrailingBytes => f.write_str("a packet goes on after its last field"),
            Self::Text => f.write_str("a text that is not UTF-8 or contains U+0000"),
            Self::Topic(why) => write!(f, "a message on an impossible topic ({why})"),
            Self::PacketIdentifierZero => f.write_str("an acknowledgement of packet identifier 0"),
            Self::ConnAckFlags(flags) => write!(f, "CONNACK with the flags {flags:#04x}"),
            Self::Property(id) => write!(f, "property {id:#04x} where it cannot be"),
            Self::RepeatedProperty(id) => write!(f, "property {id:#04x} twice"),
            Self::PropertyValue(id) => write!(f, "property {id:#04x} with an impossible value"),
            Self::TooManyUserProperties => f.write_str("too many user properties"),
            Self::TopicAlias => f.write_str("a topic alias, although none was allowed"),
            Self::SubAckCode(code) => write!(f, "SUBACK with the code {code:#04x}"),
        }
    }
}

impl core::error::Error for Malformed {}
