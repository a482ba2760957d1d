use alloc::collections::BTreeMap;
use alloc::format;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::tb::json::oracle::any_json;

#[test]
fn a_call_without_parameters_has_no_such_member() {
    let parts = RpcCall::from("getSessionLimits")
        .into_parts(PayloadFormat::Json)
        .unwrap();
    assert_eq!(parts.payload, br#"{"method":"getSessionLimits"}"#);
    assert_eq!(
        (parts.timeout, parts.idempotent),
        (RpcCall::DEFAULT_TIMEOUT, false)
    );
}

#[test]
fn parameters_and_options_go_with_the_call() {
    let call = RpcCall::new("read\"")
        .params(&json!({ "zone": 4 }))
        .timeout(Duration::from_secs(2))
        .idempotent();
    assert_eq!(
        call.into_parts(PayloadFormat::Json).unwrap(),
        RpcCallParts {
            payload: br#"{"method":"read\"","params":{"zone":4}}"#.to_vec(),
            timeout: Duration::from_secs(2),
            idempotent: true,
        }
    );
}

#[test]
fn parameters_that_cannot_be_serialised_are_refused_when_the_call_is_sent() {
    let call = RpcCall::new("m").params(&BTreeMap::from([((), 1)]));
    assert!(matches!(
        call.into_parts(PayloadFormat::Json),
        Err(InvalidPayload::Custom { .. })
    ));
}

#[test]
fn in_protobuf_method_and_parameters_are_two_texts() {
    let payload = |call: RpcCall| {
        let protobuf = PayloadFormat::Protobuf { ts_field: None };
        call.into_parts(protobuf).unwrap().payload
    };
    let call = RpcCall::new("read").params(&json!({ "zone": 4 }));
    assert_eq!(payload(call), b"\x0A\x04read\x12\x0A{\"zone\":4}");
    assert_eq!(payload("now".into()), b"\x0A\x03now\x12\x04null");
}

#[test]
fn a_log_tells_the_size_and_not_the_parameters() {
    let log = format!("{:?}", RpcCall::new("m").params("secret"));
    assert!(
        log.contains("params_bytes: Some(Ok(8))") && !log.contains("secret"),
        "{log}"
    );
}

proptest! {
    #[test]
    fn the_server_reads_what_was_called(method: String, params in any_json()) {
        let parts = RpcCall::new(method.as_str()).params(&params).into_parts(PayloadFormat::Json).unwrap();
        let read: Value = serde_json::from_slice(&parts.payload).unwrap();
        prop_assert_eq!(read, json!({ "method": method, "params": params }));
    }
}
