//! The reader of Gson in its lenient mode (reference §2.4), followed token by token.

use super::{Json, NotJson};

/// Gson gives up at this depth, and so must we: the parser recurses.
const NESTING_LIMIT: usize = 255;

const NON_EXECUTE_PREFIX: &str = ")]}'\n";

pub(super) fn parse(text: &str) -> Result<Json, NotJson> {
    let mut parser = Parser { text, at: 0 };
    parser.skip_space()?;
    if parser.rest().starts_with(NON_EXECUTE_PREFIX) {
        parser.at += NON_EXECUTE_PREFIX.len();
    }
    parser.skip_space()?;
    if parser.is_at_end() {
        return Ok(Json::Null);
    }
    let value = parser.value(0)?;
    parser.skip_space()?;
    // Gson accepts anything behind a lone null.
    if !parser.is_at_end() && value != Json::Null {
        return Err(NotJson);
    }
    Ok(value)
}

/// Everything that has a meaning is ASCII, so the text is walked byte by byte; `at` stands on the
/// first byte of a character whenever the text is sliced.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    const fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn next_byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn peek(&self) -> Result<u8, NotJson> {
        self.next_byte().ok_or(NotJson)
    }

    fn take(&mut self) -> Result<u8, NotJson> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    fn take_if(&mut self, wanted: u8) -> bool {
        let there = self.next_byte() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn skip_while(&mut self, skipped: impl Fn(u8) -> bool) {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(|&byte| skipped(byte)) {
            self.at += 1;
        }
    }

    /// Skips white space and comments.
    fn skip_space(&mut self) -> Result<(), NotJson> {
        loop {
            self.skip_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
            if !matches!(self.next_byte(), Some(b'/' | b'#')) {
                return Ok(());
            }
            let rest = self.rest();
            if let Some(comment) = rest.strip_prefix("/*") {
                self.at += comment.find("*/").ok_or(NotJson)? + 4;
            } else if rest.starts_with("//") || rest.starts_with('#') {
                self.skip_while(|byte| !matches!(byte, b'\n' | b'\r'));
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, NotJson> {
        if depth > NESTING_LIMIT {
            return Err(NotJson);
        }
        self.skip_space()?;
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            quote @ (b'"' | b'\'') => {
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
        if self.take_if(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space()?;
            let name = match self.peek()? {
                quote @ (b'"' | b'\'') => {
                    self.take()?;
                    self.quoted(quote)?
                }
                _ => self.unquoted()?.to_owned(),
            };
            self.skip_space()?;
            match self.take()? {
                b':' => {}
                b'=' => {
                    self.take_if(b'>');
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
                b'}' => return Ok(Json::Object(members)),
                b',' | b';' => {}
                _ => return Err(NotJson),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, NotJson> {
        self.take()?;
        let mut elements = Vec::new();
        self.skip_space()?;
        if self.take_if(b']') {
            return Ok(Json::Array(elements));
        }
        loop {
            self.skip_space()?;
            // A gap between separators is a null, and so is one before the closing bracket.
            let element = match self.peek()? {
                b',' | b';' | b']' => Json::Null,
                _ => self.value(depth + 1)?,
            };
            elements.push(element);
            self.skip_space()?;
            match self.take()? {
                b']' => return Ok(Json::Array(elements)),
                b',' | b';' => {}
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
        let start = self.at;
        self.skip_while(is_literal);
        match self.text.get(start..self.at) {
            Some(word) if !word.is_empty() => Ok(word),
            _ => Err(NotJson),
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<String, NotJson> {
        let mut text = String::new();
        loop {
            let start = self.at;
            self.skip_while(|byte| byte != quote && byte != b'\\');
            text.push_str(self.text.get(start..self.at).unwrap_or_default());
            if self.take()? == quote {
                return Ok(text);
            }
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, NotJson> {
        Ok(match self.take()? {
            b't' => '\t',
            b'b' => '\u{8}',
            b'n' | b'\n' => '\n',
            b'r' => '\r',
            b'f' => '\u{C}',
            byte @ (b'\'' | b'"' | b'\\' | b'/') => char::from(byte),
            b'u' => {
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
            unit = unit * 16 + char::from(self.take()?).to_digit(16).ok_or(NotJson)?;
        }
        Ok(unit)
    }

    /// The second half of a pair, if it follows; a question mark stands for a first half alone.
    fn low_surrogate(&mut self, high: u32) -> char {
        let low = self
            .rest()
            .get(..6)
            .and_then(|escape| escape.strip_prefix("\\u"))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .filter(|low| (0xDC00..0xE000).contains(low));
        let Some(low) = low else { return '?' };
        self.at += 6;
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)).unwrap_or('?')
    }
}

const fn is_literal(byte: u8) -> bool {
    !matches!(
        byte,
        b'/' | b'\\'
            | b';'
            | b'#'
            | b'='
            | b'{'
            | b'}'
            | b'['
            | b']'
            | b':'
            | b','
            | b' '
            | b'\t'
            | 0x0C
            | b'\r'
            | b'\n'
    )
}

/// JSON's own grammar: what deviates (`01`, `.5`, `+1`) is a string to Gson.
fn is_number(word: &str) -> bool {
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    is_digits(whole)
        && !leading_zero
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(|text| is_digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
