//! Schemas of device profiles: proto3 in one file, without imports (reference §11.4).

use std::collections::BTreeMap;

/// A schema. Its root is the last message at the top of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim) struct Schema {
    pub(super) messages: Vec<Message>,
    pub(super) enums: Vec<Enum>,
    pub(super) root: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// In the order of their numbers.
    pub(super) fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) label: Label,
    pub(super) kind: Kind,
}

/// How often a field occurs, and whether its absence shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// Absence is the default value.
    Implicit,
    Optional,
    /// One of those that share this number is set at most.
    OneOf(usize),
    Repeated,
    /// A map with keys of this type.
    Map(Scalar),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar(Scalar),
    /// Index into [`Schema::enums`].
    Enum(usize),
    /// Index into [`Schema::messages`].
    Message(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    UInt32,
    UInt64,
    SInt32,
    SInt64,
    Fixed32,
    Fixed64,
    SFixed32,
    SFixed64,
    Bool,
    String,
    Bytes,
}

/// Names and numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Enum {
    pub(super) values: Vec<(String, i32)>,
}

/// A text that is no schema that ThingsBoard takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct NotASchema;

impl Schema {
    pub(in crate::sim) fn parse(text: &str) -> Result<Self, NotASchema> {
        let mut parser = Parser {
            tokens: tokens(text)?.into_iter().peekable(),
            package: String::new(),
            messages: Vec::new(),
            enums: Vec::new(),
            root: None,
        };
        parser.file()?;
        parser.resolve()
    }
}

impl Field {
    /// The name in JSON: lowerCamelCase.
    pub(super) fn json_name(&self) -> String {
        let mut json = String::with_capacity(self.name.len());
        let mut raise = false;
        for character in self.name.chars() {
            if character == '_' {
                raise = true;
            } else if raise {
                json.push(character.to_ascii_uppercase());
                raise = false;
            } else {
                json.push(character);
            }
        }
        json
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// Letters, digits, underscores and dots.
    Word(String),
    Quoted,
    Symbol(char),
}

fn tokens(text: &str) -> Result<Vec<Token>, NotASchema> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word =
            |character: char| character.is_ascii_alphanumeric() || "_.".contains(character);
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").ok_or(NotASchema)?.1;
        } else if first == '"' || first == '\'' {
            rest = rest[1..].split_once(first).ok_or(NotASchema)?.1;
            tokens.push(Token::Quoted);
        } else if is_word(first) {
            let end = rest.find(|character| !is_word(character));
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            tokens.push(Token::Word(word.to_owned()));
            rest = after;
        } else {
            tokens.push(Token::Symbol(first));
            rest = &rest[first.len_utf8()..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    package: String,
    /// With their full names; types of fields are still names.
    messages: Vec<(String, Vec<Unresolved>)>,
    enums: Vec<(String, Enum)>,
    root: Option<usize>,
}

struct Unresolved {
    name: String,
    number: u32,
    label: Label,
    kind: String,
}

impl Parser {
    fn file(&mut self) -> Result<(), NotASchema> {
        while let Some(token) = self.tokens.next() {
            match token {
                Token::Symbol(';') => {}
                Token::Word(word) => match word.as_str() {
                    "syntax" | "option" => self.skip_statement()?,
                    "package" => {
                        self.package = self.word()?;
                        self.symbol(';')?;
                    }
                    "message" => self.root = Some(self.message("")?),
                    "enum" => self.enumeration("")?,
                    _ => return Err(NotASchema),
                },
                _ => return Err(NotASchema),
            }
        }
        Ok(())
    }

    fn message(&mut self, scope: &str) -> Result<usize, NotASchema> {
        let name = qualified(scope, &self.word()?);
        let index = self.messages.len();
        self.messages.push((name.clone(), Vec::new()));
        self.symbol('{')?;
        let mut one_ofs = 0;
        loop {
            match self.tokens.next().ok_or(NotASchema)? {
                Token::Symbol('}') => return Ok(index),
                Token::Symbol(';') => {}
                Token::Word(word) => match word.as_str() {
                    "message" => {
                        self.message(&name)?;
                    }
                    "enum" => self.enumeration(&name)?,
                    "option" | "reserved" => self.skip_statement()?,
                    "oneof" => {
                        self.one_of(index, one_ofs)?;
                        one_ofs += 1;
                    }
                    "required" | "extensions" | "extend" | "group" => return Err(NotASchema),
                    "optional" => self.field(index, Label::Optional, None)?,
                    "repeated" => self.field(index, Label::Repeated, None)?,
                    "map" if self.tokens.peek() == Some(&Token::Symbol('<')) => self.map(index)?,
                    _ => self.field(index, Label::Implicit, Some(word))?,
                },
                _ => return Err(NotASchema),
            }
        }
    }

    fn one_of(&mut self, message: usize, number: usize) -> Result<(), NotASchema> {
        self.word()?;
        self.symbol('{')?;
        loop {
            match self.tokens.next().ok_or(NotASchema)? {
                Token::Symbol('}') => return Ok(()),
                Token::Word(word) if word == "option" => self.skip_statement()?,
                Token::Word(word) => self.field(message, Label::OneOf(number), Some(word))?,
                _ => return Err(NotASchema),
            }
        }
    }

    fn map(&mut self, message: usize) -> Result<(), NotASchema> {
        self.symbol('<')?;
        let key = scalar(&self.word()?).ok_or(NotASchema)?;
        self.symbol(',')?;
        let kind = self.word()?;
        self.symbol('>')?;
        self.field(message, Label::Map(key), Some(kind))
    }

    fn field(
        &mut self,
        message: usize,
        label: Label,
        kind: Option<String>,
    ) -> Result<(), NotASchema> {
        let kind = kind.map_or_else(|| self.word(), Ok)?;
        let name = self.word()?;
        self.symbol('=')?;
        let number = self.word()?.parse().map_err(|_| NotASchema)?;
        self.skip_statement()?;
        self.messages[message].1.push(Unresolved {
            name,
            number,
            label,
            kind,
        });
        Ok(())
    }

    fn enumeration(&mut self, scope: &str) -> Result<(), NotASchema> {
        let name = qualified(scope, &self.word()?);
        self.symbol('{')?;
        let mut values = Vec::new();
        loop {
            match self.tokens.next().ok_or(NotASchema)? {
                Token::Symbol('}') => break,
                Token::Symbol(';') => {}
                Token::Word(word) if word == "option" || word == "reserved" => {
                    self.skip_statement()?;
                }
                Token::Word(name) => {
                    self.symbol('=')?;
                    let negative = self.tokens.next_if_eq(&Token::Symbol('-')).is_some();
                    let number: i32 = self.word()?.parse().map_err(|_| NotASchema)?;
                    values.push((name, if negative { -number } else { number }));
                    self.skip_statement()?;
                }
                Token::Quoted | Token::Symbol(_) => return Err(NotASchema),
            }
        }
        if values.is_empty() {
            return Err(NotASchema);
        }
        self.enums.push((name, Enum { values }));
        Ok(())
    }

    /// Options and what else has no meaning here, until the semicolon.
    fn skip_statement(&mut self) -> Result<(), NotASchema> {
        while self.tokens.next().ok_or(NotASchema)? != Token::Symbol(';') {}
        Ok(())
    }

    fn word(&mut self) -> Result<String, NotASchema> {
        match self.tokens.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => Err(NotASchema),
        }
    }

    fn symbol(&mut self, symbol: char) -> Result<(), NotASchema> {
        match self.tokens.next() {
            Some(Token::Symbol(found)) if found == symbol => Ok(()),
            _ => Err(NotASchema),
        }
    }

    /// Looks up the types of all fields.
    fn resolve(self) -> Result<Schema, NotASchema> {
        let mut types = BTreeMap::new();
        for (index, (name, _)) in self.enums.iter().enumerate() {
            types.insert(name.clone(), Kind::Enum(index));
        }
        for (index, (name, _)) in self.messages.iter().enumerate() {
            types.insert(name.clone(), Kind::Message(index));
        }
        let mut messages = Vec::with_capacity(self.messages.len());
        for (scope, unresolved) in &self.messages {
            let mut fields = Vec::with_capacity(unresolved.len());
            for field in unresolved {
                let kind = match scalar(&field.kind) {
                    Some(scalar) => Kind::Scalar(scalar),
                    None => named(&field.kind, scope, &self.package, &types).ok_or(NotASchema)?,
                };
                fields.push(Field {
                    name: field.name.clone(),
                    number: field.number,
                    label: field.label,
                    kind,
                });
            }
            fields.sort_by_key(|field| field.number);
            messages.push(Message { fields });
        }
        Ok(Schema {
            messages,
            enums: self.enums.into_iter().map(|(_, values)| values).collect(),
            root: self.root.ok_or(NotASchema)?,
        })
    }
}

/// The innermost type of this name that can be seen from the message `scope`.
fn named(name: &str, scope: &str, package: &str, types: &BTreeMap<String, Kind>) -> Option<Kind> {
    let mut scope = Some(scope);
    while let Some(inside) = scope {
        if let Some(kind) = types.get(&qualified(inside, name)) {
            return Some(*kind);
        }
        scope = inside.rsplit_once('.').map(|(outside, _)| outside);
    }
    let absolute = name.strip_prefix('.').unwrap_or(name);
    let in_package = absolute
        .strip_prefix(package)
        .and_then(|name| name.strip_prefix('.'));
    types
        .get(absolute)
        .or_else(|| types.get(in_package?))
        .copied()
}

fn qualified(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope}.{name}")
    }
}

fn scalar(name: &str) -> Option<Scalar> {
    Some(match name {
        "double" => Scalar::Double,
        "float" => Scalar::Float,
        "int32" => Scalar::Int32,
        "int64" => Scalar::Int64,
        "uint32" => Scalar::UInt32,
        "uint64" => Scalar::UInt64,
        "sint32" => Scalar::SInt32,
        "sint64" => Scalar::SInt64,
        "fixed32" => Scalar::Fixed32,
        "fixed64" => Scalar::Fixed64,
        "sfixed32" => Scalar::SFixed32,
        "sfixed64" => Scalar::SFixed64,
        "bool" => Scalar::Bool,
        "string" => Scalar::String,
        "bytes" => Scalar::Bytes,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_message_is_the_root_and_types_are_found_from_the_inside_out() {
        let schema = Schema::parse(
            r#"
            // A comment.
            syntax = "proto3";
            package demo;
            option java_package = "x";
            message Unit { string name = 1; }
            enum Level { LOW = 0; HIGH = -3 [deprecated = true]; }
            message Reading {
                reserved 9, 10 to 12;
                message Unit { int32 code = 1; }
                Unit inner = 2;
                demo.Unit outer = 1; /* by package */
                Level level = 3;
                oneof either { int32 a = 4; string b = 5; }
                map<string, Unit> units = 6;
                repeated double samples = 7 [packed = false];
            }
            "#,
        )
        .unwrap();
        assert_eq!(schema.root, 1);
        let fields: Vec<_> = schema.messages[1]
            .fields
            .iter()
            .map(|field| (field.name.as_str(), field.label, field.kind))
            .collect();
        assert_eq!(
            fields,
            [
                ("outer", Label::Implicit, Kind::Message(0)),
                ("inner", Label::Implicit, Kind::Message(2)),
                ("level", Label::Implicit, Kind::Enum(0)),
                ("a", Label::OneOf(0), Kind::Scalar(Scalar::Int32)),
                ("b", Label::OneOf(0), Kind::Scalar(Scalar::String)),
                ("units", Label::Map(Scalar::String), Kind::Message(2)),
                ("samples", Label::Repeated, Kind::Scalar(Scalar::Double)),
            ]
        );
        assert_eq!(schema.enums[0].values[1], ("HIGH".to_owned(), -3));
    }

    #[test]
    fn what_thingsboard_refuses_is_no_schema() {
        for text in [
            "",
            "message A {",
            "message A { required int32 a = 1; }",
            "message A { Unknown a = 1; }",
            "import \"b.proto\"; message A {}",
            "message A { int32 a = x; }",
            "enum A {} message B {}",
        ] {
            assert_eq!(Schema::parse(text), Err(NotASchema), "{text}");
        }
    }
}
