use alloc::string::String;
use alloc::vec::Vec;

use super::forms::{self, Form};
use crate::tb::json::serializer::Written;
use crate::tb::protobuf::TimeField;
use crate::tb::{Encoding, InvalidPayload};

const BEFORE_TS: &[u8] = b"{\"ts\":";
const BEFORE_VALUES: &[u8] = b",\"values\":";

/// A head with a time between the years 2001 and 2286.
const USUAL: &[u8; 29] = b"{\"ts\":0000000000000,\"values\":";
const USUAL_DIGITS: usize = 13;

/// Those of `i64::MIN`, its sign among them.
const DIGITS_AT_MOST: usize = 20;

/// A checked telemetry payload whose time can still be filled in.
#[derive(Clone, Debug)]
pub(crate) struct TelemetryBody {
    /// Room for the usual head, or nothing, and then the payload: it is written as one piece.
    text: Vec<u8>,
    /// Where the payload begins.
    start: usize,
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
    /// Bytes that were put in front.
    head: usize,
    /// The text of a list, which has been written anew.
    text: Option<Vec<u8>>,
}

impl TelemetryBody {
    /// Bytes that a time adds to an entry, at the most.
    pub(crate) const STAMP: usize = USUAL.len() + (DIGITS_AT_MOST - USUAL_DIGITS) + 1;

    /// Bytes of memory that a time usually adds: they are kept free from the beginning.
    pub(crate) const ROOM: usize = USUAL.len() + 1;

    /// The memory for values of so many bytes, the room in front taken.
    pub(super) fn room_for(values: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(Self::ROOM + values);
        text.extend_from_slice(USUAL);
        text
    }

    /// `text` begins with the [room](Self::room_for).
    #[inline]
    pub(super) fn from_written(written: Written) -> Result<Self, InvalidPayload> {
        let Written { mut text, form } = written;
        if form.sequence || (form.ts && form.values) {
            text.drain(..USUAL.len());
            return Self::from_text(text);
        }
        if form.members == 0 {
            return Err(InvalidPayload::Empty);
        }
        Ok(Self {
            text,
            start: USUAL.len(),
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
        let mut text = checked.edits.apply(text.into_bytes());
        let mut start = 0;
        if checked.form == Form::Values {
            text.reserve_exact(Self::ROOM);
            text.splice(..0, *USUAL);
            start = USUAL.len();
        }
        Ok(Self {
            text,
            start,
            form: checked.form,
            data_points: checked.data_points,
            by_arrival: false,
        })
    }

    /// A message of the profile's schema.
    pub(super) const fn from_message(message: Vec<u8>) -> Self {
        Self {
            text: message,
            start: 0,
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
            text: b"[]".to_vec(),
            start: 0,
            form: Form::List { unstamped: false },
            data_points: 0,
            by_arrival: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        // A message of fields that are all at their default is empty, and not without meaning.
        self.encoding() == Encoding::Json && self.bytes() == b"[]"
    }

    /// Adds the entry or entries of `other`; amortised, it costs the length of `other`.
    pub(crate) fn append(&mut self, other: &Self) -> Result<(), InvalidPayload> {
        if [self.encoding(), other.encoding()].contains(&Encoding::Protobuf) {
            return Err(InvalidPayload::ProtobufInBatch);
        }
        let unstamped = self.needs_stamp() || other.needs_stamp();
        if !matches!(self.form, Form::List { .. }) {
            self.text = [b"[", self.bytes(), b"]"].concat();
            self.start = 0;
        }
        let open = self.text.trim_ascii_end().len().saturating_sub(1);
        self.text.truncate(open);
        if self.text != b"[" {
            self.text.push(b',');
        }
        self.text.extend_from_slice(other.elements());
        self.text.push(b']');
        self.form = Form::List { unstamped };
        self.by_arrival |= other.by_arrival;
        self.data_points = self.data_points.saturating_add(other.data_points);
        Ok(())
    }

    /// The payload as elements of an array, without brackets.
    pub(crate) fn elements(&self) -> &[u8] {
        if !self.is_list() {
            return self.bytes();
        }
        let text = self.bytes().trim_ascii();
        let text = text.strip_prefix(b"[").unwrap_or(text);
        text.strip_suffix(b"]").unwrap_or(text)
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
        let (mut head, mut text) = (0, None);
        match form {
            Form::Values => {
                head = match (self.room(), stamp.usual) {
                    (Some(room), Some(usual)) => {
                        *room = usual;
                        self.start = 0;
                        USUAL.len()
                    }
                    _ => self.prepend(&stamp.head()),
                };
                self.text.push(b'}');
            }
            Form::List { unstamped: true } => {
                let stamped = forms::stamp_list(&self.text, unix_ms);
                text = Some(core::mem::replace(&mut self.text, stamped));
            }
            Form::Message {
                ts_field: Some(ts_field),
            } => {
                // Of a field that is there twice the later holds: a time that the message has of
                // its own.
                head = self.prepend(TimeField::new(ts_field, unix_ms).as_bytes());
            }
            Form::List { unstamped: false }
            | Form::Complete
            | Form::Message { ts_field: None }
            | Form::CompleteMessage => {}
        }
        self.settle();
        Unstamped {
            form,
            by_arrival,
            head,
            text,
        }
    }

    /// What stands in front of the payload, if that is the room for the usual head.
    fn room(&mut self) -> Option<&mut [u8; USUAL.len()]> {
        let room = self.text.first_chunk_mut();
        room.filter(|_| self.start == USUAL.len())
    }

    /// Puts anything else in front of the payload, which makes way for it. Returns its length.
    #[cold]
    fn prepend(&mut self, head: &[u8]) -> usize {
        self.text.reserve_exact(head.len());
        self.text.splice(..self.start, head.iter().copied());
        self.start = 0;
        head.len()
    }

    /// Undoes [`stamp`](Self::stamp) or [`leave_unstamped`](Self::leave_unstamped).
    pub(crate) fn restore(&mut self, before: Unstamped) {
        self.start += before.head;
        if before.head > 0 && before.form == Form::Values {
            self.text.pop();
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
            head: 0,
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

    /// The payload.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.text.get(self.start..).unwrap_or_default()
    }

    /// Length of the payload in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes().len()
    }
}

/// What the room in front was used for makes no difference.
impl PartialEq for TelemetryBody {
    fn eq(&self, other: &Self) -> bool {
        let rest = |body: &Self| (body.form, body.data_points, body.by_arrival);
        self.bytes() == other.bytes() && rest(self) == rest(other)
    }
}

impl Eq for TelemetryBody {}

/// A time, ready to be written in front of readings: many that come at once have the same.
#[derive(Debug)]
pub(crate) struct Stamp {
    unix_ms: i64,
    /// The head that says it, if it is as long as nearly all are.
    usual: Option<[u8; USUAL.len()]>,
}

impl Stamp {
    pub(crate) fn new(unix_ms: i64) -> Self {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(unix_ms).as_bytes();
        let digits = <&[u8; USUAL_DIGITS]>::try_from(digits).ok();
        let usual = digits.map(|digits| {
            let mut usual = *USUAL;
            usual[BEFORE_TS.len()..][..USUAL_DIGITS].copy_from_slice(digits);
            usual
        });
        Self { unix_ms, usual }
    }

    /// Makes it say this time.
    #[inline]
    pub(crate) fn set(&mut self, unix_ms: i64) {
        if self.unix_ms != unix_ms {
            *self = Self::new(unix_ms);
        }
    }

    fn head(&self) -> Vec<u8> {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(self.unix_ms).as_bytes();
        [BEFORE_TS, digits, BEFORE_VALUES].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A reading gets one time, is given back, and gets the other.
    fn stamped_twice(first: i64, second: i64) {
        let mut body = TelemetryBody::from_text(b"{\"a\":1}".to_vec()).unwrap();
        for unix_ms in [first, second] {
            let before = body.stamp(unix_ms);
            let text = alloc::format!("{{\"ts\":{unix_ms},\"values\":{{\"a\":1}}}}");
            assert_eq!(body.bytes(), text.as_bytes());
            assert!(body.len() <= b"{\"a\":1}".len() + TelemetryBody::STAMP);
            body.restore(before);
            assert_eq!(body.bytes(), b"{\"a\":1}");
        }
    }

    proptest! {
        #[test]
        fn a_reading_says_any_time_in_decimal(first: i64, second: i64) {
            stamped_twice(first, second);
        }
    }

    #[test]
    fn times_of_any_length_stand_in_front_of_a_reading() {
        let times = [
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
        ];
        for first in times {
            for second in times {
                stamped_twice(first, second);
            }
        }
    }
}
