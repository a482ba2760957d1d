//! Recorded bytes, some of which differ from run to run.

use core::fmt;
use core::ops::Range;
use std::collections::BTreeMap;

/// Bytes of a packet together with the places that are volatile: a token that the server invented,
/// the time of its clock. A volatile place holds filler of the recorded length, so that every length
/// inside the packet stays right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    bytes: Vec<u8>,
    volatile: Vec<Volatile>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Volatile {
    name: String,
    range: Range<usize>,
}

/// The length in bytes of every placeholder that a recording uses.
pub(crate) type PlaceholderLengths = BTreeMap<String, usize>;

/// Why a packet of a recording could not be read. The recording is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateError {
    /// Something other than pairs of hexadecimal digits.
    NotHexadecimal(String),
    /// A run that is not `first+step*count`.
    NotARun(String),
    /// `<` or `{{` without its end.
    Unterminated(String),
    /// A placeholder whose length the recording does not state.
    UnknownPlaceholder(String),
    /// A described packet that lacks a member, or contradicts itself.
    Incomplete(&'static str),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHexadecimal(text) => write!(f, "not hexadecimal: {text:?}"),
            Self::NotARun(text) => write!(f, "not a run of the form first+step*count: {text:?}"),
            Self::Unterminated(text) => write!(f, "an opening without its end: {text:?}"),
            Self::UnknownPlaceholder(name) => write!(f, "no length is given for {name:?}"),
            Self::Incomplete(what) => write!(f, "a described packet lacks {what}"),
        }
    }
}

impl core::error::Error for TemplateError {}

impl Template {
    /// The bytes, with filler at the volatile places.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether `actual` is these bytes, up to the volatile places.
    pub fn matches(&self, actual: &[u8]) -> bool {
        if actual.len() != self.bytes.len() {
            return false;
        }
        let mut fixed_from = 0;
        for volatile in &self.volatile {
            let fixed = fixed_from..volatile.range.start;
            if self.bytes.get(fixed.clone()) != actual.get(fixed) {
                return false;
            }
            if !actual
                .get(volatile.range.clone())
                .is_some_and(|value| plausible(&volatile.name, value))
            {
                return false;
            }
            fixed_from = volatile.range.end;
        }
        self.bytes.get(fixed_from..) == actual.get(fixed_from..)
    }

    /// The part from byte `from` on.
    pub(crate) fn tail(&self, from: usize) -> Self {
        let from = from.min(self.bytes.len());
        let volatile = self
            .volatile
            .iter()
            .filter(|volatile| volatile.range.start >= from);
        Self {
            bytes: self.bytes.get(from..).unwrap_or_default().to_vec(),
            volatile: volatile
                .map(|volatile| Volatile {
                    name: volatile.name.clone(),
                    range: volatile.range.start - from..volatile.range.end - from,
                })
                .collect(),
        }
    }

    /// The text, with `{{name}}` at the volatile places; `None` if it is not UTF-8.
    pub(crate) fn text(&self) -> Option<String> {
        let mut text = String::new();
        let mut fixed_from = 0;
        for volatile in &self.volatile {
            text.push_str(
                core::str::from_utf8(self.bytes.get(fixed_from..volatile.range.start)?).ok()?,
            );
            text.push_str(&format!("{{{{{}}}}}", volatile.name));
            fixed_from = volatile.range.end;
        }
        text.push_str(core::str::from_utf8(self.bytes.get(fixed_from..)?).ok()?);
        Some(text)
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn push_placeholder(
        &mut self,
        name: &str,
        lengths: &PlaceholderLengths,
    ) -> Result<(), TemplateError> {
        let length = *lengths
            .get(name)
            .ok_or_else(|| TemplateError::UnknownPlaceholder(name.to_owned()))?;
        let start = self.bytes.len();
        self.bytes.extend(filler(name, length));
        self.volatile.push(Volatile {
            name: name.to_owned(),
            range: start..start + length,
        });
        Ok(())
    }

    /// Digits in pairs and `{{name}}`, as the long form writes packets.
    pub(crate) fn from_hex(
        text: &str,
        lengths: &PlaceholderLengths,
    ) -> Result<Self, TemplateError> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some((digits, from_name)) = rest.split_once("{{") {
            template.push(&hexadecimal(digits)?);
            let (name, after) = from_name
                .split_once("}}")
                .ok_or_else(|| TemplateError::Unterminated(text.to_owned()))?;
            template.push_placeholder(name, lengths)?;
            rest = after;
        }
        template.push(&hexadecimal(rest)?);
        Ok(template)
    }
}

impl From<Vec<u8>> for Template {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            volatile: Vec::new(),
        }
    }
}

pub(crate) fn hexadecimal(digits: &str) -> Result<Vec<u8>, TemplateError> {
    let wrong = || TemplateError::NotHexadecimal(digits.to_owned());
    let values = digits
        .chars()
        .map(|digit| digit.to_digit(16))
        .collect::<Option<Vec<_>>>();
    let values = values.ok_or_else(wrong)?;
    let (pairs, rest) = values.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong());
    }
    Ok(pairs
        .iter()
        .map(|[high, low]| (high * 16 + low) as u8)
        .collect())
}

/// What a placeholder of that name can stand for.
fn plausible(name: &str, value: &[u8]) -> bool {
    match name {
        "generated_token" => value.iter().all(u8::is_ascii_alphanumeric),
        "server_time_ms" | "number" => value.iter().all(u8::is_ascii_digit),
        "time_varint" => match value.split_last() {
            Some((last, more)) => last & 0x80 == 0 && more.iter().all(|byte| byte & 0x80 != 0),
            None => false,
        },
        _ => true,
    }
}

/// Bytes that a reader takes at the place of that placeholder.
fn filler(name: &str, length: usize) -> Vec<u8> {
    match name {
        "time_varint" => {
            let mut varint = vec![0x80; length];
            if let Some(last) = varint.last_mut() {
                *last = 0x01;
            }
            varint
        }
        "server_time_ms" | "number" => vec![b'1'; length],
        _ => vec![b'x'; length],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths() -> PlaceholderLengths {
        [
            ("generated_token".to_owned(), 4),
            ("time_varint".to_owned(), 3),
        ]
        .into()
    }

    #[test]
    fn fixed_bytes_match_only_themselves() {
        let template = Template::from_hex("40020007", &lengths()).unwrap();
        assert!(template.matches(&[0x40, 2, 0, 7]));
        assert!(!template.matches(&[0x40, 2, 0, 8]));
        assert!(!template.matches(&[0x40, 2, 0]));
        assert!(!template.matches(&[0x40, 2, 0, 7, 0]));
    }

    #[test]
    fn a_volatile_place_takes_any_value_of_its_kind_and_no_other() {
        let template = Template::from_hex("22{{generated_token}}22", &lengths()).unwrap();
        assert!(template.matches(b"\"aB3z\""));
        assert!(!template.matches(b"\"a-3z\""));
        assert!(!template.matches(b"\"aB3zz\""));
        assert!(!template.matches(b"\"aB3z'"));
        let time = Template::from_hex("08{{time_varint}}", &lengths()).unwrap();
        assert!(time.matches(&[8, 0x81, 0x80, 1]));
        assert!(!time.matches(&[8, 0x81, 1, 1]));
    }

    #[test]
    fn filler_is_of_the_kind_it_stands_for() {
        let template =
            Template::from_hex("{{generated_token}}00{{time_varint}}", &lengths()).unwrap();
        assert!(template.matches(template.bytes()));
        assert_eq!(template.tail(5).bytes(), [0x80, 0x80, 1]);
    }

    #[test]
    fn text_names_the_volatile_places() {
        let template = Template::from_hex("7b{{generated_token}}7d", &lengths()).unwrap();
        assert_eq!(template.text().as_deref(), Some("{{{generated_token}}}"));
        assert_eq!(Template::from(vec![0xff]).text(), None);
    }

    #[test]
    fn what_is_not_hexadecimal_is_refused() {
        assert!(matches!(
            Template::from_hex("4", &lengths()),
            Err(TemplateError::NotHexadecimal(_))
        ));
        assert!(matches!(
            Template::from_hex("zz", &lengths()),
            Err(TemplateError::NotHexadecimal(_))
        ));
        assert!(matches!(
            Template::from_hex("{{x", &lengths()),
            Err(TemplateError::Unterminated(_))
        ));
        let unknown = Template::from_hex("{{x}}", &lengths());
        assert_eq!(
            unknown,
            Err(TemplateError::UnknownPlaceholder("x".to_owned()))
        );
    }
}
