//! Messages of a schema, from bytes to JSON and back, as ThingsBoard's printer and parser do it.

use std::collections::BTreeMap;

use super::NotProtobuf;
use super::scalar;
use super::schema::{Enum, Field, Kind, Label, Message, Scalar, Schema};
use super::wire::{self, Content};
use crate::sim::json::Json;

/// Messages within messages that are still read.
const DEEPEST: usize = 100;

impl Schema {
    /// The root message as JSON. Fields that cannot be absent are there with their default; unknown ones
    /// are left out.
    pub(in crate::sim) fn to_json(&self, bytes: &[u8]) -> Result<Json, NotProtobuf> {
        self.message_to_json(&self.messages[self.root], bytes, 0)
    }

    /// The root message with these members; members that it does not know are left out.
    pub(in crate::sim) fn to_bytes(&self, json: &Json) -> Result<Vec<u8>, NotProtobuf> {
        self.message_to_bytes(&self.messages[self.root], json)
    }

    fn message_to_json(
        &self,
        message: &Message,
        bytes: &[u8],
        depth: usize,
    ) -> Result<Json, NotProtobuf> {
        if depth > DEEPEST {
            return Err(NotProtobuf);
        }
        let mut by_number: BTreeMap<u32, Vec<Content<'_>>> = BTreeMap::new();
        for (number, content) in wire::fields(bytes)? {
            // Setting one of a oneof clears the others.
            if let Some(Label::OneOf(own)) = message.label_of(number) {
                by_number.retain(|&other, _| {
                    other == number || message.label_of(other) != Some(Label::OneOf(own))
                });
            }
            by_number.entry(number).or_default().push(content);
        }
        let mut members = Vec::new();
        for field in &message.fields {
            let contents = by_number.remove(&field.number).unwrap_or_default();
            if let Some(value) = self.field_to_json(field, &contents, depth)? {
                members.push((field.json_name(), value));
            }
        }
        Ok(Json::Object(members))
    }

    /// `None`: it is absent, and that shows.
    fn field_to_json(
        &self,
        field: &Field,
        contents: &[Content<'_>],
        depth: usize,
    ) -> Result<Option<Json>, NotProtobuf> {
        Ok(match field.label {
            Label::Repeated => {
                let mut elements = Vec::new();
                for content in contents {
                    for content in unpacked(field.kind, *content)? {
                        elements.extend(self.value_to_json(field.kind, content, depth)?);
                    }
                }
                Some(Json::Array(elements))
            }
            Label::Map(key) => {
                let mut members: Vec<(String, Json)> = Vec::new();
                for entry in contents.iter().filter_map(|content| content.delimited()) {
                    let (key, value) = self.entry_to_json(key, field.kind, entry, depth)?;
                    members.retain(|(known, _)| *known != key);
                    members.push((key, value));
                }
                Some(Json::Object(members))
            }
            Label::Implicit | Label::Optional | Label::OneOf(_) => {
                let value = match field.kind {
                    // The parts of a message that comes in pieces are put together.
                    Kind::Message(_) => {
                        let parts: Vec<_> = contents
                            .iter()
                            .filter_map(|part| part.delimited())
                            .collect();
                        let whole = parts.concat();
                        let whole = (!parts.is_empty()).then_some(Content::Delimited(&whole));
                        whole.map_or(Ok(None), |whole| {
                            self.value_to_json(field.kind, whole, depth)
                        })?
                    }
                    Kind::Scalar(_) | Kind::Enum(_) => {
                        let mut last = None;
                        for content in contents {
                            last = self.value_to_json(field.kind, *content, depth)?.or(last);
                        }
                        last
                    }
                };
                value.or_else(|| {
                    (field.label == Label::Implicit).then(|| self.default_of(field.kind))?
                })
            }
        })
    }

    fn entry_to_json(
        &self,
        key: Scalar,
        kind: Kind,
        entry: &[u8],
        depth: usize,
    ) -> Result<(String, Json), NotProtobuf> {
        let mut name = None;
        let mut value = None;
        for (number, content) in wire::fields(entry)? {
            match number {
                1 => name = scalar::to_json(key, content)?.or(name),
                2 => value = self.value_to_json(kind, content, depth)?.or(value),
                _ => {}
            }
        }
        let name = name.unwrap_or_else(|| scalar::default_of(key));
        let empty = || match kind {
            Kind::Message(message) => self.message_to_json(&self.messages[message], &[], depth + 1),
            _ => Ok(self.default_of(kind).unwrap_or(Json::Null)),
        };
        let value = value.map_or_else(empty, Ok)?;
        Ok((name.as_text().unwrap_or_default(), value))
    }

    /// `None`: the wire type is another one, which makes the field an unknown one.
    fn value_to_json(
        &self,
        kind: Kind,
        content: Content<'_>,
        depth: usize,
    ) -> Result<Option<Json>, NotProtobuf> {
        Ok(match kind {
            Kind::Scalar(scalar) => scalar::to_json(scalar, content)?,
            Kind::Enum(index) => content
                .varint()
                .map(|number| self.enums[index].to_json(number as i32)),
            Kind::Message(index) => match content.delimited() {
                Some(bytes) => {
                    let message = &self.messages[index];
                    Some(self.message_to_json(message, bytes, depth + 1)?)
                }
                None => None,
            },
        })
    }

    /// `None`: the absence of a message shows.
    fn default_of(&self, kind: Kind) -> Option<Json> {
        match kind {
            Kind::Scalar(scalar) => Some(scalar::default_of(scalar)),
            Kind::Enum(index) => Some(self.enums[index].to_json(0)),
            Kind::Message(_) => None,
        }
    }

    fn message_to_bytes(&self, message: &Message, json: &Json) -> Result<Vec<u8>, NotProtobuf> {
        if !matches!(json, Json::Object(_)) {
            return Err(NotProtobuf);
        }
        let mut out = Vec::new();
        for field in &message.fields {
            let value = json.member(&field.json_name());
            let value = value.or_else(|| json.member(&field.name));
            let Some(value) = value.filter(|value| **value != Json::Null) else {
                continue;
            };
            match (field.label, value) {
                (Label::Repeated, Json::Array(elements)) => {
                    for element in elements {
                        self.write_value(&mut out, field.number, field.kind, element)?;
                    }
                }
                (Label::Map(key), Json::Object(members)) => {
                    for (name, value) in members {
                        let mut entry = Vec::new();
                        scalar::write(&mut entry, 1, key, &Json::String(name.clone()))?;
                        self.write_value(&mut entry, 2, field.kind, value)?;
                        wire::present_bytes_field(&mut out, field.number, &entry);
                    }
                }
                (Label::Repeated | Label::Map(_), _) => return Err(NotProtobuf),
                (Label::Implicit, value) => {
                    let mut written = Vec::new();
                    self.write_value(&mut written, field.number, field.kind, value)?;
                    if !self.is_default(field.kind, &written)? {
                        out.extend(written);
                    }
                }
                (Label::Optional | Label::OneOf(_), value) => {
                    self.write_value(&mut out, field.number, field.kind, value)?;
                }
            }
        }
        Ok(out)
    }

    /// Whether a written field says no more than its absence.
    fn is_default(&self, kind: Kind, written: &[u8]) -> Result<bool, NotProtobuf> {
        let default = self.default_of(kind);
        match (default, wire::fields(written)?.as_slice()) {
            (Some(default), [(_, content)]) => {
                Ok(self.value_to_json(kind, *content, 0)? == Some(default))
            }
            _ => Ok(false),
        }
    }

    fn write_value(
        &self,
        out: &mut Vec<u8>,
        number: u32,
        kind: Kind,
        value: &Json,
    ) -> Result<(), NotProtobuf> {
        match kind {
            Kind::Scalar(scalar) => scalar::write(out, number, scalar, value)?,
            Kind::Enum(index) => {
                let value = self.enums[index].number_of(value)?;
                wire::write_tag(out, number, 0);
                wire::write_varint(out, i64::from(value).cast_unsigned());
            }
            Kind::Message(index) => {
                let message = self.message_to_bytes(&self.messages[index], value)?;
                wire::present_bytes_field(out, number, &message);
            }
        }
        Ok(())
    }
}

impl Message {
    fn label_of(&self, number: u32) -> Option<Label> {
        let field = self.fields.iter().find(|field| field.number == number)?;
        Some(field.label)
    }
}

impl Enum {
    /// Its name, or the number if it has none.
    fn to_json(&self, number: i32) -> Json {
        let known = self.values.iter().find(|(_, value)| *value == number);
        known.map_or_else(
            || Json::Number(number.to_string()),
            |(name, _)| Json::String(name.clone()),
        )
    }

    fn number_of(&self, json: &Json) -> Result<i32, NotProtobuf> {
        let text = json.as_text().ok_or(NotProtobuf)?;
        let named = self.values.iter().find(|(name, _)| *name == text);
        named.map_or_else(
            || text.parse().map_err(|_| NotProtobuf),
            |(_, number)| Ok(*number),
        )
    }
}

/// The elements of a packed field; any other is an element by itself.
fn unpacked(kind: Kind, content: Content<'_>) -> Result<Vec<Content<'_>>, NotProtobuf> {
    let scalar = match kind {
        Kind::Message(_) => return Ok(vec![content]),
        Kind::Scalar(scalar) if scalar::is_text(scalar) => return Ok(vec![content]),
        Kind::Scalar(scalar) => scalar,
        Kind::Enum(_) => Scalar::Int32,
    };
    let Content::Delimited(mut bytes) = content else {
        return Ok(vec![content]);
    };
    let mut elements = Vec::new();
    while !bytes.is_empty() {
        elements.push(match scalar {
            Scalar::Double | Scalar::Fixed64 | Scalar::SFixed64 => {
                let (element, rest) = bytes.split_first_chunk().ok_or(NotProtobuf)?;
                bytes = rest;
                Content::Fixed64(*element)
            }
            Scalar::Float | Scalar::Fixed32 | Scalar::SFixed32 => {
                let (element, rest) = bytes.split_first_chunk().ok_or(NotProtobuf)?;
                bytes = rest;
                Content::Fixed32(*element)
            }
            _ => Content::Varint(wire::varint(&mut bytes)?),
        });
    }
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> Schema {
        Schema::parse(text).unwrap()
    }

    const EVERYTHING: &str = "message All {
        double d = 1; float f = 2; int32 i = 3; int64 l = 4; uint32 ui = 5; uint64 ul = 6;
        sint32 si = 7; sint64 sl = 8; fixed32 fi = 9; fixed64 fl = 10; sfixed32 sfi = 11;
        sfixed64 sfl = 12; bool b = 13; string s = 14; bytes by = 15; Color color = 16;
        repeated int32 list = 17; map<string, int32> counts = 18; optional string maybe = 19;
        All inner = 20; oneof either { int32 left = 21; string right_side = 22; }
        enum Color { RED = 0; BLUE = 2; }
    }";

    #[test]
    fn absent_fields_have_their_default_unless_their_absence_shows() {
        assert_eq!(
            schema(EVERYTHING).to_json(b"").unwrap().to_text(),
            r#"{"d":0.0,"f":0.0,"i":0,"l":"0","ui":0,"ul":"0","si":0,"sl":"0","fi":0,"fl":"0","sfi":0,"sfl":"0","b":false,"s":"","by":"","color":"RED","list":[],"counts":{}}"#
        );
    }

    #[test]
    fn every_type_survives_the_way_to_bytes_and_back() {
        let text = r#"{"d":1.0E20,"f":0.1,"i":-5,"l":"-9223372036854775808","ui":4294967295,"ul":"18446744073709551615","si":-7,"sl":"-8","fi":9,"fl":"10","sfi":-11,"sfl":"-12","b":true,"s":"täxt","by":"AQIDBA==","color":"BLUE","list":[1,-2,3],"counts":{"a":1,"b":0},"maybe":"","inner":{"d":2.5,"f":0.0,"i":0,"l":"0","ui":0,"ul":"0","si":0,"sl":"0","fi":0,"fl":"0","sfi":0,"sfl":"0","b":false,"s":"","by":"","color":"RED","list":[],"counts":{}},"rightSide":"r"}"#;
        let schema = schema(EVERYTHING);
        let bytes = schema
            .to_bytes(&Json::parse(text.as_bytes()).unwrap())
            .unwrap();
        assert_eq!(schema.to_json(&bytes).unwrap().to_text(), text);
    }

    #[test]
    fn packed_and_single_elements_of_a_list_may_be_mixed() {
        let schema = schema("message A { repeated sint32 list = 1; }");
        let json = schema.to_json(&[0x0A, 2, 1, 2, 0x08, 3]).unwrap();
        assert_eq!(json.to_text(), r#"{"list":[-1,1,-2]}"#);
        assert_eq!(schema.to_json(&[0x0A, 1, 0x80]), Err(NotProtobuf));
    }

    #[test]
    fn of_a_oneof_the_last_counts_and_pieces_of_a_message_are_put_together() {
        let text = "message A { oneof x { int32 a = 1; int32 b = 2; } B m = 3; }
                    message B { int32 c = 1; int32 d = 2; }
                    message Root { A a = 1; }";
        let bytes = [
            0x0A, 8, 0x08, 1, 0x10, 2, 0x1A, 2, 0x08, 5, // a, b, m.c
            0x0A, 4, 0x1A, 2, 0x10, 6, // m.d
        ];
        assert_eq!(
            schema(text).to_json(&bytes).unwrap().to_text(),
            r#"{"a":{"b":2,"m":{"c":5,"d":6}}}"#
        );
    }

    #[test]
    fn unknown_fields_and_other_wire_types_are_left_out_but_bad_text_is_an_error() {
        let schema = schema("message A { optional string s = 1; optional int32 i = 2; }");
        let json = schema
            .to_json(&[0x08, 5, 0x12, 1, b'x', 0x1A, 1, b'y'])
            .unwrap();
        assert_eq!(json.to_text(), "{}");
        assert_eq!(schema.to_json(&[0x0A, 1, 0xFF]), Err(NotProtobuf));
    }

    #[test]
    fn json_that_does_not_fit_is_refused_and_unknown_members_are_dropped() {
        let schema = schema(
            "message A { optional int32 snake_case = 1; B b = 2; } message B { A a = 1; repeated int32 l = 2; }",
        );
        let bytes = |text: &str| schema.to_bytes(&Json::parse(text.as_bytes()).unwrap());
        let expected = Ok(vec![0x0A, 2, 0x08, 5]);
        assert_eq!(bytes(r#"{"a":{"snakeCase":5,"x":1}}"#), expected);
        assert_eq!(bytes(r#"{"a":{"snake_case":"5"},"l":null}"#), expected);
        for wrong in [
            r#"{"a":5}"#,
            r#"{"a":{"snakeCase":1.5}}"#,
            r#"{"l":5}"#,
            "[]",
        ] {
            assert_eq!(bytes(wrong), Err(NotProtobuf), "{wrong}");
        }
    }
}
