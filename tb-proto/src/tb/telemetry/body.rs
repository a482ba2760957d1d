use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::forms::{self, Form};
use crate::tb::json::serializer::Written;
use crate::tb::protobuf::TimeField;
use crate::tb::{Encoding, InvalidPayload};

const BEFORE_TS: &[u8] = b"{\"ts\":";
const BEFORE_VALUES: &[u8] = b",\"values\":";

/// A head with a time between the years 2001 and 2286.
const USUAL: &[u8; 29] = b"{\"ts\":0000000000000,\"values\":";
const USUAL_DIGITS: usize = 13;

/// A checked telemetry payload whose time can still be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TelemetryBody {
    /// `{"ts":…,"values":`, and then a `}` follows `text`; of a message its field `ts`; or nothing.
    head: Head,
    text: Vec<u8>,
    form: Form,
    data_points: u32,
    /// An entry has no time and gets none here: the server takes the time of arrival.
    by_arrival: bool,
}

/// What a body was before its time was filled in, for a message that goes back to its owner.
#[derive(Debug)]
pub(crate) struct Unstamped {
    form: Form,
    by_arrival: bool,
    /// The text of a list, which has been written anew.
    text: Option<Vec<u8>>,
}

impl TelemetryBody {
    /// Bytes that a time adds to an entry, at the most.
    pub(crate) const STAMP: usize = Head::LONGEST + 1;

    pub(super) fn from_written(written: Written) -> Result<Self, InvalidPayload> {
        let Written { text, form } = written;
        if form.sequence || (form.ts && form.values) {
            return Self::from_text(text);
        }
        if form.members == 0 {
            return Err(InvalidPayload::Empty);
        }
        Ok(Self {
            head: Head::NONE,
            text,
            form: Form::Values,
            data_points: form.data_points,
            by_arrival: false,
        })
    }

    pub(super) fn from_text(text: Vec<u8>) -> Result<Self, InvalidPayload> {
        let text = String::from_utf8(text).map_err(|error| InvalidPayload::Syntax {
            offset: error.utf8_error().valid_up_to(),
        })?;
        let checked = forms::check(&text)?;
        Ok(Self {
            head: Head::NONE,
            text: checked.edits.apply(text.into_bytes()),
            form: checked.form,
            data_points: checked.data_points,
            by_arrival: false,
        })
    }

    /// A message of the profile's schema.
    pub(super) const fn from_message(message: Vec<u8>) -> Self {
        Self {
            head: Head::NONE,
            text: message,
            form: Form::Message { ts_field: None },
            data_points: 1,
            by_arrival: false,
        }
    }

    pub(crate) const fn encoding(&self) -> Encoding {
        match self.form {
            Form::Values | Form::Complete | Form::List { .. } => Encoding::Json,
            Form::Message { .. } | Form::CompleteMessage => Encoding::Protobuf,
        }
    }

    /// Says where a message has its time.
    pub(super) const fn set_ts_field(&mut self, number: Option<u32>) {
        if let Form::Message { ts_field } = &mut self.form {
            *ts_field = number;
        }
    }

    pub(super) const fn set_data_points(&mut self, data_points: u32) {
        self.data_points = data_points;
    }

    /// An array without entries; never to be sent (C-052).
    pub(crate) fn empty() -> Self {
        Self {
            head: Head::NONE,
            text: b"[]".to_vec(),
            form: Form::List { unstamped: false },
            data_points: 0,
            by_arrival: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        // A message of fields that are all at their default is empty, and not without meaning.
        self.encoding() == Encoding::Json && self.text == b"[]"
    }

    /// Adds the entry or entries of `other`; amortised, it costs the length of `other`.
    pub(crate) fn append(&mut self, other: &Self) -> Result<(), InvalidPayload> {
        if [self.encoding(), other.encoding()].contains(&Encoding::Protobuf) {
            return Err(InvalidPayload::ProtobufInBatch);
        }
        let unstamped = self.needs_stamp() || other.needs_stamp();
        if !matches!(self.form, Form::List { .. }) {
            self.text = [b"[", &*self.parts().concat(), b"]"].concat();
            self.head = Head::NONE;
        }
        let open = self.text.trim_ascii_end().len().saturating_sub(1);
        self.text.truncate(open);
        if self.text != b"[" {
            self.text.push(b',');
        }
        for part in other.elements() {
            self.text.extend_from_slice(part);
        }
        self.text.push(b']');
        self.form = Form::List { unstamped };
        self.by_arrival |= other.by_arrival;
        self.data_points = self.data_points.saturating_add(other.data_points);
        Ok(())
    }

    /// The payload as elements of an array, without brackets.
    pub(crate) fn elements(&self) -> [&[u8]; 3] {
        match self.form {
            Form::List { .. } => {
                let text = self.text.trim_ascii();
                let text = text.strip_prefix(b"[").unwrap_or(text);
                [b"", text.strip_suffix(b"]").unwrap_or(text), b""]
            }
            _ => self.parts(),
        }
    }

    /// Whether it is an array of entries.
    pub(crate) const fn is_list(&self) -> bool {
        matches!(self.form, Form::List { .. })
    }

    /// How many values the server stores: what its limits count.
    pub(crate) fn data_points(&self) -> u32 {
        self.data_points
    }

    /// Whether an entry has no time yet.
    pub(crate) fn needs_stamp(&self) -> bool {
        matches!(
            self.form,
            Form::Values | Form::List { unstamped: true } | Form::Message { ts_field: Some(_) }
        )
    }

    /// Whether every entry has its time.
    pub(crate) fn has_time(&self) -> bool {
        !self.by_arrival && !self.needs_stamp()
    }

    /// Gives every entry without a time this one. A plain object is not copied for it.
    pub(crate) fn stamp(&mut self, unix_ms: i64) -> Unstamped {
        self.stamp_with(&Stamp::new(unix_ms))
    }

    /// As [`stamp`](Self::stamp).
    pub(crate) fn stamp_with(&mut self, stamp: &Stamp) -> Unstamped {
        let (form, by_arrival) = (self.form, self.by_arrival);
        let unix_ms = stamp.unix_ms;
        let text = match form {
            Form::Values => {
                self.head = stamp.head.clone();
                None
            }
            Form::List { unstamped: true } => {
                let stamped = forms::stamp_list(&self.text, unix_ms);
                Some(core::mem::replace(&mut self.text, stamped))
            }
            Form::Message {
                ts_field: Some(ts_field),
            } => {
                // Of a field that is there twice the later holds: a time that the message has of
                // its own.
                self.head = Head::of_message(ts_field, unix_ms);
                None
            }
            Form::List { unstamped: false }
            | Form::Complete
            | Form::Message { ts_field: None }
            | Form::CompleteMessage => None,
        };
        self.settle();
        Unstamped {
            form,
            by_arrival,
            text,
        }
    }

    /// Undoes [`stamp`](Self::stamp) or [`leave_unstamped`](Self::leave_unstamped).
    pub(crate) fn restore(&mut self, before: Unstamped) {
        if self.form != before.form {
            self.head = Head::NONE;
        }
        self.form = before.form;
        self.by_arrival = before.by_arrival;
        if let Some(text) = before.text {
            self.text = text;
        }
    }

    /// Lets the server take the time of arrival.
    pub(crate) fn leave_unstamped(&mut self) -> Unstamped {
        let (form, by_arrival) = (self.form, self.by_arrival);
        self.by_arrival |= self.needs_stamp();
        self.settle();
        Unstamped {
            form,
            by_arrival,
            text: None,
        }
    }

    fn settle(&mut self) {
        self.form = match self.form {
            Form::List { .. } => Form::List { unstamped: false },
            Form::Values | Form::Complete => Form::Complete,
            Form::Message { .. } | Form::CompleteMessage => Form::CompleteMessage,
        };
    }

    /// Bytes of memory behind the body.
    pub(crate) fn memory(&self) -> usize {
        self.text.capacity()
    }

    /// The payload in three pieces, to be sent one after the other.
    #[inline]
    pub(crate) fn parts(&self) -> [&[u8]; 3] {
        let head = self.head.as_bytes();
        let closed = head.is_empty() || matches!(self.form, Form::CompleteMessage);
        [head, &self.text, if closed { b"" } else { b"}" }]
    }

    /// Length of the payload in bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }

    /// The whole payload, to be given back to the application.
    pub(crate) fn payload(&self) -> Bytes {
        Bytes::from(self.parts().concat())
    }
}

/// A time, ready to be written in front of readings: many that come at once have the same.
#[derive(Debug)]
pub(crate) struct Stamp {
    unix_ms: i64,
    head: Head,
}

impl Stamp {
    pub(crate) fn new(unix_ms: i64) -> Self {
        let mut head = Head::NONE;
        head.set(unix_ms);
        Self { unix_ms, head }
    }

    /// Makes it say this time.
    #[inline]
    pub(crate) fn set(&mut self, unix_ms: i64) {
        if self.unix_ms != unix_ms {
            *self = Self::new(unix_ms);
        }
    }
}

/// `{"ts":…,"values":`, or a field `ts`, without an allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    bytes: [u8; Self::LONGEST],
    len: u8,
}

impl Head {
    /// Six bytes, ten bytes, and the twenty of `i64::MIN`. A field `ts` has up to fifteen.
    const LONGEST: usize = 36;
    const NONE: Self = Self {
        bytes: [0; Self::LONGEST],
        len: 0,
    };

    /// Makes it that of an object of keys.
    #[inline]
    fn set(&mut self, unix_ms: i64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(unix_ms).as_bytes();
        // Lengths that are known when it is compiled make this a handful of instructions.
        if let Ok(digits) = <&[u8; USUAL_DIGITS]>::try_from(digits) {
            self.bytes[..USUAL.len()].copy_from_slice(USUAL);
            self.bytes[BEFORE_TS.len()..][..USUAL_DIGITS].copy_from_slice(digits);
            self.len = USUAL.len() as u8;
        } else {
            self.len = 0;
            self.push(BEFORE_TS);
            self.push(digits);
            self.push(BEFORE_VALUES);
        }
    }

    fn of_message(ts_field: u32, unix_ms: i64) -> Self {
        let mut head = Self::NONE;
        head.push(TimeField::new(ts_field, unix_ms).as_bytes());
        head
    }

    /// All that is ever pushed fits: see [`Self::LONGEST`].
    fn push(&mut self, part: &[u8]) {
        let start = usize::from(self.len);
        let end = start + part.len();
        if let Some(free) = self.bytes.get_mut(start..end) {
            free.copy_from_slice(part);
            self.len = end as u8;
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_head_says_the_time_in_decimal(unix_ms: i64) {
            let text = alloc::format!("{{\"ts\":{unix_ms},\"values\":");
            let mut head = Head::NONE;
            head.set(unix_ms);
            prop_assert!(head.as_bytes() == text.as_bytes());
        }
    }

    #[test]
    fn times_of_any_length_fit_the_head() {
        for unix_ms in [
            i64::MIN,
            i64::MAX,
            0,
            -1,
            10,
            999_999_999_999,
            1_000_000_000_000,
            1_767_225_600_123,
            -767_225_600_123,
            9_999_999_999_999,
            10_000_000_000_000,
        ] {
            let text = alloc::format!("{{\"ts\":{unix_ms},\"values\":");
            let mut head = Head::NONE;
            head.set(unix_ms);
            assert_eq!(head.as_bytes(), text.as_bytes());
        }
    }
}
