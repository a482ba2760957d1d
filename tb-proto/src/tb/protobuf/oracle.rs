//! The same messages once more, by `prost`: what it writes we read, what we write it reads.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use serde_json::Value as Json;

use super::*;
use crate::tb::{AttributeMap, UnexpectedPayload};

#[derive(Clone, PartialEq, Message)]
struct AttributesRequest {
    #[prost(string, tag = "1")]
    client_keys: String,
    #[prost(string, tag = "2")]
    shared_keys: String,
}

#[derive(Clone, PartialEq, Message)]
struct RpcRequest {
    #[prost(string, tag = "1")]
    method: String,
    #[prost(string, tag = "2")]
    params: String,
}

#[derive(Clone, PartialEq, Message)]
struct ClaimDevice {
    #[prost(string, tag = "1")]
    secret_key: String,
    #[prost(int64, tag = "2")]
    duration_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValueProto {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(int32, tag = "2")]
    kind: i32,
    #[prost(bool, tag = "3")]
    bool_v: bool,
    #[prost(int64, tag = "4")]
    long_v: i64,
    #[prost(double, tag = "5")]
    double_v: f64,
    #[prost(string, tag = "6")]
    string_v: String,
    #[prost(string, tag = "7")]
    json_v: String,
}

#[derive(Clone, PartialEq, Message)]
struct TsKvProto {
    #[prost(int64, tag = "1")]
    ts: i64,
    #[prost(message, optional, tag = "2")]
    kv: Option<KeyValueProto>,
    #[prost(int64, optional, tag = "3")]
    version: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct GetAttributeResponseMsg {
    #[prost(int32, tag = "1")]
    request_id: i32,
    #[prost(message, repeated, tag = "2")]
    client: Vec<TsKvProto>,
    #[prost(message, repeated, tag = "3")]
    shared: Vec<TsKvProto>,
    #[prost(bool, tag = "4")]
    is_multiple: bool,
    #[prost(string, tag = "5")]
    error: String,
    #[prost(bool, tag = "6")]
    shared_state_msg: bool,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeUpdateNotificationMsg {
    #[prost(message, repeated, tag = "1")]
    updated: Vec<TsKvProto>,
    #[prost(string, repeated, tag = "2")]
    deleted: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct ToServerRpcResponseMsg {
    #[prost(int32, tag = "1")]
    request_id: i32,
    #[prost(string, tag = "2")]
    payload: String,
    #[prost(string, tag = "3")]
    error: String,
}

/// The default schema; `params` is as good as bytes on the wire.
#[derive(Clone, PartialEq, Message)]
struct RpcRequestMsg {
    #[prost(string, optional, tag = "1")]
    method: Option<String>,
    #[prost(int32, optional, tag = "2")]
    request_id: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "3")]
    params: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct RpcResponseMsg {
    #[prost(string, optional, tag = "1")]
    payload: Option<String>,
}

fn key_values() -> impl Strategy<Value = KeyValueProto> {
    let json = prop_oneof![
        Just("{\"a\":[1,null]}".into()),
        Just("[]".into()),
        Just("7".into())
    ];
    (
        "[a-d]{0,2}",
        0..5_i32,
        any::<bool>(),
        any::<i64>(),
        any::<f64>(),
        ".*",
        json,
    )
        .prop_map(
            |(key, kind, bool_v, long_v, double_v, string_v, json_v)| KeyValueProto {
                key,
                kind,
                bool_v,
                long_v,
                double_v,
                string_v,
                json_v,
            },
        )
}

fn entries() -> impl Strategy<Value = Vec<TsKvProto>> {
    let entry = (
        any::<i64>(),
        proptest::option::of(key_values()),
        any::<Option<i64>>(),
    );
    let entry = entry.prop_map(|(ts, kv, version)| TsKvProto { ts, kv, version });
    proptest::collection::vec(entry, 0..6)
}

/// What the entries say; of a key that is there twice the later value.
fn expected(entries: &[TsKvProto]) -> AttributeMap {
    let values = entries.iter().map(|entry| {
        let kv = entry.kv.clone().unwrap_or_default();
        let value = match kv.kind {
            0 => Json::from(kv.bool_v),
            1 => Json::from(kv.long_v),
            2 => Json::from(kv.double_v),
            3 => Json::from(kv.string_v),
            _ => serde_json::from_str(&kv.json_v).unwrap(),
        };
        (kv.key, value)
    });
    values.collect()
}

/// What another version of the server might add: fields that we do not know.
fn unknown_fields() -> impl Strategy<Value = Vec<u8>> {
    #[derive(Clone, PartialEq, Message)]
    struct Unknown {
        #[prost(int64, tag = "900")]
        number: i64,
        #[prost(bytes = "vec", tag = "901")]
        bytes: Vec<u8>,
        #[prost(fixed32, tag = "902")]
        four: u32,
        #[prost(double, tag = "903")]
        eight: f64,
    }
    (any::<i64>(), any::<Vec<u8>>(), any::<u32>(), any::<f64>()).prop_map(
        |(number, bytes, four, eight)| {
            Unknown {
                number,
                bytes,
                four,
                eight,
            }
            .encode_to_vec()
        },
    )
}

proptest! {
    #[test]
    fn what_we_write_is_read(client in keys(), shared in keys(), text in ".*", params in ".*", duration: i64) {
        let request = AttributesRequest::decode(&*attributes_request(&client, &shared)).unwrap();
        prop_assert_eq!(request.client_keys, client.join(","));
        prop_assert_eq!(request.shared_keys, shared.join(","));

        let call = RpcRequest::decode(&*rpc_request(&text, params.as_bytes())).unwrap();
        prop_assert_eq!((&call.method, &call.params), (&text, &params));

        let claimed = ClaimDevice::decode(&*claim(&text, duration)).unwrap();
        prop_assert_eq!((&claimed.secret_key, claimed.duration_ms), (&text, duration));

        let reply = RpcResponseMsg::decode(&*rpc_reply(text.as_bytes())).unwrap();
        prop_assert_eq!(reply.payload.unwrap_or_default(), text);
    }

    #[test]
    fn attribute_values_are_read(
        request_id: i32, client in entries(), shared in entries(), is_multiple: bool, unknown in unknown_fields(),
    ) {
        let message = GetAttributeResponseMsg {
            request_id, client, shared, is_multiple, error: String::new(), shared_state_msg: is_multiple,
        };
        let bytes = [message.encode_to_vec(), unknown].concat();
        let read = read_attribute_values(&bytes, request_id).unwrap();
        prop_assert_eq!(read.client, expected(&message.client));
        prop_assert_eq!(read.shared, expected(&message.shared));
    }

    #[test]
    fn attribute_updates_are_read(
        updated in entries(), deleted in proptest::collection::vec("[a-d]{0,2}", 0..4), unknown in unknown_fields(),
    ) {
        let message = AttributeUpdateNotificationMsg { updated, deleted };
        let bytes = [unknown, message.encode_to_vec()].concat();
        let read = read_attribute_update(&bytes);
        let updated = expected(&message.updated);
        let mut deleted = message.deleted;
        deleted.sort();
        deleted.dedup();
        deleted.retain(|key| !updated.contains_key(key));
        if updated.is_empty() && deleted.is_empty() {
            prop_assert!(read.is_err());
        } else {
            let read = read.unwrap();
            prop_assert_eq!((read.updated, read.deleted), (updated, deleted));
        }
    }

    #[test]
    fn calls_and_answers_are_read(
        request_id: i32, text in ".*", method in ".+", params: Option<Vec<u8>>, unknown in unknown_fields(),
    ) {
        let bytes = |message: Vec<u8>| Bytes::from([message, unknown.clone()].concat());
        let answer = ToServerRpcResponseMsg { request_id, payload: text.clone(), error: String::new() };
        let read = read_rpc_answer(&bytes(answer.encode_to_vec()), request_id);
        prop_assert_eq!(read, Ok(Ok(Bytes::from(text))));

        let failure = ToServerRpcResponseMsg { request_id, payload: String::new(), error: method.clone() };
        let read = read_rpc_answer(&bytes(failure.encode_to_vec()), request_id);
        prop_assert_eq!(read, Ok(Err(method.clone())));

        let call = RpcRequestMsg { method: Some(method.clone()), request_id: Some(request_id), params: params.clone() };
        let read = read_rpc_request(&bytes(call.encode_to_vec()), request_id);
        let params = params.map(|params| ParamsField::Delimited(params.into()));
        prop_assert_eq!(read, Ok(RpcRequestMessage { method, params }));
    }

    #[test]
    fn what_both_take_says_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..64), request: i32) {
        let shared = Bytes::from(bytes.clone());
        if let (Ok(theirs), Ok(ours)) = (GetAttributeResponseMsg::decode(&*bytes), read_attribute_values(&bytes, request)) {
            prop_assert_eq!(ours.client, expected(&theirs.client));
        }
        let ours: Result<_, UnexpectedPayload> = read_rpc_answer(&shared, request);
        if let (Ok(theirs), Ok(Ok(payload))) = (ToServerRpcResponseMsg::decode(&*bytes), ours) {
            prop_assert_eq!(payload, theirs.payload);
        }
        let _ = (read_attribute_update(&bytes), read_rpc_request(&shared, request));
    }
}

fn keys() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[a-z]{1,6}", 0..4)
}
