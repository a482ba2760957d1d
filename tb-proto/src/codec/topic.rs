//! Topic names of what we publish.

use alloc::sync::Arc;
use core::fmt;

use bytes::BytesMut;

use super::MAX_FIELD;

/// The topic of a PUBLISH of ours. It was checked when it was made: not empty, no wildcard, no
/// U+0000, at most 65,535 bytes.
#[derive(Clone, Debug)]
pub(crate) struct Topic(Name);

#[derive(Clone, Debug)]
enum Name {
    Fixed(&'static str),
    /// Shared: every message on a topic of the device's profile carries it.
    Text(Arc<str>),
    Numbered {
        prefix: &'static str,
        number: u32,
    },
}

impl Topic {
    /// # Panics
    ///
    /// If the text is no topic name; in a constant that is a compile error.
    pub(crate) const fn from_static(name: &'static str) -> Self {
        assert!(is_topic(name), "not a topic name");
        Self(Name::Fixed(name))
    }

    /// `prefix` followed by `number` in decimal, as in `v1/devices/me/rpc/response/17`. Nothing is
    /// allocated: the digits are made when the topic is written.
    ///
    /// # Panics
    ///
    /// If the prefix is no topic name or leaves no room for the digits.
    pub(crate) const fn numbered(prefix: &'static str, number: u32) -> Self {
        assert!(
            is_topic(prefix) && prefix.len() <= MAX_FIELD - Digits::MAX,
            "not a topic name"
        );
        Self(Name::Numbered { prefix, number })
    }

    /// A topic that came from outside.
    pub(crate) fn new(name: &str) -> Result<Self, InvalidTopic> {
        check(name)?;
        Ok(Self(Name::Text(Arc::from(name))))
    }

    /// Bytes on the wire, without the two that state the length.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Name::Fixed(name) => name.len(),
            Name::Text(name) => name.len(),
            Name::Numbered { prefix, number } => prefix.len() + Digits::count(*number),
        }
    }

    pub(crate) fn write_to(&self, out: &mut BytesMut) {
        match &self.0 {
            Name::Fixed(name) => out.extend_from_slice(name.as_bytes()),
            Name::Text(name) => out.extend_from_slice(name.as_bytes()),
            Name::Numbered { prefix, number } => {
                out.extend_from_slice(prefix.as_bytes());
                out.extend_from_slice(Digits::of(*number).as_bytes());
            }
        }
    }

    /// The text in two pieces, the second of which may be empty.
    fn bytes(&self) -> impl Iterator<Item = u8> {
        let (head, digits) = match &self.0 {
            Name::Fixed(name) => (name.as_bytes(), None),
            Name::Text(name) => (name.as_bytes(), None),
            Name::Numbered { prefix, number } => (prefix.as_bytes(), Some(Digits::of(*number))),
        };
        head.iter().copied().chain(digits.into_iter().flatten())
    }
}

/// Two topics are equal if they read the same, however they were made.
impl PartialEq for Topic {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.bytes().eq(other.bytes())
    }
}

impl Eq for Topic {}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Name::Fixed(name) => f.write_str(name),
            Name::Text(name) => f.write_str(name),
            Name::Numbered { prefix, number } => write!(f, "{prefix}{number}"),
        }
    }
}

/// Why a text is no topic name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidTopic {
    /// \[MQTT-4.7.3-1\]
    Empty,
    /// \[MQTT-4.7.3-3\]
    TooLong,
    /// \[MQTT-3.3.2-2\]
    Wildcard,
    /// \[MQTT-4.7.3-2\]
    Null,
}

impl fmt::Display for InvalidTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a topic needs at least one character",
            Self::TooLong => "a topic has at most 65,535 bytes",
            Self::Wildcard => "a topic to publish on has no + and no #",
            Self::Null => "a topic has no U+0000",
        })
    }
}

impl core::error::Error for InvalidTopic {}

/// The rules of a topic name, ours and the server's.
pub(super) const fn check(name: &str) -> Result<(), InvalidTopic> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Err(InvalidTopic::Empty);
    }
    if bytes.len() > MAX_FIELD {
        return Err(InvalidTopic::TooLong);
    }
    // Without a way out of the loop, so that many bytes are judged at a time.
    let mut wildcard = false;
    let mut null = false;
    let mut i = 0;
    while i < bytes.len() {
        wildcard |= bytes[i] == b'+' || bytes[i] == b'#';
        null |= bytes[i] == 0;
        i += 1;
    }
    if wildcard {
        return Err(InvalidTopic::Wildcard);
    }
    if null {
        return Err(InvalidTopic::Null);
    }
    Ok(())
}

const fn is_topic(name: &str) -> bool {
    check(name).is_ok()
}

/// A number in decimal, without allocation.
struct Digits {
    text: [u8; Self::MAX],
    start: usize,
}

impl Digits {
    /// Of 4,294,967,295.
    const MAX: usize = 10;

    const fn count(number: u32) -> usize {
        match number.checked_ilog10() {
            Some(exponent) => exponent as usize + 1,
            None => 1,
        }
    }

    fn of(number: u32) -> Self {
        let mut text = [0; Self::MAX];
        let mut start = Self::MAX;
        let mut rest = number;
        loop {
            start -= 1;
            text[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return Self { text, start };
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.text[self.start..]
    }
}

impl IntoIterator for Digits {
    type Item = u8;
    type IntoIter = core::iter::Skip<core::array::IntoIter<u8, { Self::MAX }>>;

    fn into_iter(self) -> Self::IntoIter {
        self.text.into_iter().skip(self.start)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_topic_from_outside_is_checked() {
        for (name, expected) in [
            ("", Err(InvalidTopic::Empty)),
            ("a/+/b", Err(InvalidTopic::Wildcard)),
            ("a#", Err(InvalidTopic::Wildcard)),
            ("a\0b", Err(InvalidTopic::Null)),
            (&"x".repeat(65_536), Err(InvalidTopic::TooLong)),
            (&"x".repeat(65_535), Ok(())),
            ("/", Ok(())),
            ("$SYS/é/温", Ok(())),
            (" ", Ok(())),
        ] {
            assert_eq!(Topic::new(name).map(drop), expected);
        }
    }

    #[test]
    fn a_numbered_topic_is_the_text_it_shows() {
        for number in [
            0,
            9,
            10,
            99,
            100,
            12_345,
            999_999_999,
            1_000_000_000,
            u32::MAX,
        ] {
            let numbered = Topic::numbered("a/", number);
            let text = format!("a/{number}");
            assert_eq!(numbered.to_string(), text);
            assert_eq!(numbered.len(), text.len());
            assert_eq!(numbered, Topic::new(&text).unwrap());
            let mut out = BytesMut::new();
            numbered.write_to(&mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn topics_with_different_texts_are_different() {
        assert_ne!(Topic::numbered("a/", 1), Topic::numbered("a/", 2));
        assert_ne!(Topic::numbered("a/", 1), Topic::numbered("b/", 1));
        assert_ne!(Topic::numbered("a/", 1), Topic::from_static("a/"));
        assert_eq!(Topic::numbered("a/1", 1), Topic::numbered("a/", 11));
    }

    #[test]
    #[should_panic(expected = "not a topic name")]
    fn a_constant_that_is_no_topic_is_a_mistake_in_the_program() {
        Topic::from_static("v1/+");
    }

    #[test]
    #[should_panic(expected = "not a topic name")]
    fn a_prefix_that_is_no_topic_is_a_mistake_in_the_program() {
        Topic::numbered("", 1);
    }
}
