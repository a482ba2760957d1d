//! The fixed protobuf messages of device topics (reference §11.5): what `…/p` topics carry on every
//! profile. Messages after the schema of a profile are not read.

use super::stored::TypedValue;

/// Bytes that are no such message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotProtobuf;

/// AttributesRequest: lists of keys, separated by commas as in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AttributesRequest {
    pub(super) client_keys: Option<String>,
    pub(super) shared_keys: Option<String>,
}

/// RpcRequest of a client-side RPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RpcRequest {
    pub(super) method: String,
    /// JSON text.
    pub(super) params: String,
}

impl AttributesRequest {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, NotProtobuf> {
        let mut request = Self::default();
        for (number, text) in texts(bytes)? {
            match number {
                1 => request.client_keys = Some(text),
                2 => request.shared_keys = Some(text),
                _ => {}
            }
        }
        Ok(request)
    }
}

impl RpcRequest {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, NotProtobuf> {
        let mut request = Self::default();
        for (number, text) in texts(bytes)? {
            match number {
                1 => request.method = text,
                2 => request.params = text,
                _ => {}
            }
        }
        Ok(request)
    }
}

/// AttributeUpdateNotificationMsg for changed values.
pub(super) fn attributes_updated(values: &[(String, TypedValue)], unix_ms: i64) -> Vec<u8> {
    let mut message = Message::default();
    for (key, value) in values {
        message.message(1, &timed(key, value, unix_ms));
    }
    message.0
}

/// AttributeUpdateNotificationMsg for deleted keys.
pub(super) fn attributes_deleted(keys: &[String]) -> Vec<u8> {
    let mut message = Message::default();
    for key in keys {
        message.text(2, key);
    }
    message.0
}

/// GetAttributeResponseMsg.
pub(super) fn attribute_response(
    request: i32,
    client: &[(String, TypedValue)],
    shared: &[(String, TypedValue)],
    several_keys: bool,
    unix_ms: i64,
) -> Vec<u8> {
    let mut message = Message::default();
    message.integer(1, i64::from(request));
    for (field, values) in [(2, client), (3, shared)] {
        for (key, value) in values {
            message.message(field, &timed(key, value, unix_ms));
        }
    }
    message.integer(4, i64::from(several_keys));
    message.0
}

/// ToServerRpcResponseMsg with the answer of the rule chain.
pub(super) fn rpc_response(request: i32, payload: &str) -> Vec<u8> {
    let mut message = Message::default();
    message.integer(1, i64::from(request));
    message.text(2, payload);
    message.0
}

/// ToServerRpcResponseMsg with an error of the transport.
pub(super) fn rpc_error(request: i32, error: &str) -> Vec<u8> {
    let mut message = Message::default();
    message.integer(1, i64::from(request));
    message.text(3, error);
    message.0
}

/// TsKvProto around KeyValueProto.
fn timed(key: &str, value: &TypedValue, unix_ms: i64) -> Message {
    let mut pair = Message::default();
    pair.text(1, key);
    match value {
        TypedValue::Boolean(value) => pair.integer(3, i64::from(*value)),
        TypedValue::Long(value) => {
            pair.integer(2, 1);
            pair.integer(4, *value);
        }
        TypedValue::Double(value) => {
            pair.integer(2, 2);
            pair.double(5, *value);
        }
        TypedValue::String(text) => {
            pair.integer(2, 3);
            pair.text(6, text);
        }
        TypedValue::Json(text) => {
            pair.integer(2, 4);
            pair.text(7, text);
        }
    }
    let mut timed = Message::default();
    timed.integer(1, unix_ms);
    timed.message(2, &pair);
    timed
}

/// A message in the making. Fields with their default value are left out, as proto3 does.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn integer(&mut self, field: u32, value: i64) {
        if value != 0 {
            self.varint(u64::from(field) << 3);
            self.varint(value.cast_unsigned());
        }
    }

    fn double(&mut self, field: u32, value: f64) {
        if value != 0.0 {
            self.varint(u64::from(field) << 3 | 1);
            self.0.extend(value.to_le_bytes());
        }
    }

    fn text(&mut self, field: u32, text: &str) {
        if !text.is_empty() {
            self.delimited(field, text.as_bytes());
        }
    }

    fn message(&mut self, field: u32, message: &Self) {
        self.delimited(field, &message.0);
    }

    fn delimited(&mut self, field: u32, bytes: &[u8]) {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// The text fields of a message; fields of other kinds are skipped.
fn texts(mut bytes: &[u8]) -> Result<Vec<(u64, String)>, NotProtobuf> {
    let mut texts = Vec::new();
    while !bytes.is_empty() {
        let tag = take_varint(&mut bytes)?;
        if tag >> 3 == 0 {
            return Err(NotProtobuf);
        }
        match tag & 7 {
            0 => {
                take_varint(&mut bytes)?;
            }
            1 => {
                take(&mut bytes, 8)?;
            }
            2 => {
                let length = take_varint(&mut bytes)?;
                let text = take(
                    &mut bytes,
                    usize::try_from(length).map_err(|_| NotProtobuf)?,
                )?;
                let text = core::str::from_utf8(text).map_err(|_| NotProtobuf)?;
                texts.push((tag >> 3, text.to_owned()));
            }
            5 => {
                take(&mut bytes, 4)?;
            }
            _ => return Err(NotProtobuf),
        }
    }
    Ok(texts)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], NotProtobuf> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(NotProtobuf)?;
    *bytes = rest;
    Ok(taken)
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, NotProtobuf> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(bytes, 1)? else {
            return Err(NotProtobuf);
        };
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(NotProtobuf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_values_are_left_out() {
        let values = [("k".to_owned(), TypedValue::Boolean(false))];
        assert_eq!(attributes_updated(&values, 0), [10, 5, 18, 3, 10, 1, b'k']);
        assert!(rpc_response(0, "").is_empty());
    }

    #[test]
    fn the_request_of_a_client_is_read_whatever_the_order_of_its_fields() {
        let request = RpcRequest::read(b"\x12\x02{}\x18\x07\x0a\x01m").unwrap();
        assert_eq!(
            (request.method.as_str(), request.params.as_str()),
            ("m", "{}")
        );
        assert_eq!(RpcRequest::read(b"\xff\xff"), Err(NotProtobuf));
        assert_eq!(RpcRequest::read(b"{bad"), Err(NotProtobuf));
        assert_eq!(RpcRequest::read(b"\x0a\x05m"), Err(NotProtobuf));
    }
}
