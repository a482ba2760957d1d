//! A payload that is over a limit, cut into parts that are not.
//!
//! ```text
//!   [e1, e2, e3]                    ──▶  [e1, e2]                    [e3]
//!   {"ts":1,"values":{"a":1,"b":2}} ──▶  {"ts":1,"values":{"a":1}}   {"ts":1,"values":{"b":2}}
//! ```
//!
//! The text was checked before and is taken over as it stands: keys that occur twice stay twice, in
//! their order, and what an entry has beside its values goes with each of its parts.

use alloc::vec::Vec;
use core::ops::Range;

use super::json::scan::{BadJson, Kind, Scanner};
use super::json::unescaped;
use crate::mqtt::PartLimits;

/// What a payload means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// An entry, perhaps with its time, or an array of them (TB §2.1).
    Telemetry,
    /// One object of keys, whatever they are called.
    Attributes,
}

/// A part of a payload, a valid payload by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) text: Vec<u8>,
    pub(crate) data_points: u32,
}

/// Why there is no further part: this many bytes are the least that holds the next value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge {
    pub(crate) size: usize,
}

/// How far a payload has been cut up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cursor {
    #[default]
    Start,
    /// In an array, behind an element or the bracket.
    List {
        place: Place,
    },
    /// In the values of an entry; `list` is the place behind the entry.
    Entry {
        frame: Frame,
        place: Place,
        list: Option<Place>,
    },
    End,
}

/// A place between two elements or members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    at: usize,
    /// Nothing of the array or object comes before it.
    first: bool,
}

impl Cursor {
    /// The next part of `text`, or `None` when all of it has been cut.
    pub(crate) fn next(
        &mut self,
        text: &str,
        meaning: Meaning,
        limits: PartLimits,
    ) -> Result<Option<Part>, TooLarge> {
        // The text was checked when the message was made, so the walk meets no syntax error.
        self.walk(&Scanner::new(text), meaning, limits)
            .unwrap_or(Ok(None))
    }

    fn walk(
        &mut self,
        text: &Scanner<'_>,
        meaning: Meaning,
        limits: PartLimits,
    ) -> Result<Result<Option<Part>, TooLarge>, BadJson> {
        loop {
            match self {
                Self::Start => {
                    let mut scanner = text.clone();
                    *self = if scanner.peek()? == Kind::Array {
                        scanner.enter(b'[')?;
                        Self::List {
                            place: Place::first(&scanner),
                        }
                    } else {
                        Self::enter_entry(&scanner, meaning, None)?
                    };
                }
                Self::List { place } => {
                    let (part, next) = elements(text, *place, limits)?;
                    *self = match next {
                        After::Place(place) => Self::List { place },
                        After::Oversized { entry, behind } => {
                            Self::enter_entry(&text.at(entry), meaning, Some(behind))?
                        }
                        After::End => Self::End,
                    };
                    if part.is_some() {
                        return Ok(Ok(part));
                    }
                }
                Self::Entry { frame, place, list } => {
                    let (part, behind) = match members(text, frame, *place, limits)? {
                        Ok(members) => members,
                        Err(too_large) => return Ok(Err(too_large)),
                    };
                    match (behind, *list) {
                        (Some(behind), _) => *place = behind,
                        (None, Some(place)) => *self = Self::List { place },
                        (None, None) => *self = Self::End,
                    }
                    if part.is_some() {
                        return Ok(Ok(part));
                    }
                }
                Self::End => return Ok(Ok(None)),
            }
        }
    }

    fn enter_entry(
        scanner: &Scanner<'_>,
        meaning: Meaning,
        list: Option<Place>,
    ) -> Result<Self, BadJson> {
        let frame = Frame::of(scanner, meaning)?;
        Ok(Self::Entry {
            place: frame.first,
            frame,
            list,
        })
    }
}

impl Place {
    fn first(scanner: &Scanner<'_>) -> Self {
        Self {
            at: scanner.position(),
            first: true,
        }
    }

    const fn behind(range: &Range<usize>) -> Self {
        Self {
            at: range.end,
            first: false,
        }
    }
}

/// What stands around the values of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Up to the brace of the values.
    head: Vec<u8>,
    tail: &'static [u8],
    /// Behind that brace.
    first: Place,
}

impl Frame {
    fn of(entry: &Scanner<'_>, meaning: Meaning) -> Result<Self, BadJson> {
        let mut scanner = entry.clone();
        scanner.enter(b'{')?;
        let plain = Self {
            head: b"{".to_vec(),
            tail: b"}",
            first: Place::first(&scanner),
        };
        if meaning == Meaning::Attributes {
            return Ok(plain);
        }
        let mut head = b"{".to_vec();
        let (mut first, mut timed, mut values) = (true, false, None);
        while let Some(key) = scanner.member(first)? {
            first = false;
            let value = scanner.value()?;
            match unescaped(scanner.slice(&key)).as_deref() {
                // Of several the server takes the last (C-063).
                Some("values") => values = Some(value),
                name => {
                    timed |= name == Some("ts");
                    head.extend_from_slice(scanner.slice(&key).as_bytes());
                    head.push(b':');
                    head.extend_from_slice(scanner.slice(&value.range).as_bytes());
                    head.push(b',');
                }
            }
        }
        match values {
            Some(values) if timed => {
                head.extend_from_slice(b"\"values\":{");
                let mut inside = scanner.at(values.range.start);
                inside.enter(b'{')?;
                Ok(Self {
                    head,
                    tail: b"}}",
                    first: Place::first(&inside),
                })
            }
            _ => Ok(plain),
        }
    }
}

enum After {
    Place(Place),
    /// The entry here does not fit even alone.
    Oversized {
        entry: usize,
        behind: Place,
    },
    End,
}

/// As many elements of an array as go into one part.
fn elements(
    text: &Scanner<'_>,
    place: Place,
    limits: PartLimits,
) -> Result<(Option<Part>, After), BadJson> {
    let mut scanner = text.at(place.at);
    let (mut part, mut place) = (Gathered::new(b"[", b"]"), place);
    while scanner.element(place.first)? {
        let entry = scanner.value()?;
        let frame = Frame::of(&text.at(entry.range.start), Meaning::Telemetry)?;
        let data_points = points_of(text, &frame)?;
        let bytes = text.slice(&entry.range).as_bytes();
        if !part.takes(bytes.len(), data_points, limits) {
            let after = if part.is_empty() {
                After::Oversized {
                    entry: entry.range.start,
                    behind: Place::behind(&entry.range),
                }
            } else {
                After::Place(place)
            };
            return Ok((part.finish(), after));
        }
        part.add(bytes, data_points);
        place = Place::behind(&entry.range);
    }
    Ok((part.finish(), After::End))
}

fn points_of(text: &Scanner<'_>, frame: &Frame) -> Result<u32, BadJson> {
    let mut scanner = text.at(frame.first.at);
    let (mut first, mut points) = (true, 0_u32);
    while scanner.member(first)?.is_some() {
        first = false;
        points = points.saturating_add(u32::from(scanner.value()?.kind != Kind::Null));
    }
    Ok(points)
}

type Members = (Option<Part>, Option<Place>);

/// As many members of an entry as go into one part, and the place behind them.
fn members(
    text: &Scanner<'_>,
    frame: &Frame,
    place: Place,
    limits: PartLimits,
) -> Result<Result<Members, TooLarge>, BadJson> {
    let mut scanner = text.at(place.at);
    let (mut part, mut place) = (Gathered::new(&frame.head, frame.tail), place);
    while let Some(key) = scanner.member(place.first)? {
        let value = scanner.value()?;
        // The server stores nothing for a null (C-057).
        let data_points = u32::from(value.kind != Kind::Null);
        let member = key.start..value.range.end;
        let bytes = text.slice(&member).as_bytes();
        if !part.takes(bytes.len(), data_points, limits) {
            if part.is_empty() {
                let size = part.len_with(bytes.len());
                return Ok(Err(TooLarge { size }));
            }
            return Ok(Ok((part.finish(), Some(place))));
        }
        part.add(bytes, data_points);
        place = Place::behind(&member);
    }
    Ok(Ok((part.finish(), None)))
}

/// A part that is being put together.
struct Gathered {
    text: Vec<u8>,
    head: usize,
    tail: &'static [u8],
    data_points: u32,
}

impl Gathered {
    fn new(head: &[u8], tail: &'static [u8]) -> Self {
        Self {
            text: head.to_vec(),
            head: head.len(),
            tail,
            data_points: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.text.len() == self.head
    }

    fn len_with(&self, bytes: usize) -> usize {
        let comma = usize::from(!self.is_empty());
        self.text.len() + comma + bytes + self.tail.len()
    }

    fn takes(&self, bytes: usize, data_points: u32, limits: PartLimits) -> bool {
        // A value is one data point: alone it always goes.
        let points = self.data_points.saturating_add(data_points);
        self.len_with(bytes) <= limits.bytes && points <= limits.data_points.max(1)
    }

    fn add(&mut self, bytes: &[u8], data_points: u32) {
        if !self.is_empty() {
            self.text.push(b',');
        }
        self.text.extend_from_slice(bytes);
        self.data_points = self.data_points.saturating_add(data_points);
    }

    fn finish(mut self) -> Option<Part> {
        if self.is_empty() {
            return None;
        }
        self.text.extend_from_slice(self.tail);
        Some(Part {
            text: self.text,
            data_points: self.data_points,
        })
    }
}

#[cfg(test)]
mod tests;
