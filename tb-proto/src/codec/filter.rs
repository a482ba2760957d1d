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

    /// Whether a message on `topic` belongs to this subscription. ThingsBoard answers on topics of its
    /// own choosing (C-040, C-076), so messages are told apart by topic alone; this is for tests.
    #[cfg(any(test, fuzzing, feature = "_fuzzing"))]
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
pub enum InvalidFilter {
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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn matches(filter: &str, topic: &str) -> bool {
        Filter::new(filter).expect("a filter").matches(topic)
    }

    #[test]
    fn a_filter_from_outside_is_checked() {
        for (filter, expected) in [
            ("", Err(InvalidFilter::Empty)),
            (&"x".repeat(65_536), Err(InvalidFilter::TooLong)),
            ("a\0", Err(InvalidFilter::Null)),
            ("a/#/b", Err(InvalidFilter::HashNotLast)),
            ("#/", Err(InvalidFilter::HashNotLast)),
            ("##", Err(InvalidFilter::HashNotLast)),
            ("a#", Err(InvalidFilter::WildcardInsideLevel)),
            ("a+/b", Err(InvalidFilter::WildcardInsideLevel)),
            ("++", Err(InvalidFilter::WildcardInsideLevel)),
            ("a/b+", Err(InvalidFilter::WildcardInsideLevel)),
            ("+a", Err(InvalidFilter::WildcardInsideLevel)),
            ("+", Ok(())),
            ("#", Ok(())),
            ("/", Ok(())),
            ("+/+/#", Ok(())),
            ("a//b", Ok(())),
            (&"x".repeat(65_535), Ok(())),
        ] {
            assert_eq!(Filter::new(filter).map(drop), expected, "{filter:.20}");
        }
    }

    #[test]
    fn wildcards_stand_for_levels() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/B", false),
            ("a/b", "a/b/", false),
            ("a/+", "a/b", true),
            ("a/+", "a/", true),
            ("a/+", "a", false),
            ("a/+", "a/b/c", false),
            ("+/+", "/a", true),
            ("/+", "/a", true),
            ("+", "/a", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("a/#", "ab", false),
            ("#", "a/b", true),
            ("+/b/#", "a/b/c/d", true),
            ("a/+/c", "a//c", true),
            (
                "v1/devices/me/rpc/request/+",
                "v1/devices/me/rpc/request/17",
                true,
            ),
            (
                "v1/devices/me/attributes",
                "v1/devices/me/attributes/response/1",
                false,
            ),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} and {topic}");
        }
    }

    #[test]
    fn a_leading_wildcard_does_not_reach_the_topics_of_the_server() {
        assert!(!matches("#", "$SYS/uptime"));
        assert!(!matches("+/uptime", "$SYS/uptime"));
        assert!(matches("$SYS/#", "$SYS/uptime"));
        assert!(matches("$SYS/+", "$SYS/uptime"));
        assert!(matches("a/+", "a/$b"));
    }

    #[test]
    fn a_topic_that_begins_outside_ascii_is_matched_without_harm() {
        assert!(matches("#", "é"));
        assert!(matches("+", "温"));
        assert!(!matches("a", "é"));
        assert!(matches("é/+", "é/温"));
    }

    /// A filter that was made by replacing levels of `topic`.
    fn wildcards(topic: &str, plus: &[bool], hash_after: usize) -> String {
        let mut levels: Vec<&str> = topic.split('/').collect();
        for (level, plus) in levels.iter_mut().zip(plus) {
            if *plus {
                *level = "+";
            }
        }
        if hash_after < levels.len() {
            levels.truncate(hash_after);
            levels.push("#");
        }
        levels.join("/")
    }

    #[test]
    #[should_panic(expected = "not a topic filter")]
    fn a_constant_that_is_no_filter_is_a_mistake_in_the_program() {
        Filter::from_static("v1/#/a");
    }

    proptest! {
        #[test]
        fn no_text_does_harm(filter in "[+#$/aé\0]{0,8}|\\PC*", topic in "[+#$/aé\0]{0,8}|\\PC*") {
            if let Ok(filter) = Filter::new(&filter) {
                filter.matches(&topic);
            }
        }

        #[test]
        fn a_topic_matches_itself_with_levels_replaced(
            topic in "[a-cé温]{0,3}(/[a-cé温]{0,3}){0,4}",
            plus in proptest::collection::vec(any::<bool>(), 6),
            hash_after in 0usize..8,
        ) {
            let filter = wildcards(&topic, &plus, hash_after);
            prop_assume!(!filter.is_empty());
            prop_assert!(matches(&filter, &topic), "{filter} and {topic}");
        }
    }
}
