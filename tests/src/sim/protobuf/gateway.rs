//! The messages of gateways (reference §11.6).

use super::messages::ClaimDevice;
use super::wire::{fields, text};
use super::{Content, NotProtobuf};
use crate::sim::json::Json;
use crate::sim::stored::TypedValue;

/// Something with the name of a child.
pub(in crate::sim) type Named<T> = (String, T);

/// `ConnectMsg`: name and type of the child. `DisconnectMsg` is the same without a type.
pub(in crate::sim) fn connect(bytes: &[u8]) -> Result<(String, String), NotProtobuf> {
    let (mut name, mut device_type) = (String::new(), String::new());
    for (number, content) in fields(bytes)? {
        match number {
            1 => name = text(content)?,
            2 => device_type = text(content)?,
            _ => {}
        }
    }
    Ok((name, device_type))
}

pub(in crate::sim) type KeyValues = Vec<(String, TypedValue)>;

/// Values with the time that the device gave; 0 is none.
pub(in crate::sim) type Points = (Option<i64>, KeyValues);

/// An empty list, an empty key, or text that is no JSON where it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct InvalidValues;

type Checked<T> = Result<T, InvalidValues>;

/// `GatewayTelemetryMsg`
pub(in crate::sim) fn telemetry(
    bytes: &[u8],
) -> Result<Vec<Named<Checked<Vec<Points>>>>, NotProtobuf> {
    each(bytes, |part| {
        let (mut name, mut batches) = (String::new(), Vec::new());
        for (number, content) in fields(part)? {
            match number {
                1 => name = text(content)?,
                3 => {
                    for list in delimited(content, 1)? {
                        batches.push(points(list)?);
                    }
                }
                _ => {}
            }
        }
        let batches: Result<Vec<_>, _> = batches.into_iter().collect();
        let batches = batches.and_then(|batches| {
            if batches.is_empty() {
                Err(InvalidValues)
            } else {
                Ok(batches)
            }
        });
        Ok((name, batches))
    })
}

/// `GatewayAttributesMsg`
pub(in crate::sim) fn attributes(
    bytes: &[u8],
) -> Result<Vec<Named<Checked<KeyValues>>>, NotProtobuf> {
    each(bytes, |part| {
        let (mut name, mut values) = (String::new(), Err(InvalidValues));
        for (number, content) in fields(part)? {
            match number {
                1 => name = text(content)?,
                2 => values = key_values(content, 1)?,
                _ => {}
            }
        }
        Ok((name, values))
    })
}

/// `GatewayClaimMsg`
pub(in crate::sim) fn claims(bytes: &[u8]) -> Result<Vec<Named<ClaimDevice>>, NotProtobuf> {
    each(bytes, |part| {
        let (mut name, mut claim) = (String::new(), ClaimDevice::default());
        for (number, content) in fields(part)? {
            match number {
                1 => name = text(content)?,
                2 => claim = ClaimDevice::read(content.delimited().ok_or(NotProtobuf)?)?,
                _ => {}
            }
        }
        Ok((name, claim))
    })
}

/// `GatewayAttributesRequestMsg`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct GatewayAttributesRequest {
    pub(in crate::sim) id: i32,
    pub(in crate::sim) device: String,
    pub(in crate::sim) client: bool,
    pub(in crate::sim) keys: Vec<String>,
}

impl GatewayAttributesRequest {
    pub(in crate::sim) fn read(bytes: &[u8]) -> Result<Self, NotProtobuf> {
        let mut request = Self::default();
        for (number, content) in fields(bytes)? {
            match number {
                1 => request.id = content.varint().ok_or(NotProtobuf)? as i32,
                2 => request.device = text(content)?,
                3 => request.client = content.varint().ok_or(NotProtobuf)? != 0,
                4 => request.keys.push(text(content)?),
                _ => {}
            }
        }
        Ok(request)
    }
}

/// `GatewayRpcResponseMsg`: child, request and reply.
pub(in crate::sim) fn rpc_reply(bytes: &[u8]) -> Result<(String, i32, String), NotProtobuf> {
    let (mut device, mut id, mut data) = (String::new(), 0, String::new());
    for (number, content) in fields(bytes)? {
        match number {
            1 => device = text(content)?,
            2 => id = content.varint().ok_or(NotProtobuf)? as i32,
            3 => data = text(content)?,
            _ => {}
        }
    }
    Ok((device, id, data))
}

/// The messages in field 1, each read.
fn each<T>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<T, NotProtobuf>,
) -> Result<Vec<T>, NotProtobuf> {
    let mut all = Vec::new();
    for (number, content) in fields(bytes)? {
        if number == 1 {
            all.push(read(content.delimited().ok_or(NotProtobuf)?)?);
        }
    }
    Ok(all)
}

/// The fields of this number in an inner message.
fn delimited(content: Content<'_>, wanted: u32) -> Result<Vec<&[u8]>, NotProtobuf> {
    let mut all = Vec::new();
    for (number, content) in fields(content.delimited().ok_or(NotProtobuf)?)? {
        if number == wanted {
            all.push(content.delimited().ok_or(NotProtobuf)?);
        }
    }
    Ok(all)
}

/// `TsKvListProto`
fn points(bytes: &[u8]) -> Result<Checked<Points>, NotProtobuf> {
    let mut ts = 0;
    for (number, content) in fields(bytes)? {
        if number == 1 {
            ts = content.varint().ok_or(NotProtobuf)?.cast_signed();
        }
    }
    let values = key_values(Content::Delimited(bytes), 2)?;
    Ok(values.map(|values| ((ts != 0).then_some(ts), values)))
}

/// The repeated `KeyValueProto` of a message.
fn key_values(content: Content<'_>, field: u32) -> Result<Checked<KeyValues>, NotProtobuf> {
    let mut values = Vec::new();
    let mut valid = true;
    for bytes in delimited(content, field)? {
        let (key, value) = key_value(bytes)?;
        valid &= !key.is_empty();
        match value {
            Some(value) => values.push((key, value)),
            None => valid = false,
        }
    }
    valid &= !values.is_empty();
    Ok(if valid {
        Ok(values)
    } else {
        Err(InvalidValues)
    })
}

/// `KeyValueProto`; no value: it says that it is JSON, and is not.
fn key_value(bytes: &[u8]) -> Result<(String, Option<TypedValue>), NotProtobuf> {
    let mut key = String::new();
    let (mut kind, mut boolean, mut long, mut double) = (0, false, 0, 0.0);
    let (mut string, mut json) = (String::new(), String::new());
    for (number, content) in fields(bytes)? {
        match (number, content) {
            (1, _) => key = text(content)?,
            (2, Content::Varint(number)) => kind = number,
            (3, Content::Varint(flag)) => boolean = flag != 0,
            (4, Content::Varint(number)) => long = number.cast_signed(),
            (5, Content::Fixed64(bytes)) => double = f64::from_le_bytes(bytes),
            (6, _) => string = text(content)?,
            (7, _) => json = text(content)?,
            _ => {}
        }
    }
    let value = match kind {
        0 => Some(TypedValue::Boolean(boolean)),
        1 => Some(TypedValue::Long(long)),
        2 => Some(TypedValue::Double(double)),
        3 => Some(TypedValue::String(string)),
        _ => Json::parse(json.as_bytes())
            .is_ok()
            .then_some(TypedValue::Json(json)),
    };
    Ok((key, value))
}
