//! Numbers, text and bytes, each as the field of a message and as JSON.

use super::NotProtobuf;
use super::schema::Scalar;
use super::wire::{self, Content};
use crate::sim::json::{Json, java_double};

pub(super) const fn is_text(scalar: Scalar) -> bool {
    matches!(scalar, Scalar::String | Scalar::Bytes)
}

/// 64-bit integers are printed as strings.
pub(super) fn to_json(scalar: Scalar, content: Content<'_>) -> Result<Option<Json>, NotProtobuf> {
    let number = |text: String| Json::Number(text);
    let zigzag = |value: u64| (value >> 1).cast_signed() ^ -(value & 1).cast_signed();
    Ok(Some(match (scalar, content) {
        (Scalar::Double, Content::Fixed64(bytes)) => floating(f64::from_le_bytes(bytes)),
        // The shortest digits of the narrow number, not those of the wide one.
        (Scalar::Float, Content::Fixed32(bytes)) => {
            let text = f32::from_le_bytes(bytes).to_string();
            floating(text.parse().map_err(|_| NotProtobuf)?)
        }
        (Scalar::Int32, Content::Varint(value)) => number((value as i32).to_string()),
        (Scalar::UInt32, Content::Varint(value)) => number((value as u32).to_string()),
        (Scalar::SInt32, Content::Varint(value)) => {
            number((zigzag(u64::from(value as u32)) as i32).to_string())
        }
        (Scalar::Fixed32, Content::Fixed32(bytes)) => number(u32::from_le_bytes(bytes).to_string()),
        (Scalar::SFixed32, Content::Fixed32(bytes)) => {
            number(i32::from_le_bytes(bytes).to_string())
        }
        (Scalar::Int64, Content::Varint(value)) => Json::String(value.cast_signed().to_string()),
        (Scalar::UInt64, Content::Varint(value)) => Json::String(value.to_string()),
        (Scalar::SInt64, Content::Varint(value)) => Json::String(zigzag(value).to_string()),
        (Scalar::Fixed64, Content::Fixed64(bytes)) => {
            Json::String(u64::from_le_bytes(bytes).to_string())
        }
        (Scalar::SFixed64, Content::Fixed64(bytes)) => {
            Json::String(i64::from_le_bytes(bytes).to_string())
        }
        (Scalar::Bool, Content::Varint(value)) => Json::Boolean(value != 0),
        (Scalar::String, content @ Content::Delimited(_)) => Json::String(wire::text(content)?),
        (Scalar::Bytes, Content::Delimited(bytes)) => Json::String(base64(bytes)),
        _ => return Ok(None),
    }))
}

fn floating(value: f64) -> Json {
    if value.is_finite() {
        Json::Number(java_double(value))
    } else {
        Json::String(java_double(value))
    }
}

pub(super) fn default_of(scalar: Scalar) -> Json {
    match scalar {
        Scalar::Double | Scalar::Float => floating(0.0),
        Scalar::Int64 | Scalar::UInt64 | Scalar::SInt64 | Scalar::Fixed64 | Scalar::SFixed64 => {
            Json::String("0".to_owned())
        }
        Scalar::Int32 | Scalar::UInt32 | Scalar::SInt32 | Scalar::Fixed32 | Scalar::SFixed32 => {
            Json::Number("0".to_owned())
        }
        Scalar::Bool => Json::Boolean(false),
        Scalar::String | Scalar::Bytes => Json::String(String::new()),
    }
}

pub(super) fn write(
    out: &mut Vec<u8>,
    number: u32,
    scalar: Scalar,
    value: &Json,
) -> Result<(), NotProtobuf> {
    let text = value.as_text().ok_or(NotProtobuf)?;
    let double = || text.parse::<f64>().map_err(|_| NotProtobuf);
    let signed = || integer(&text);
    let unsigned = || text.parse::<u64>().map_err(|_| NotProtobuf);
    let narrow = || i32::try_from(integer(&text)?).map_err(|_| NotProtobuf);
    let narrow_unsigned = || u32::try_from(integer(&text)?).map_err(|_| NotProtobuf);
    let zigzag = |value: i64| (value << 1 ^ value >> 63).cast_unsigned();
    let mut varint = |value: u64| {
        wire::write_tag(out, number, 0);
        wire::write_varint(out, value);
    };
    match scalar {
        Scalar::Int32 => varint(i64::from(narrow()?).cast_unsigned()),
        Scalar::Int64 => varint(signed()?.cast_unsigned()),
        Scalar::UInt32 => varint(u64::from(narrow_unsigned()?)),
        Scalar::UInt64 => varint(unsigned()?),
        Scalar::SInt32 => varint(zigzag(i64::from(narrow()?))),
        Scalar::SInt64 => varint(zigzag(signed()?)),
        Scalar::Bool => match text.as_str() {
            "true" => varint(1),
            "false" => varint(0),
            _ => return Err(NotProtobuf),
        },
        Scalar::Double => fixed(out, number, 1, &double()?.to_le_bytes()),
        Scalar::Fixed64 => fixed(out, number, 1, &unsigned()?.to_le_bytes()),
        Scalar::SFixed64 => fixed(out, number, 1, &signed()?.to_le_bytes()),
        Scalar::Float => fixed(out, number, 5, &(double()? as f32).to_le_bytes()),
        Scalar::Fixed32 => fixed(out, number, 5, &narrow_unsigned()?.to_le_bytes()),
        Scalar::SFixed32 => fixed(out, number, 5, &narrow()?.to_le_bytes()),
        Scalar::String => wire::present_bytes_field(out, number, text.as_bytes()),
        Scalar::Bytes => wire::present_bytes_field(out, number, &from_base64(&text)?),
    }
    Ok(())
}

fn fixed(out: &mut Vec<u8>, number: u32, wire_type: u8, bytes: &[u8]) {
    wire::write_tag(out, number, wire_type);
    out.extend_from_slice(bytes);
}

/// `1.0` and `1e3` are integers, too.
fn integer(text: &str) -> Result<i64, NotProtobuf> {
    if let Ok(value) = text.parse() {
        return Ok(value);
    }
    let value: f64 = text.parse().map_err(|_| NotProtobuf)?;
    if value.fract() == 0.0 && value.abs() < 9e15 {
        Ok(value as i64)
    } else {
        Err(NotProtobuf)
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(padded);
        for digit in 0..4 {
            if digit <= chunk.len() {
                let index = bits >> (18 - 6 * digit) & 0x3F;
                text.push(char::from(BASE64[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

fn from_base64(text: &str) -> Result<Vec<u8>, NotProtobuf> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = BASE64.iter().position(|&digit| digit == byte);
        bits = bits << 6 | digit.ok_or(NotProtobuf)? as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Ok(bytes)
}
