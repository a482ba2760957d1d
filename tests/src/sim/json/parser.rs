//! The reader of Gson in its lenient mode (reference §2.4), followed token by token.

use core::iter::Peekable;
use core::str::CharIndices;

use super::{Json, NotJson};

/// Gson gives up at this depth, and so must we: the parser recurses.
const NESTING_LIMIT: usize = 255;

const NON_EXECUTE_PREFIX: &str = ")]}'\n";

pub(super) fn parse(text: &str) -> Result<Json, NotJson> {
    let mut parser = Parser::new(text);
    parser.skip_space()?;
    if text[parser.position()..].starts_with(NON_EXECUTE_PREFIX) {
        for _ in 0..NON_EXECUTE_PREFIX.len() {
            parser.characters.next();
        }
    }
    parser.skip_space()?;
    if parser.characters.peek().is_none() {
        return Ok(Json::Null);
    }
    let value = parser.value(0)?;
    parser.skip_space()?;
    // Gson accepts anything behind a lone null.
    if parser.characters.peek().is_some() && value != Json::Null {
        return Err(NotJson);
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    characters: Peekable<CharIndices<'a>>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            characters: text.char_indices().peekable(),
        }
    }

    fn position(&mut self) -> usize {
        self.characters
            .peek()
            .map_or(self.text.len(), |&(position, _)| position)
    }

    fn peek(&mut self) -> Result<char, NotJson> {
        self.characters
            .peek()
            .map(|&(_, character)| character)
            .ok_or(NotJson)
    }

    fn take(&mut self) -> Result<char, NotJson> {
        self.characters
            .next()
            .map(|(_, character)| character)
            .ok_or(NotJson)
    }

    fn take_if(&mut self, wanted: char) -> bool {
        self.characters
            .next_if(|&(_, character)| character == wanted)
            .is_some()
    }

    /// Skips white space and comments.
    fn skip_space(&mut self) -> Result<(), NotJson> {
        loop {
            while self
                .characters
                .next_if(|&(_, character)| matches!(character, ' ' | '\n' | '\r' | '\t'))
                .is_some()
            {}
            let rest = &self.text[self.position()..];
            if let Some(comment) = rest.strip_prefix("/*") {
                let end = comment.find("*/").ok_or(NotJson)? + 4;
                self.skip_bytes(end);
            } else if rest.starts_with("//") || rest.starts_with('#') {
                let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
                self.skip_bytes(end);
            } else {
                return Ok(());
            }
        }
    }

    fn skip_bytes(&mut self, count: usize) {
        let end = self.position() + count;
        while self
            .characters
            .next_if(|&(position, _)| position < end)
            .is_some()
        {}
    }

    fn value(&mut self, depth: usize) -> Result<Json, NotJson> {
        if depth > NESTING_LIMIT {
            return Err(NotJson);
        }
        self.skip_space()?;
        match self.peek()? {
            '{' => self.object(depth),
            '[' => self.array(depth),
            quote @ ('"' | '\'') => {
                self.take()?;
                self.quoted(quote).map(Json::String)
            }
            _ => self.literal(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, NotJson> {
        self.take()?;
        let mut members: Vec<(String, Json)> = Vec::new();
        self.skip_space()?;
        if self.take_if('}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space()?;
            let name = match self.peek()? {
                quote @ ('"' | '\'') => {
                    self.take()?;
                    self.quoted(quote)?
                }
                _ => self.unquoted()?.to_owned(),
            };
            self.skip_space()?;
            match self.take()? {
                ':' => {}
                '=' => {
                    self.take_if('>');
                }
                _ => return Err(NotJson),
            }
            let value = self.value(depth + 1)?;
            match members.iter_mut().find(|(key, _)| *key == name) {
                Some((_, slot)) => *slot = value,
                None => members.push((name, value)),
            }
            self.skip_space()?;
            match self.take()? {
                '}' => return Ok(Json::Object(members)),
                ',' | ';' => {}
                _ => return Err(NotJson),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, NotJson> {
        self.take()?;
        let mut elements = Vec::new();
        self.skip_space()?;
        if self.take_if(']') {
            return Ok(Json::Array(elements));
        }
        loop {
            self.skip_space()?;
            // A gap between separators is a null, and so is one before the closing bracket.
            let element = match self.peek()? {
                ',' | ';' | ']' => Json::Null,
                _ => self.value(depth + 1)?,
            };
            elements.push(element);
            self.skip_space()?;
            match self.take()? {
                ']' => return Ok(Json::Array(elements)),
                ',' | ';' => {}
                _ => return Err(NotJson),
            }
        }
    }

    /// A keyword, a number, or any other run of characters, which is a string.
    fn literal(&mut self) -> Result<Json, NotJson> {
        let word = self.unquoted()?;
        Ok(if word.eq_ignore_ascii_case("true") {
            Json::Boolean(true)
        } else if word.eq_ignore_ascii_case("false") {
            Json::Boolean(false)
        } else if word.eq_ignore_ascii_case("null") {
            Json::Null
        } else if is_number(word) {
            Json::Number(word.to_owned())
        } else {
            Json::String(word.to_owned())
        })
    }

    fn unquoted(&mut self) -> Result<&'a str, NotJson> {
        let start = self.position();
        while self
            .characters
            .next_if(|&(_, character)| is_literal(character))
            .is_some()
        {}
        let word = &self.text[start..self.position()];
        if word.is_empty() {
            Err(NotJson)
        } else {
            Ok(word)
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, NotJson> {
        let mut text = String::new();
        loop {
            match self.take()? {
                character if character == quote => return Ok(text),
                '\\' => text.push(self.escape()?),
                character => text.push(character),
            }
        }
    }

    fn escape(&mut self) -> Result<char, NotJson> {
        Ok(match self.take()? {
            't' => '\t',
            'b' => '\u{8}',
            'n' | '\n' => '\n',
            'r' => '\r',
            'f' => '\u{C}',
            character @ ('\'' | '"' | '\\' | '/') => character,
            'u' => {
                let unit = self.hex_unit()?;
                if (0xD800..0xDC00).contains(&unit) {
                    self.low_surrogate(unit)
                } else {
                    // A lone surrogate cannot be stored: Java writes a question mark.
                    char::from_u32(unit).unwrap_or('?')
                }
            }
            _ => return Err(NotJson),
        })
    }

    fn hex_unit(&mut self) -> Result<u32, NotJson> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + self.take()?.to_digit(16).ok_or(NotJson)?;
        }
        Ok(unit)
    }

    fn low_surrogate(&mut self, high: u32) -> char {
        let start = self.position();
        let low = self
            .text
            .get(start..start + 6)
            .and_then(|escape| escape.strip_prefix("\\u"))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .filter(|low| (0xDC00..0xE000).contains(low));
        let Some(low) = low else { return '?' };
        self.skip_bytes(6);
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)).unwrap_or('?')
    }
}

fn is_literal(character: char) -> bool {
    !matches!(
        character,
        '/' | '\\'
            | ';'
            | '#'
            | '='
            | '{'
            | '}'
            | '['
            | ']'
            | ':'
            | ','
            | ' '
            | '\t'
            | '\u{C}'
            | '\r'
            | '\n'
    )
}

/// JSON's own grammar: what deviates (`01`, `.5`, `+1`) is a string to Gson.
fn is_number(word: &str) -> bool {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
    let rest = word.strip_prefix('-').unwrap_or(word);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.starts_with('0')) {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}
