//! Topic filters of our subscriptions.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use super::MAX_FIELD;

/// A topic filter of a SUBSCRIBE or UNSUBSCRIBE of ours, checked when it was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Filter(Cow<'static, str>);

impl Filter {
    /// # Panics
    ///
    /// If the text is no topic filter; in a constant that is a compile error.
    pub(crate) const fn from_static(filter: &'static str) -> Self {
        assert!(check(filter).is_ok(), "not a topic filter");
        Self(Cow::Borrowed(filter))
    }

    /// A filter that came from outside.
    pub(crate) fn new(filter: &str) -> Result<Self, InvalidFilter> {
        check(filter)?;
        Ok(Self(Cow::Owned(String::from(filter))))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a message on `topic` belongs to this subscription.
    pub(crate) fn matches(&self, topic: &str) -> bool {
        // [MQTT-4.7.2-1]: a leading wildcard does not reach the server's own topics.
        if topic.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = topic.split('/');
        for wanted in self.0.split('/') {
            // `#` also stands for no level at all: `a/#` matches `a`.
            if wanted == "#" {
                return true;
            }
            match levels.next() {
                Some(level) if wanted == "+" || wanted == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no topic filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidFilter {
    /// \[MQTT-4.7.3-1\]
    Empty,
    /// \[MQTT-4.7.3-3\]
    TooLong,
    /// \[MQTT-4.7.3-2\]
    Null,
    /// \[MQTT-4.7.1-1\]
    HashNotLast,
    /// \[MQTT-4.7.1-1\], \[MQTT-4.7.1-2\]
    WildcardInsideLevel,
}

impl fmt::Display for InvalidFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a topic filter needs at least one character",
            Self::TooLong => "a topic filter has at most 65,535 bytes",
            Self::Null => "a topic filter has no U+0000",
            Self::HashNotLast => "# is the last character of a topic filter",
            Self::WildcardInsideLevel => "+ and # fill a whole level of a topic filter",
        })
    }
}

impl core::error::Error for InvalidFilter {}

const fn check(filter: &str) -> Result<(), InvalidFilter> {
    let bytes = filter.as_bytes();
    if bytes.is_empty() {
        return Err(InvalidFilter::Empty);
    }
    if bytes.len() > MAX_FIELD {
        return Err(InvalidFilter::TooLong);
    }
    let mut i = 0;
    while i < bytes.len() {
        let starts_level = i == 0 || bytes[i - 1] == b'/';
        let last = i + 1 == bytes.len();
        match bytes[i] {
            0 => return Err(InvalidFilter::Null),
            b'#' if !last => return Err(InvalidFilter::HashNotLast),
            b'#' if !starts_level => return Err(InvalidFilter::WildcardInsideLevel),
            b'+' if !starts_level || !(last || bytes[i + 1] == b'/') => {
                return Err(InvalidFilter::WildcardInsideLevel);
            }
            _ => i += 1,
        }
    }
    Ok(())
}
