use alloc::vec::Vec;
use alloc::{format, vec};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::tb::json::oracle::any_json;

fn answer(payload: &str) -> RpcAnswer {
    parse_rpc_answer(&Bytes::copy_from_slice(payload.as_bytes()))
}

#[test]
fn an_answer_is_passed_on_as_it_is() {
    for payload in [
        r#"{"result":1}"#,
        "5",
        "null",
        "[{\"error\":1}]",
        "{}",
        r#"{"error":"x","code":1}"#,
        r#"{"code":1,"error":"x"}"#,
        r#"{"error":"#,
        "not json",
        "",
    ] {
        let response = answer(payload).unwrap();
        assert_eq!(response.as_bytes(), payload.as_bytes(), "{payload}");
        assert_eq!(response.into_bytes(), payload, "{payload}");
    }
}

#[test]
fn an_object_that_has_nothing_but_an_error_is_one() {
    assert_eq!(answer(r#"{"error":"timeout"}"#), Err(RpcError::Timeout));
    assert_eq!(
        answer(r#" { "err\u006fr" : "timeout" } "#),
        Err(RpcError::Timeout)
    );
    for error in [
        json!("no such method"),
        json!({ "code": 5 }),
        json!(null),
        json!("Timeout"),
    ] {
        let payload = json!({ "error": error }).to_string();
        assert_eq!(answer(&payload), Err(RpcError::Answered { error }));
    }
    let half = answer(r#"{"error":"\ud800"}"#);
    assert_eq!(
        half,
        Err(RpcError::Answered {
            error: json!("\"\\ud800\"")
        })
    );
}

#[test]
fn an_answer_is_parsed_when_asked() {
    assert_eq!(answer("[1,2]").unwrap().parse(), Ok(vec![1, 2]));
    assert!(answer("{}").unwrap().parse::<u8>().is_err());
    assert!(answer("not json").unwrap().parse::<Value>().is_err());
    assert_eq!(
        format!("{:?}", answer("\"secret\"").unwrap()),
        "RpcResponse(8 bytes)"
    );
}

#[test]
fn errors_say_what_the_server_said_at_a_bounded_length() {
    let text = |payload: &str| answer(payload).unwrap_err().to_string();
    assert!(text(r#"{"error":"timeout"}"#).starts_with("no rule chain"));
    assert_eq!(
        text(r#"{"error":"busy"}"#),
        "the server answered the call with an error: busy"
    );
    assert_eq!(
        text(r#"{"error":[1]}"#),
        "the server answered the call with an error: [1]"
    );
    assert!(text(&json!({ "error": "x".repeat(100_000) }).to_string()).len() < 400);
}

proptest! {
    #[test]
    fn every_answer_is_either_the_error_it_holds_or_itself(value in any_json()) {
        let expected = match value.as_object() {
            Some(members) if members.len() == 1 => members.get("error").cloned(),
            _ => None,
        };
        match answer(&value.to_string()) {
            Ok(response) => {
                prop_assert_eq!(expected, None);
                prop_assert_eq!(&response.parse::<Value>().unwrap(), &value);
            }
            Err(RpcError::Timeout) => prop_assert_eq!(expected, Some(json!("timeout"))),
            Err(RpcError::Answered { error }) => prop_assert_eq!(expected, Some(error)),
        }
        let wrapped = json!({ "error": value }).to_string();
        prop_assert_eq!(answer(&wrapped), Err(RpcError::Answered { error: value }));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text in r#"(\{|\}|"error":|"timeout"|[\[\],0-9\\"])*"#) {
        let _ = parse_rpc_answer(&Bytes::from(bytes));
        let _ = answer(&text);
    }
}

#[test]
fn an_answer_in_protobuf_is_the_same_answer() {
    let read = |message: &'static [u8]| read_rpc_answer(&Bytes::from_static(message), 5);
    let answer = read(b"\x08\x05\x12\x0B{\"price\":1}").unwrap();
    assert_eq!(answer.as_bytes(), b"{\"price\":1}");
    assert_eq!(read(b"\x08\x05\x1A\x07timeout"), Err(RpcError::Timeout));
    assert_eq!(
        read(b"\x08\x05\x12\x13{\"error\":\"timeout\"}"),
        Err(RpcError::Timeout)
    );
    let error = Value::from("no such tariff");
    let told = read(b"\x08\x05\x1A\x0Eno such tariff");
    assert_eq!(told, Err(RpcError::Answered { error }));
}

#[test]
fn an_answer_that_is_no_message_is_text() {
    for text in ["{\"price\":1}", "12", "\"on\"", "[1]", "null", ""] {
        let answer = read_rpc_answer(&Bytes::from_static(text.as_bytes()), 5).unwrap();
        assert_eq!(answer.as_bytes(), text.as_bytes());
    }
}
