//! The forms of a telemetry payload (TB §2.1), recognised in JSON text.

use alloc::vec::Vec;

use super::plausible;
use crate::tb::InvalidPayload;
use crate::tb::json::check::{self, Edits};
use crate::tb::json::scan::{BadJson, Kind, Scanner, Value};
use crate::tb::json::{unescaped, write_integer};

/// Which form a payload has, and what is open in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An object of keys that has no time yet.
    Values,
    /// An object to which nothing is to be added.
    Complete,
    /// An array of entries.
    List {
        /// Some of them have no time yet.
        unstamped: bool,
    },
    /// A protobuf message that has no time yet, as far as is known.
    Message {
        /// The number of its field `ts`, if there is one and it is known.
        ts_field: Option<u32>,
    },
    /// A protobuf message to which nothing is to be added.
    CompleteMessage,
}

/// A payload that follows the rules, apart from `edits`.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) form: Form,
    pub(super) data_points: u32,
    pub(super) edits: Edits,
}

/// Checks a whole payload.
pub(super) fn check(text: &str) -> Result<Checked, InvalidPayload> {
    let mut scanner = Scanner::new(text);
    if text.trim_ascii().is_empty() {
        return Err(InvalidPayload::Empty);
    }
    let mut edits = Edits::default();
    let mut total = Total::default();
    let form = match scanner.peek()? {
        Kind::Object => {
            if total.entry(&mut scanner, &mut edits)? {
                Form::Complete
            } else {
                Form::Values
            }
        }
        Kind::Array => {
            scanner.enter(b'[')?;
            let (mut first, mut unstamped) = (true, false);
            while scanner.element(first)? {
                first = false;
                if scanner.peek()? != Kind::Object {
                    return Err(InvalidPayload::NotAnObject);
                }
                unstamped |= !total.entry(&mut scanner, &mut edits)?;
            }
            Form::List { unstamped }
        }
        _ => return Err(InvalidPayload::NotAnObject),
    };
    scanner.end()?;
    if total.members == 0 {
        return Err(InvalidPayload::Empty);
    }
    Ok(Checked {
        form,
        data_points: total.data_points,
        edits,
    })
}

/// What the entries add up to.
#[derive(Default)]
struct Total {
    members: u32,
    data_points: u32,
}

impl Total {
    /// Checks the entry that stands here; true if it has its own time.
    fn entry(
        &mut self,
        scanner: &mut Scanner<'_>,
        edits: &mut Edits,
    ) -> Result<bool, InvalidPayload> {
        let mark = edits.mark();
        let outer = check::object(scanner, edits)?;
        let Some((ts, values)) = outer.timed() else {
            self.add(outer)?;
            return Ok(false);
        };
        // Beside `ts` and `values` the server ignores everything, so no rule concerns it.
        edits.forget(mark);
        plausible(timestamp(ts.kind, scanner.slice(&ts.range))?)?;
        if values.kind != Kind::Object {
            return Err(InvalidPayload::ValuesNotAnObject);
        }
        let inner = check::object(&mut scanner.at(values.range.start), edits)?;
        if inner.timed().is_some() {
            return Err(InvalidPayload::TimeTwice);
        }
        self.add(inner)?;
        Ok(true)
    }

    fn add(&mut self, object: check::Object) -> Result<(), InvalidPayload> {
        if let Some(refusal) = object.refusal {
            return Err(refusal);
        }
        self.members = self.members.saturating_add(object.members);
        self.data_points = self.data_points.saturating_add(object.data_points);
        Ok(())
    }
}

/// The time in a member `ts`: an integer, perhaps in quotes, as the server takes it (TB §2.2).
fn timestamp(kind: Kind, text: &str) -> Result<i64, InvalidPayload> {
    let digits = match kind {
        Kind::Number => text,
        Kind::Text => text.trim_matches('"'),
        _ => return Err(InvalidPayload::InvalidTimestamp),
    };
    if digits.starts_with('+') {
        return Err(InvalidPayload::InvalidTimestamp);
    }
    digits.parse().map_err(|_| InvalidPayload::InvalidTimestamp)
}

/// The checked array `text` in which every entry without a time has got this one.
pub(super) fn stamp_list(text: &[u8], unix_ms: i64) -> Vec<u8> {
    let text = core::str::from_utf8(text).unwrap_or_default();
    let mut out = Vec::with_capacity(text.len().saturating_mul(2));
    out.push(b'[');
    // The text was checked before, so the walk does not end early.
    let _ = stamp_entries(&mut Scanner::new(text), &mut out, unix_ms);
    out.push(b']');
    out
}

fn stamp_entries(
    scanner: &mut Scanner<'_>,
    out: &mut Vec<u8>,
    unix_ms: i64,
) -> Result<(), BadJson> {
    scanner.enter(b'[')?;
    let mut first = true;
    while scanner.element(first)? {
        if !first {
            out.push(b',');
        }
        first = false;
        let entry = scanner.value()?;
        let text = scanner.slice(&entry.range).as_bytes();
        if has_time(scanner, &entry)? {
            out.extend_from_slice(text);
        } else {
            out.extend_from_slice(b"{\"ts\":");
            write_integer(out, unix_ms);
            out.extend_from_slice(b",\"values\":");
            out.extend_from_slice(text);
            out.push(b'}');
        }
    }
    Ok(())
}

fn has_time(scanner: &Scanner<'_>, entry: &Value) -> Result<bool, BadJson> {
    let mut scanner = scanner.at(entry.range.start);
    let (mut first, mut ts, mut values) = (true, false, false);
    scanner.enter(b'{')?;
    while let Some(key) = scanner.member(first)? {
        first = false;
        match unescaped(scanner.slice(&key)).as_deref() {
            Some("ts") => ts = true,
            Some("values") => values = true,
            _ => {}
        }
        scanner.value()?;
    }
    Ok(ts && values)
}

#[cfg(test)]
mod tests;
