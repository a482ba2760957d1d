//! Protobuf without a schema: fields by number and wire type.

use serde_json::Value;

use super::json::json_agrees;

/// Whether `payload` has exactly the recorded fields: a list of `[field number, {kind: value}]` with
/// the kinds `varint`, `double`, `text`, `hex` and `message`.
pub(crate) fn agrees(recorded: &Value, payload: &[u8]) -> bool {
    let (Some(recorded), Some(fields)) = (recorded.as_array(), fields(payload)) else {
        return false;
    };
    recorded.len() == fields.len()
        && recorded
            .iter()
            .zip(&fields)
            .all(|(recorded, (number, content))| {
                recorded.get(0).and_then(Value::as_u64) == Some(*number)
                    && recorded
                        .get(1)
                        .is_some_and(|kind| content_agrees(kind, content))
            })
}

/// A payload with these fields; a volatile number becomes 1.
pub(crate) fn encode(recorded: &Value) -> Option<Vec<u8>> {
    let mut payload = Vec::new();
    for field in recorded.as_array()? {
        let number = field.get(0)?.as_u64()?;
        let kind = field.get(1)?;
        if let Some(value) = kind.get("varint") {
            push_varint(&mut payload, number << 3);
            push_varint(&mut payload, value.as_i64().map_or(1, i64::cast_unsigned));
        } else if let Some(value) = kind.get("double").and_then(Value::as_f64) {
            push_varint(&mut payload, number << 3 | 1);
            payload.extend(value.to_le_bytes());
        } else {
            let content = match kind.get("message") {
                Some(message) => encode(message)?,
                None => kind.get("text")?.as_str()?.as_bytes().to_vec(),
            };
            push_varint(&mut payload, number << 3 | 2);
            push_varint(&mut payload, content.len() as u64);
            payload.extend(content);
        }
    }
    Some(payload)
}

enum Content<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Delimited(&'a [u8]),
}

fn content_agrees(recorded: &Value, content: &Content<'_>) -> bool {
    match content {
        Content::Varint(value) => recorded.get("varint").is_some_and(|recorded| {
            json_agrees(recorded, &Value::from(value.cast_signed()))
                || json_agrees(recorded, &Value::from(*value))
        }),
        Content::Fixed64(bytes) => {
            let value = Value::from(f64::from_le_bytes(*bytes));
            recorded
                .get("double")
                .is_some_and(|recorded| json_agrees(recorded, &value))
        }
        Content::Delimited(bytes) => {
            if let Some(message) = recorded.get("message") {
                agrees(message, bytes)
            } else if let Some(text) = recorded.get("text") {
                core::str::from_utf8(bytes)
                    .is_ok_and(|actual| json_agrees(text, &Value::from(actual)))
            } else {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                recorded.get("hex").and_then(Value::as_str) == Some(digits.as_str())
            }
        }
    }
}

fn fields(mut payload: &[u8]) -> Option<Vec<(u64, Content<'_>)>> {
    let mut fields = Vec::new();
    while !payload.is_empty() {
        let tag;
        (tag, payload) = varint(payload)?;
        let content = match tag & 7 {
            0 => {
                let value;
                (value, payload) = varint(payload)?;
                Content::Varint(value)
            }
            1 => {
                let bytes;
                (bytes, payload) = payload.split_first_chunk::<8>()?;
                Content::Fixed64(*bytes)
            }
            2 => {
                let length;
                (length, payload) = varint(payload)?;
                let bytes;
                (bytes, payload) = payload.split_at_checked(usize::try_from(length).ok()?)?;
                Content::Delimited(bytes)
            }
            _ => return None,
        };
        fields.push((tag >> 3, content));
    }
    Some(fields)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (place, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

fn push_varint(payload: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        payload.push(value as u8 | 0x80);
        value >>= 7;
    }
    payload.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_agree_by_number_kind_and_value() {
        let recorded = json!([[1, {"text": "child1"}], [2, {"message": [[4, {"varint": "{{volatile}}"}], [5, {"varint": -3}]]}]]);
        let mut payload = encode(&recorded).unwrap();
        assert!(agrees(&recorded, &payload));
        assert!(!agrees(&json!([[1, {"text": "child2"}]]), &payload));
        payload.pop();
        assert!(!agrees(&recorded, &payload));
    }

    #[test]
    fn doubles_are_eight_bytes() {
        let recorded = json!([[2, {"double": 1.5}]]);
        assert_eq!(
            encode(&recorded).unwrap(),
            [0x11, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]
        );
        assert!(agrees(&recorded, &encode(&recorded).unwrap()));
        assert!(!agrees(
            &json!([[2, {"double": 2.5}]]),
            &encode(&recorded).unwrap()
        ));
    }

    #[test]
    fn other_wire_types_never_agree() {
        assert!(!agrees(&json!([]), &[0x0b]));
        assert!(agrees(&json!([]), &[]));
    }
}
