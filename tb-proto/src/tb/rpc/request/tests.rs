use alloc::vec::Vec;
use alloc::{format, vec};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::tb::json::oracle::any_json;

fn parse(payload: &str) -> Result<RpcRequestBody, UnexpectedPayload> {
    RpcRequestBody::parse(&Bytes::copy_from_slice(payload.as_bytes()))
}

#[test]
fn method_and_parameters_are_found_in_any_order() {
    for payload in [
        r#"{"method":"setRelay","params":{"ch":1}}"#,
        r#" { "params" : {"ch":1} , "x":[{}], "method" : "setRelay" } "#,
        r#"{"m\u0065thod":"set\u0052elay","params":{"ch":1}}"#,
        r#"{"method":5,"params":0,"method":"setRelay","params":{"ch":1}}"#,
    ] {
        let body = parse(payload).unwrap();
        assert_eq!(
            (body.method.as_str(), &*body.params.as_json()),
            ("setRelay", r#"{"ch":1}"#)
        );
    }
}

#[test]
fn missing_parameters_are_null() {
    for payload in [r#"{"method":"m"}"#, r#"{"method":"m","params":null}"#] {
        let body = parse(payload).unwrap();
        assert!(body.params.is_null(), "{payload}");
        assert_eq!(body.params.parse::<Option<u8>>(), Ok(None));
        assert_eq!(body.params.into_bytes(), "null");
    }
    assert_eq!(Params::default(), Params::NULL);
}

#[test]
fn parameters_are_parsed_when_asked() {
    let params = |text| {
        parse(&format!(r#"{{"method":"m","params":{text}}}"#))
            .unwrap()
            .params
    };
    assert_eq!(params("[1, 2]").parse(), Ok(vec![1, 2]));
    assert_eq!(params(r#""on""#).parse(), Ok("on".to_string()));
    assert_eq!(params("true").parse(), Ok(true));
    assert!(params("{}").parse::<u8>().is_err());
    assert!(!params("0").is_null());
}

#[test]
fn what_is_no_call_is_an_error_that_says_so() {
    for (payload, expected) in [
        ("", "the RPC request is not a JSON object"),
        ("[]", "the RPC request is not a JSON object"),
        (
            r#"{"method":"m"} x"#,
            "the RPC request is not a JSON object",
        ),
        ("{}", "the RPC request has no method"),
        (r#"{"method":null}"#, "the RPC request has no method"),
        (
            r#"{"method":"m","method":1}"#,
            "the RPC request has no method",
        ),
        (r#"{"method":"\ud800"}"#, "the RPC request has no method"),
    ] {
        assert_eq!(
            parse(payload),
            Err(UnexpectedPayload::new(expected)),
            "{payload}"
        );
    }
    let deep = format!(r#"{{"method":"m","params":{}"#, "[".repeat(100_000));
    assert_eq!(
        parse(&deep),
        Err(UnexpectedPayload::new("the RPC request is nested too deep"))
    );
    let not_utf8 = Bytes::from_static(b"{\"method\":\"\xff\"}");
    assert!(RpcRequestBody::parse(&not_utf8).is_err());
}

#[test]
fn a_log_tells_the_size_and_not_the_parameters() {
    let params = parse(r#"{"method":"m","params":"secret"}"#).unwrap().params;
    assert_eq!(format!("{params:?}"), "Params(8 bytes)");
}

proptest! {
    #[test]
    fn any_call_is_understood(method: String, params in any_json(), extra in any_json()) {
        let payload = json!({ "method": method, "params": params, "zzz": extra }).to_string();
        let body = parse(&payload).unwrap();
        prop_assert_eq!(body.method, method);
        prop_assert_eq!(body.params.parse::<Value>().unwrap(), params);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text in r#"(\{|\}|"method":|"params":|"a"|[\[\],0-9\\"])*"#) {
        let _ = RpcRequestBody::parse(&Bytes::from(bytes));
        let _ = parse(&text);
    }
}

#[test]
fn a_call_in_protobuf_is_the_same_call() {
    let message = Bytes::from_static(b"\x0A\x08setRelay\x10\x07\x1A\x08{\"ch\":1}");
    let call = RpcRequestBody::read(&message, 7).unwrap();
    assert_eq!(
        (call.method.as_str(), &*call.params.as_json()),
        ("setRelay", r#"{"ch":1}"#)
    );
    assert!(RpcRequestBody::read(&message, 8).is_err());
    let json = Bytes::from_static(br#"{"method":"setRelay"}"#);
    assert!(RpcRequestBody::read(&json, 7).unwrap().params.is_null());
}
