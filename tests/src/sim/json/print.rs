//! JSON as Gson prints it: without white space, members in their order.

use core::fmt::Write;

use super::Json;

impl Json {
    /// Text in which null members of objects are left out; nulls in arrays stay (reference §17, 8).
    pub(in super::super) fn to_text(&self) -> String {
        let mut out = String::new();
        self.print(&mut out, false);
        out
    }

    /// Text with every null.
    pub(in super::super) fn to_text_with_nulls(&self) -> String {
        let mut out = String::new();
        self.print(&mut out, true);
        out
    }

    fn print(&self, out: &mut String, nulls: bool) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) => out.push_str(text),
            Self::String(text) => quote(out, text),
            Self::Array(elements) => {
                out.push('[');
                for (position, element) in elements.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    element.print(out, nulls);
                }
                out.push(']');
            }
            Self::Object(members) => {
                let shown = members
                    .iter()
                    .filter(|(_, value)| nulls || *value != Self::Null);
                out.push('{');
                for (position, (name, value)) in shown.enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    quote(out, name);
                    out.push(':');
                    value.print(out, nulls);
                }
                out.push('}');
            }
        }
    }
}

pub(in super::super) fn quote(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{C}' => out.push_str("\\f"),
            '\0'..='\u{1F}' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}
