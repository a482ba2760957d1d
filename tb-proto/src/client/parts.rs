//! Messages over a limit of the server travel in parts.
//!
//! ```text
//!   Telemetry, Attributes, Merged ──first part──▶ Whole ──part, part, …──▶ outcome of all
//! ```

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::message::Content;
use super::{Client, RequestId};
use crate::mqtt::{
    Content as _, Delivered, MessageId, NextPart, Outcome, PartLimits, Stage, UndeliveredCause,
};
use crate::tb::split::{Cursor, Meaning, TooLarge};
use crate::tb::telemetry::TelemetryBody;

/// Bytes of one message that are on their way in parts at a time, unless a single part is larger:
/// parts are copies, and a message may be as large as the queue.
const MOST_UNDER_WAY: usize = 64 * 1024;

/// A message of which parts have been made.
#[derive(Debug)]
pub(super) struct Whole {
    text: String,
    kind: Kind,
    cursor: Cursor,
    under_way: u32,
    bytes_under_way: usize,
    /// What became of the parts so far: the first failure, or the weakest delivery.
    outcome: Option<Result<Delivered, UndeliveredCause>>,
}

/// What the message was.
#[derive(Debug)]
enum Kind {
    Telemetry,
    Attributes,
    Merged {
        meaning: Meaning,
        members: Vec<RequestId>,
    },
}

impl Whole {
    /// The whole payload.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.text.capacity() + size_of_val(self.members())
    }

    /// The messages that were merged into it.
    pub(super) fn members(&self) -> &[RequestId] {
        match &self.kind {
            Kind::Merged { members, .. } => members,
            Kind::Telemetry | Kind::Attributes => &[],
        }
    }

    pub(super) const fn meaning(&self) -> Meaning {
        match self.kind {
            Kind::Telemetry => Meaning::Telemetry,
            Kind::Attributes => Meaning::Attributes,
            Kind::Merged { meaning, .. } => meaning,
        }
    }

    pub(super) const fn is_merged(&self) -> bool {
        matches!(self.kind, Kind::Merged { .. })
    }

    fn new(text: Vec<u8>, kind: Kind) -> Self {
        Self {
            // Payloads are made as UTF-8 or were checked to be.
            text: String::from_utf8(text).unwrap_or_default(),
            kind,
            cursor: Cursor::default(),
            under_way: 0,
            bytes_under_way: 0,
            outcome: None,
        }
    }

    fn next_part(&mut self, id: MessageId, limits: PartLimits) -> NextPart<Content> {
        if self.under_way > 0 && self.bytes_under_way >= MOST_UNDER_WAY {
            return NextPart::Later;
        }
        match self.cursor.next(&self.text, self.meaning(), limits) {
            Ok(Some(part)) => {
                self.under_way += 1;
                self.bytes_under_way += part.text.len();
                let meaning = self.meaning();
                NextPart::Part(Content::Part {
                    whole: id,
                    meaning,
                    part,
                })
            }
            Ok(None) if self.under_way > 0 => NextPart::AllUnderWay,
            Ok(None) => NextPart::Settled(self.outcome()),
            Err(TooLarge { size }) => NextPart::TooLarge { size },
        }
    }

    /// A part has its outcome. Returns whether no other is under way.
    fn part_ended(&mut self, bytes: usize, outcome: Outcome) -> bool {
        self.under_way = self.under_way.saturating_sub(1);
        self.bytes_under_way = self.bytes_under_way.saturating_sub(bytes);
        match (outcome, &self.outcome) {
            (_, Some(Err(_))) => {}
            // Of what was only sent nobody knows more, whatever becomes of the rest.
            (Outcome::Delivered(_), Some(Ok(Delivered::Sent))) => {}
            (Outcome::Delivered(delivered), _) => self.outcome = Some(Ok(delivered)),
            (Outcome::Undelivered(cause), _) => self.outcome = Some(Err(cause)),
            // Parts are sent again as the whole would be.
            (Outcome::LinkEnded { .. }, _) => self.outcome = Some(Err(UndeliveredCause::Abandoned)),
        }
        self.under_way == 0
    }

    fn outcome(&self) -> Outcome {
        match self.outcome {
            Some(Err(cause)) => Outcome::Undelivered(cause),
            Some(Ok(delivered)) => Outcome::Delivered(delivered),
            None => Outcome::Delivered(Delivered::Sent),
        }
    }
}

impl Content {
    /// Cuts off the next part; the first time, the message becomes a [`Whole`].
    pub(super) fn cut(&mut self, id: MessageId, limits: PartLimits) -> NextPart<Self> {
        let empty = || Self::Telemetry(TelemetryBody::empty());
        if !self.can_be_cut() {
            let size = self.payload_len();
            return NextPart::TooLarge { size };
        }
        let whole = match core::mem::replace(self, empty()) {
            Self::Telemetry(body) => Whole::new(body.bytes().to_vec(), Kind::Telemetry),
            Self::Attributes(body) => Whole::new(body.text, Kind::Attributes),
            Self::Merged {
                meaning,
                body,
                members,
            } => Whole::new(body.text, Kind::Merged { meaning, members }),
            Self::Whole(whole) => {
                *self = Self::Whole(whole);
                return match self {
                    Self::Whole(whole) => whole.next_part(id, limits),
                    _ => NextPart::Later,
                };
            }
            other => {
                *self = other;
                let size = self.payload_len();
                return NextPart::TooLarge { size };
            }
        };
        let mut whole = Box::new(whole);
        let next = whole.next_part(id, limits);
        *self = Self::Whole(whole);
        next
    }
}

/// Whether a payload that is larger than `max_bytes` can be cut so that every part fits.
pub(super) fn check(content: &Content, max_bytes: usize) -> Result<(), TooLarge> {
    let (text, meaning, head) = match content {
        other if !other.can_be_cut() => {
            let size = other.payload_len();
            return Err(TooLarge { size });
        }
        Content::Telemetry(body) => {
            // The time that it may still get goes with each part.
            let head = if body.needs_stamp() {
                TelemetryBody::STAMP
            } else {
                0
            };
            (body.bytes().to_vec(), Meaning::Telemetry, head)
        }
        Content::Attributes(body) => (body.text.clone(), Meaning::Attributes, 0),
        other => {
            let size = other.payload_len();
            return Err(TooLarge { size });
        }
    };
    let text = String::from_utf8(text).unwrap_or_default();
    let limits = PartLimits {
        bytes: max_bytes.saturating_sub(head),
        data_points: u32::MAX,
    };
    let mut cursor = Cursor::default();
    while cursor.next(&text, meaning, limits)?.is_some() {}
    Ok(())
}

impl Client {
    /// A part has its outcome; with the last one the whole message has its own.
    pub(super) fn part_ended(&mut self, id: MessageId, bytes: usize, outcome: Outcome) {
        let outbox = self.mqtt.outbox_mut();
        // It may have ended before its parts: abandoned, or expired.
        let Some(entry) = outbox.get_mut(id) else {
            return;
        };
        let Content::Whole(whole) = &mut entry.publication.content else {
            return;
        };
        let is_last = whole.part_ended(bytes, outcome) && entry.stage == Stage::Joined;
        let outcome = whole.outcome();
        if is_last && let Some(entry) = self.mqtt.take_out(id) {
            self.end_message(entry, outcome);
        }
    }
}
