//! The same rules for JSON that is text already.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::key::check_key;
use super::number::{self, Written};
use super::scan::{BadJson, Kind, Scanner, Value};
use super::text::unescaped;
use crate::tb::InvalidPayload;

/// Numbers that have to be written in another way, in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// How many there are; [`forget`](Self::forget) takes back what came later.
    pub(crate) fn mark(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn forget(&mut self, mark: usize) {
        self.0.truncate(mark);
    }

    /// The text with every number replaced; the very same bytes if there is none.
    pub(crate) fn apply(self, text: Vec<u8>) -> Vec<u8> {
        if self.0.is_empty() {
            return text;
        }
        let mut out = Vec::with_capacity(text.len());
        let mut done = 0;
        for (range, number) in self.0 {
            out.extend_from_slice(text.get(done..range.start).unwrap_or_default());
            out.extend_from_slice(number.as_bytes());
            done = range.end;
        }
        out.extend_from_slice(text.get(done..).unwrap_or_default());
        out
    }
}

/// An object of keys in a text.
#[derive(Debug, Default)]
pub(crate) struct Object {
    /// Members, those with a null value included.
    pub(crate) members: u32,
    /// Members that the server stores (C-057).
    pub(crate) data_points: u32,
    pub(crate) ts: Option<Value>,
    pub(crate) values: Option<Value>,
    /// The first member that the server could not store as it is meant.
    pub(crate) refusal: Option<InvalidPayload>,
}

impl Object {
    /// Whether the server reads this as an entry with a time (C-048, C-050).
    pub(crate) fn timed(&self) -> Option<(&Value, &Value)> {
        self.ts.as_ref().zip(self.values.as_ref())
    }
}

/// Walks the object that stands here and applies the rules of keys and numbers to its members.
///
/// Of members with the same key each counts, though the server keeps the last (C-063).
pub(crate) fn object(scanner: &mut Scanner<'_>, edits: &mut Edits) -> Result<Object, BadJson> {
    let mut object = Object::default();
    scanner.enter(b'{')?;
    while let Some(key_range) = scanner.member(object.members == 0)? {
        let value = scanner.value()?;
        let Some(key) = unescaped(scanner.slice(&key_range)) else {
            return Err(BadJson::Syntax {
                offset: key_range.start,
            });
        };
        object.members = object.members.saturating_add(1);
        if value.kind != Kind::Null {
            object.data_points = object.data_points.saturating_add(1);
        }
        if object.refusal.is_none() {
            let verdict = check_key(&key).and_then(|()| stored(scanner, &value, edits));
            object.refusal = verdict.err().map(|refusal| refusal.below(&key));
        }
        match &*key {
            "ts" => object.ts = Some(value),
            "values" => object.values = Some(value),
            _ => {}
        }
    }
    Ok(object)
}

/// Sees to it that a value directly below a key is stored as it is meant.
fn stored(scanner: &Scanner<'_>, value: &Value, edits: &mut Edits) -> Result<(), InvalidPayload> {
    if value.kind == Kind::Number {
        match number::judge(scanner.slice(&value.range)) {
            Written::Well => {}
            Written::Better(number) => edits.0.push((value.range.clone(), number)),
            Written::IntegerOutOfRange => {
                return Err(InvalidPayload::IntegerOutOfRange { key: String::new() });
            }
            Written::FloatOutOfRange => {
                return Err(InvalidPayload::FloatOutOfRange { key: String::new() });
            }
        }
    }
    Ok(())
}

/// Appends a value that is JSON text already.
pub(super) fn embed(out: &mut Vec<u8>, text: &str, as_stored: bool) -> Result<(), InvalidPayload> {
    let mut scanner = Scanner::new(text);
    let value = scanner.value()?;
    scanner.end()?;
    let mut edits = Edits::default();
    if as_stored {
        stored(&scanner, &value, &mut edits)?;
    }
    match edits.0.pop() {
        Some((_, number)) => out.extend_from_slice(number.as_bytes()),
        None => out.extend_from_slice(text.as_bytes()),
    }
    Ok(())
}
