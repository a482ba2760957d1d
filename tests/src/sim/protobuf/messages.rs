//! The fixed messages (reference §11.5 and §11.7).

use super::NotProtobuf;
use super::wire::{bytes_field, fields, number_field, present_bytes_field, text, write_tag};
use crate::sim::stored::TypedValue;

/// Whether the bytes are a message of some schema.
pub(in crate::sim) fn is_message(bytes: &[u8]) -> bool {
    fields(bytes).is_ok()
}

/// `RpcRequest`: a client-side RPC; the parameters are JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct RpcRequest {
    pub(in crate::sim) method: String,
    pub(in crate::sim) params: String,
}

impl RpcRequest {
    pub(in crate::sim) fn read(bytes: &[u8]) -> Result<Self, NotProtobuf> {
        let mut request = Self::default();
        for (number, content) in fields(bytes)? {
            match number {
                1 => request.method = text(content)?,
                2 => request.params = text(content)?,
                _ => {}
            }
        }
        Ok(request)
    }
}

/// `AttributesRequest`: lists of keys with commas in between; an empty list is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct AttributesRequest {
    pub(in crate::sim) client_keys: String,
    pub(in crate::sim) shared_keys: String,
}

impl AttributesRequest {
    pub(in crate::sim) fn read(bytes: &[u8]) -> Result<Self, NotProtobuf> {
        let mut request = Self::default();
        for (number, content) in fields(bytes)? {
            match number {
                1 => request.client_keys = text(content)?,
                2 => request.shared_keys = text(content)?,
                _ => {}
            }
        }
        Ok(request)
    }
}

/// `ClaimDevice`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct ClaimDevice {
    pub(in crate::sim) secret_key: String,
    pub(in crate::sim) duration_ms: i64,
}

impl ClaimDevice {
    pub(in crate::sim) fn read(bytes: &[u8]) -> Result<Self, NotProtobuf> {
        let mut claim = Self::default();
        for (number, content) in fields(bytes)? {
            match number {
                1 => claim.secret_key = text(content)?,
                2 => claim.duration_ms = content.varint().ok_or(NotProtobuf)?.cast_signed(),
                _ => {}
            }
        }
        Ok(claim)
    }
}

/// `CredentialsType`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) enum CredentialsType {
    #[default]
    AccessToken,
    X509Certificate,
    MqttBasic,
    Lwm2mCredentials,
}

/// `ProvisionDeviceRequestMsg`, its inner messages included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct ProvisionDeviceRequest {
    pub(in crate::sim) device_name: String,
    pub(in crate::sim) credentials_type: CredentialsType,
    pub(in crate::sim) key: String,
    pub(in crate::sim) secret: String,
    pub(in crate::sim) token: String,
    pub(in crate::sim) hash: String,
    pub(in crate::sim) client_id: String,
    pub(in crate::sim) user_name: String,
    pub(in crate::sim) password: String,
    pub(in crate::sim) gateway: bool,
}

impl ProvisionDeviceRequest {
    pub(in crate::sim) fn read(bytes: &[u8]) -> Result<Self, NotProtobuf> {
        let mut request = Self::default();
        for (number, content) in fields(bytes)? {
            match (number, content.delimited(), content.varint()) {
                (1, Some(_), _) => request.device_name = text(content)?,
                (2, _, Some(number)) => {
                    request.credentials_type = match number {
                        1 => CredentialsType::X509Certificate,
                        2 => CredentialsType::MqttBasic,
                        3 => CredentialsType::Lwm2mCredentials,
                        _ => CredentialsType::AccessToken,
                    }
                }
                (3, Some(bytes), _) => {
                    for (number, content) in fields(bytes)? {
                        match number {
                            1 => request.key = text(content)?,
                            2 => request.secret = text(content)?,
                            _ => {}
                        }
                    }
                }
                (4, Some(bytes), _) => request.read_credentials(bytes)?,
                (5, _, Some(flag)) => request.gateway = flag != 0,
                _ => {}
            }
        }
        Ok(request)
    }

    fn read_credentials(&mut self, bytes: &[u8]) -> Result<(), NotProtobuf> {
        for (kind, content) in fields(bytes)? {
            for (number, content) in fields(content.delimited().ok_or(NotProtobuf)?)? {
                match (kind, number) {
                    (1, 1) => self.token = text(content)?,
                    (2, 1) => self.hash = text(content)?,
                    (3, 1) => self.client_id = text(content)?,
                    (3, 2) => self.user_name = text(content)?,
                    (3, 3) => self.password = text(content)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// `ProvisionDeviceResponseMsg`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim) enum ProvisionDeviceResponse<'a> {
    Success(CredentialsType, &'a str),
    NotFound,
    Failure,
}

impl ProvisionDeviceResponse<'_> {
    pub(in crate::sim) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Success(credentials_type, value) => {
                number_field(&mut out, 1, 1);
                number_field(&mut out, 2, *credentials_type as u64);
                bytes_field(&mut out, 3, value.as_bytes());
            }
            Self::NotFound => number_field(&mut out, 1, 2),
            Self::Failure => number_field(&mut out, 1, 3),
        }
        out
    }
}

/// `ToDeviceRpcRequestMsg`, as gateways get it.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct DeviceRpcRequest<'a> {
    pub(in crate::sim) id: i32,
    pub(in crate::sim) method: &'a str,
    pub(in crate::sim) params: &'a str,
    pub(in crate::sim) expiration_ms: i64,
    pub(in crate::sim) uuid: [u64; 2],
    pub(in crate::sim) oneway: bool,
    pub(in crate::sim) persisted: bool,
}

impl DeviceRpcRequest<'_> {
    pub(in crate::sim) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::new();
        number_field(&mut out, 1, i64::from(self.id).cast_unsigned());
        bytes_field(&mut out, 2, self.method.as_bytes());
        bytes_field(&mut out, 3, self.params.as_bytes());
        number_field(&mut out, 4, self.expiration_ms.cast_unsigned());
        number_field(&mut out, 5, self.uuid[0]);
        number_field(&mut out, 6, self.uuid[1]);
        number_field(&mut out, 7, u64::from(self.oneway));
        number_field(&mut out, 8, u64::from(self.persisted));
        out
    }
}

/// A message for a child, with its name: `GatewayAttributeUpdateNotificationMsg`,
/// `GatewayDeviceRpcRequestMsg`, `GatewayAttributeResponseMsg`.
pub(in crate::sim) fn for_child(name: &str, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    bytes_field(&mut out, 1, name.as_bytes());
    present_bytes_field(&mut out, 2, message);
    out
}

/// `ToServerRpcResponseMsg` with the reply, or with an error of the transport.
pub(in crate::sim) fn rpc_response(request: i32, reply: Result<&str, &str>) -> Vec<u8> {
    let mut out = Vec::new();
    number_field(&mut out, 1, i64::from(request).cast_unsigned());
    match reply {
        Ok(payload) => bytes_field(&mut out, 2, payload.as_bytes()),
        Err(error) => bytes_field(&mut out, 3, error.as_bytes()),
    }
    out
}

/// An attribute with its time in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sim) struct TimedAttribute {
    pub(in crate::sim) key: String,
    pub(in crate::sim) value: TypedValue,
    pub(in crate::sim) unix_ms: i64,
}

impl TimedAttribute {
    /// `TsKvProto`
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        number_field(&mut out, 1, self.unix_ms.cast_unsigned());
        present_bytes_field(&mut out, 2, &key_value(&self.key, &self.value));
        out
    }
}

/// `GetAttributeResponseMsg`
pub(in crate::sim) fn attributes_response(
    request: i32,
    client: &[TimedAttribute],
    shared: &[TimedAttribute],
    several_requested: bool,
) -> Vec<u8> {
    let mut out = Vec::new();
    number_field(&mut out, 1, i64::from(request).cast_unsigned());
    for (field, attributes) in [(2, client), (3, shared)] {
        for attribute in attributes {
            present_bytes_field(&mut out, field, &attribute.to_bytes());
        }
    }
    number_field(&mut out, 4, u64::from(several_requested));
    out
}

/// `AttributeUpdateNotificationMsg` with new values.
pub(in crate::sim) fn attributes_updated(unix_ms: i64, values: &[(String, TypedValue)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in values {
        let attribute = TimedAttribute {
            key: key.clone(),
            value: value.clone(),
            unix_ms,
        };
        present_bytes_field(&mut out, 1, &attribute.to_bytes());
    }
    out
}

/// `AttributeUpdateNotificationMsg` with deleted keys.
pub(in crate::sim) fn attributes_deleted(keys: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for key in keys {
        present_bytes_field(&mut out, 2, key.as_bytes());
    }
    out
}

/// `KeyValueProto`
fn key_value(key: &str, value: &TypedValue) -> Vec<u8> {
    let mut out = Vec::new();
    bytes_field(&mut out, 1, key.as_bytes());
    match value {
        TypedValue::Boolean(value) => number_field(&mut out, 3, u64::from(*value)),
        TypedValue::Long(value) => {
            number_field(&mut out, 2, 1);
            number_field(&mut out, 4, value.cast_unsigned());
        }
        TypedValue::Double(value) => {
            number_field(&mut out, 2, 2);
            if *value != 0.0 {
                write_tag(&mut out, 5, 1);
                out.extend_from_slice(&value.to_le_bytes());
            }
        }
        TypedValue::String(text) => {
            number_field(&mut out, 2, 3);
            bytes_field(&mut out, 6, text.as_bytes());
        }
        TypedValue::Json(text) => {
            number_field(&mut out, 2, 4);
            bytes_field(&mut out, 7, text.as_bytes());
        }
    }
    out
}
