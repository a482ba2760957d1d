use alloc::string::String;
use core::fmt;

/// Why a payload was refused before it was queued.
///
/// The caller is to blame, and each text says what to change. A key is named as a path: `a.b` is the
/// member `b` of the value of `a`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPayload {
    /// A float is NaN or infinite: JSON cannot say so.
    NotANumber {
        /// Path of the value.
        key: String,
    },
    /// An integer is outside the range of `i64`: the server would store text (C-059).
    IntegerOutOfRange {
        /// Path of the value.
        key: String,
    },
    /// A number of a JSON text is larger than every `f64`.
    FloatOutOfRange {
        /// Path of the value.
        key: String,
    },
    /// A key is empty or consists of white space.
    BlankKey,
    /// A key is longer than 255 UTF-16 units, as the server counts.
    KeyTooLong {
        /// The beginning of the key.
        key: String,
        /// Length in UTF-16 units.
        length: usize,
    },
    /// A map has keys that are neither text nor numbers, booleans or characters.
    KeyNotText,
    /// The value does not serialise to a map or struct (telemetry: or to a sequence of them).
    NotAnObject,
    /// There is nothing in it. ThingsBoard never acknowledges `[]` (C-052) and stores nothing of `{}`.
    Empty,
    /// A timestamp is within 10¹¹ ms of 1970: that is before 1973, or seconds instead of milliseconds.
    TimestampInSeconds {
        /// The timestamp given.
        ts: i64,
    },
    /// The member `ts` is no integer that fits `i64` (C-054).
    InvalidTimestamp,
    /// The member `values` of an entry with a time is no object (C-055).
    ValuesNotAnObject,
    /// The `values` of an entry with a time have a time of their own: the server keeps it or not,
    /// depending on its rule chains.
    TimeTwice,
    /// Objects and arrays are nested deeper than 128 levels.
    TooDeep,
    /// The text is no strict JSON.
    Syntax {
        /// Byte at which the text stops being JSON.
        offset: usize,
    },
    /// JSON on a connection that speaks protobuf ([`PayloadFormat`](crate::PayloadFormat)).
    JsonOnProtobuf,
    /// A protobuf message on a connection that speaks JSON.
    ProtobufOnJson,
    /// A protobuf message among several readings of one message: protobuf sends each alone.
    ProtobufInBatch,
    /// A time for a protobuf message, and it is not known where its schema has one.
    NoTsField,
    /// The `Serialize` implementation of the value failed.
    Custom {
        /// What it said, cut to 256 characters.
        message: String,
    },
}

impl fmt::Display for InvalidPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber { key } => write!(
                f,
                "the value of `{key}` is NaN or infinite, which JSON cannot say; leave the key out"
            ),
            Self::IntegerOutOfRange { key } => write!(
                f,
                "the value of `{key}` is outside the range of i64 and would be stored as text; send it as a \
                 float or as a string"
            ),
            Self::FloatOutOfRange { key } => {
                write!(f, "the value of `{key}` is larger than any double; scale it or send a string")
            }
            Self::BlankKey => f.write_str("a key is blank; the server would drop the whole message"),
            Self::KeyTooLong { key, length } => write!(
                f,
                "the key that begins with `{key}` has {length} characters; the server allows 255"
            ),
            Self::KeyNotText => f.write_str("the keys of a map must be text, numbers, booleans or characters"),
            Self::NotAnObject => f.write_str(
                "the payload must be an object of keys and values: pass a struct or a map, or use `json` for \
                 text that already is JSON",
            ),
            Self::Empty => f.write_str("there is no key in the payload; send at least one"),
            Self::TimestampInSeconds { ts } => write!(
                f,
                "the timestamp {ts} looks like seconds (or is before 1973); give milliseconds since 1970"
            ),
            Self::InvalidTimestamp => {
                f.write_str("`ts` must be an integer: milliseconds since 1970 that fit i64")
            }
            Self::ValuesNotAnObject => {
                f.write_str("`values` beside `ts` must be an object of keys and values")
            }
            Self::TimeTwice => f.write_str(
                "an entry with a time contains `ts` and `values` again; give each entry one time",
            ),
            Self::TooDeep => f.write_str("the JSON is nested deeper than 128 levels; flatten it"),
            Self::Syntax { offset } => write!(f, "the text is not strict JSON at byte {offset}"),
            Self::JsonOnProtobuf => f.write_str(
                "the connection speaks protobuf: pass the bytes of a message of the profile's schema",
            ),
            Self::ProtobufOnJson => f.write_str(
                "the connection speaks JSON: pass values, or configure the payload format of the profile",
            ),
            Self::ProtobufInBatch => f.write_str(
                "a protobuf message cannot be put together with other readings; send each alone",
            ),
            Self::NoTsField => f.write_str(
                "the time cannot be written into the message; configure the field `ts` of the telemetry \
                 schema, or set it in the message",
            ),
            Self::Custom { message } => write!(f, "the value could not be serialised: {message}"),
        }
    }
}

impl core::error::Error for InvalidPayload {}

/// What the server sent could not be understood, or is not of the type asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnexpectedPayload {
    message: String,
}

impl UnexpectedPayload {
    pub(crate) fn new(message: &str) -> Self {
        Self {
            message: bounded(message),
        }
    }
}

impl From<serde_json::Error> for UnexpectedPayload {
    fn from(error: serde_json::Error) -> Self {
        Self::new(&alloc::format!("{error}"))
    }
}

impl fmt::Display for UnexpectedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unexpected payload from the server: {}", self.message)
    }
}

impl core::error::Error for UnexpectedPayload {}

/// Longest text taken over into an error, in characters.
const QUOTED: usize = 256;

/// The beginning of `text`: an error stays small whatever it quotes.
pub(crate) fn bounded(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn every_refusal_says_in_one_line_what_is_wrong_and_names_its_key() {
        let key = || String::from("temperature");
        let refusals = vec![
            InvalidPayload::NotANumber { key: key() },
            InvalidPayload::IntegerOutOfRange { key: key() },
            InvalidPayload::FloatOutOfRange { key: key() },
            InvalidPayload::KeyTooLong {
                key: key(),
                length: 300,
            },
            InvalidPayload::BlankKey,
            InvalidPayload::KeyNotText,
            InvalidPayload::NotAnObject,
            InvalidPayload::Empty,
            InvalidPayload::TimestampInSeconds { ts: 1_767_225_600 },
            InvalidPayload::InvalidTimestamp,
            InvalidPayload::ValuesNotAnObject,
            InvalidPayload::TimeTwice,
            InvalidPayload::TooDeep,
            InvalidPayload::Syntax { offset: 17 },
            InvalidPayload::JsonOnProtobuf,
            InvalidPayload::ProtobufOnJson,
            InvalidPayload::ProtobufInBatch,
            InvalidPayload::NoTsField,
            InvalidPayload::Custom {
                message: "broken sensor".into(),
            },
        ];
        for refusal in refusals {
            let text = refusal.to_string();
            assert!(!text.starts_with(char::is_uppercase), "{text}");
            assert!(
                !text.ends_with('.') && !text.contains(['\n', '\t']),
                "{text}"
            );
            let named = match &refusal {
                InvalidPayload::NotANumber { .. }
                | InvalidPayload::IntegerOutOfRange { .. }
                | InvalidPayload::FloatOutOfRange { .. }
                | InvalidPayload::KeyTooLong { .. } => "`temperature`",
                InvalidPayload::TimestampInSeconds { .. } => "1767225600",
                InvalidPayload::Syntax { .. } => "17",
                InvalidPayload::Custom { .. } => "broken sensor",
                _ => "",
            };
            assert!(text.contains(named), "{text}");
        }
    }

    #[test]
    fn an_error_quotes_the_server_at_a_bounded_length() {
        let error = UnexpectedPayload::new(&"é".repeat(10_000));
        assert!(error.to_string().len() < 600);
    }
}
