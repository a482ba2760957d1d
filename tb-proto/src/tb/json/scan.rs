//! A strict JSON scanner: finds where values begin and end, builds nothing.
//!
//! It never recurses: the open objects and arrays are bits of one number, which is also the bound on
//! the depth.

use core::ops::Range;

use super::text::special;
use crate::tb::InvalidPayload;

/// Deepest nesting of objects and arrays, as `serde_json` has it.
pub(super) const DEEPEST: u32 = u128::BITS;

/// What a JSON value begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Text,
    Number,
    Boolean,
    Null,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
}

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadJson {
    Syntax { offset: usize },
    TooDeep,
}

impl From<BadJson> for InvalidPayload {
    fn from(bad: BadJson) -> Self {
        match bad {
            BadJson::Syntax { offset } => Self::Syntax { offset },
            BadJson::TooDeep => Self::TooDeep,
        }
    }
}

/// A position in a JSON text.
///
/// An object is walked with [`enter`](Self::enter), then [`member`](Self::member) and
/// [`value`](Self::value) in turn; an array likewise with [`element`](Self::element).
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Another scanner of the same text that stands at `at`.
    pub(crate) fn at(&self, at: usize) -> Self {
        Self {
            text: self.text,
            at,
        }
    }

    /// Where it stands.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// Steps into the object (`{`) or array (`[`) that stands here.
    pub(crate) fn enter(&mut self, opening: u8) -> Result<(), BadJson> {
        self.space();
        self.expect(opening)
    }

    /// Steps behind the next key and its colon; `None` behind the closing brace.
    ///
    /// `first` tells whether the object has just been entered. The range includes the quotes.
    pub(crate) fn member(&mut self, first: bool) -> Result<Option<Range<usize>>, BadJson> {
        if !self.next(first, b'}')? {
            return Ok(None);
        }
        self.space();
        let start = self.at;
        self.quoted()?;
        let key = start..self.at;
        self.space();
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// Steps to the next element; `false` behind the closing bracket.
    pub(crate) fn element(&mut self, first: bool) -> Result<bool, BadJson> {
        self.next(first, b']')
    }

    /// Steps behind the value that stands here.
    pub(crate) fn value(&mut self) -> Result<Value, BadJson> {
        self.space();
        let start = self.at;
        let kind = self.kind()?;
        match kind {
            Kind::Object | Kind::Array => self.container()?,
            _ => self.scalar(kind)?,
        }
        Ok(Value {
            kind,
            range: start..self.at,
        })
    }

    /// What kind of value comes next, without stepping over it.
    pub(crate) fn peek(&mut self) -> Result<Kind, BadJson> {
        self.space();
        self.kind()
    }

    /// Checks that only white space is left.
    pub(crate) fn end(&mut self) -> Result<(), BadJson> {
        self.space();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(self.syntax())
        }
    }

    /// The text in `range`, empty if there is none.
    pub(crate) fn slice(&self, range: &Range<usize>) -> &'a str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn next(&mut self, first: bool, closing: u8) -> Result<bool, BadJson> {
        self.space();
        if self.byte() == Some(closing) {
            self.step();
            return Ok(false);
        }
        if !first {
            self.expect(b',')?;
        }
        Ok(true)
    }

    fn kind(&self) -> Result<Kind, BadJson> {
        match self.byte() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::Text),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(self.syntax()),
        }
    }

    fn scalar(&mut self, kind: Kind) -> Result<(), BadJson> {
        match kind {
            Kind::Text => self.quoted(),
            Kind::Number => self.number(),
            Kind::Null => self.word("null"),
            _ if self.byte() == Some(b't') => self.word("true"),
            _ => self.word("false"),
        }
    }

    fn container(&mut self) -> Result<(), BadJson> {
        let mut open = Open::default();
        loop {
            // A value stands here.
            self.space();
            match self.kind()? {
                kind @ (Kind::Object | Kind::Array) => {
                    self.step();
                    open.push(kind)?;
                    self.space();
                    if self.byte() == Some(open.closing()) {
                        self.step();
                        open.pop();
                    } else {
                        if kind == Kind::Object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                kind => self.scalar(kind)?,
            }
            // Behind a value: close what ends here, until a comma announces the next.
            loop {
                if open.depth == 0 {
                    return Ok(());
                }
                self.space();
                if self.byte() == Some(open.closing()) {
                    self.step();
                    open.pop();
                } else {
                    self.expect(b',')?;
                    if open.closing() == b'}' {
                        self.space();
                        self.key()?;
                    }
                    break;
                }
            }
        }
    }

    fn key(&mut self) -> Result<(), BadJson> {
        self.quoted()?;
        self.space();
        self.expect(b':')
    }

    fn quoted(&mut self) -> Result<(), BadJson> {
        self.expect(b'"')?;
        loop {
            self.ordinary();
            match self.byte() {
                Some(b'"') => {
                    self.step();
                    return Ok(());
                }
                Some(b'\\') => {
                    self.step();
                    self.escape()?;
                }
                None | Some(0..0x20) => return Err(self.syntax()),
                Some(_) => self.step(),
            }
        }
    }

    /// Steps over characters that mean themselves, as long as eight bytes are left.
    fn ordinary(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let (words, _) = rest.as_chunks::<8>();
        for word in words {
            let found = special(word);
            self.at = self.at.saturating_add(found.unwrap_or(word.len()));
            if found.is_some() {
                return;
            }
        }
    }

    fn escape(&mut self) -> Result<(), BadJson> {
        match self.byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.step(),
            Some(b'u') => {
                self.step();
                for _ in 0..4 {
                    if !self.byte().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.syntax());
                    }
                    self.step();
                }
            }
            _ => return Err(self.syntax()),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), BadJson> {
        if self.byte() == Some(b'-') {
            self.step();
        }
        if self.byte() == Some(b'0') {
            self.step();
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.step();
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.step();
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.step();
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), BadJson> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.step();
        }
        if self.at == start {
            Err(self.syntax())
        } else {
            Ok(())
        }
    }

    fn word(&mut self, word: &str) -> Result<(), BadJson> {
        word.bytes().try_for_each(|byte| self.expect(byte))
    }

    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.step();
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), BadJson> {
        if self.byte() != Some(byte) {
            return Err(self.syntax());
        }
        self.step();
        Ok(())
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Only called on a byte that was seen, so `at` stays within the text.
    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn syntax(&self) -> BadJson {
        BadJson::Syntax { offset: self.at }
    }
}

/// The objects (1) and arrays (0) that are open; the innermost is the lowest bit.
#[derive(Default)]
struct Open {
    kinds: u128,
    depth: u32,
}

impl Open {
    fn push(&mut self, kind: Kind) -> Result<(), BadJson> {
        if self.depth == DEEPEST {
            return Err(BadJson::TooDeep);
        }
        self.depth = self.depth.saturating_add(1);
        self.kinds = self.kinds << 1 | u128::from(kind == Kind::Object);
        Ok(())
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.kinds >>= 1;
    }

    fn closing(&self) -> u8 {
        if self.kinds & 1 == 1 { b'}' } else { b']' }
    }
}

#[cfg(test)]
mod tests;
