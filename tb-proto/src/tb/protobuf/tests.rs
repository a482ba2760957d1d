//! Payloads of the genuine server (`tests/transcripts/protobuf.jsonl`), and what is not from it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;
use serde_json::json;

use super::*;

/// Six bytes that stand for the time in the recordings.
const TIME: [u8; 6] = [0x80, 0xD0, 0xEA, 0xB6, 0xB7, 0x33];

/// Hexadecimal digits, `t` for the time.
fn bytes(hex: &str) -> Bytes {
    let mut out = Vec::new();
    for (place, part) in hex.split('t').enumerate() {
        if place > 0 {
            out.extend(TIME);
        }
        let digits = part.as_bytes().chunks(2);
        out.extend(
            digits.map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()),
        );
    }
    out.into()
}

/// `proto-attr-request-v5`.
const VALUES: &str = "0801121108t12080a016310033201781a1608t120d0a0473537472100332036162631a1308t120a0a04734e756d1001202a\
                      1a1a08t12110a047344626c100229000000000000f83f1a1208t12090a0573426f6f6c18011a1b08t12120a05734a736f\
                      6e10043a077b2261223a317d2001";

#[test]
fn attributes_of_every_type_are_read() {
    let values = read_attribute_values(&bytes(VALUES), 1).unwrap();
    assert_eq!(values.client.get_value("c"), Some(&json!("x")));
    let shared: Vec<_> = values
        .shared
        .iter()
        .map(|(key, value)| (key, value.clone()))
        .collect();
    assert_eq!(
        shared,
        [
            ("sBool", json!(true)),
            ("sDbl", json!(1.5)),
            ("sJson", json!({"a": 1})),
            ("sNum", json!(42)),
            ("sStr", json!("abc")),
        ]
    );
}

#[test]
fn an_answer_to_another_request_or_an_error_is_no_answer() {
    assert!(read_attribute_values(&bytes(VALUES), 2).is_err());
    let error = read_attribute_values(b"\x08\x01\x2A\x04oops", 1).unwrap_err();
    assert!(error.to_string().contains("oops"), "{error}");
}

#[test]
fn changes_and_deletions_are_read() {
    // `proto-push-v5`.
    let update = read_attribute_update(&bytes(
        "0a1008t12070a016b100120010a1108t12080a01731003320174",
    ));
    let update = update.unwrap();
    assert_eq!(update.updated.get_value("k"), Some(&json!(1)));
    assert_eq!(update.updated.get_value("s"), Some(&json!("t")));
    let update = read_attribute_update(&bytes("12016b")).unwrap();
    assert!(update.updated.is_empty());
    assert_eq!(update.deleted, ["k"]);
}

#[test]
fn an_update_that_says_nothing_is_none() {
    for nothing in [&b""[..], b"\x18\x01", b"12345678 "] {
        assert!(read_attribute_update(nothing).is_err(), "{nothing:?}");
    }
}

#[test]
fn a_value_that_cannot_be_is_refused_or_null() {
    // NaN; an unknown type; JSON that is none; JSON nested without end.
    let nan = b"\x0A\x10\x12\x0E\x0A\x01k\x10\x02\x29\0\0\0\0\0\0\xF8\x7F";
    let update = read_attribute_update(nan).unwrap();
    assert_eq!(update.updated.get_value("k"), Some(&json!(null)));
    assert!(read_attribute_update(b"\x0A\x07\x12\x05\x0A\x01k\x10\x05").is_err());
    assert!(read_attribute_update(b"\x0A\x0A\x12\x08\x0A\x01k\x10\x04\x3A\x01{").is_err());
    let mut deep = b"\x0A\x01k\x10\x04\x3A\xC8\x01".to_vec();
    deep.extend([b'['; 200]);
    let mut kv = b"\x12\xD0\x01".to_vec();
    kv.extend(deep);
    let mut update = b"\x0A\xD3\x01".to_vec();
    update.extend(kv);
    let error = read_attribute_update(&update).unwrap_err();
    assert!(error.to_string().contains("recursion"), "{error}");
}

#[test]
fn requests_and_claims_are_written_as_they_were_recorded() {
    let shared: Vec<String> = ["sStr", "sNum", "sDbl", "sBool", "sJson"]
        .map(String::from)
        .into();
    assert_eq!(
        attributes_request(&["c".into()], &shared),
        bytes("0a0163121a735374722c734e756d2c7344626c2c73426f6f6c2c734a736f6e")
    );
    assert_eq!(
        rpc_request("getTariff", b"{\"zone\":4}"),
        bytes("0a09676574546172696666120a7b227a6f6e65223a347d")
    );
    assert_eq!(
        rpc_request("getSessionLimits", b"{}"),
        bytes("0a1067657453657373696f6e4c696d69747312027b7d")
    );
    assert_eq!(claim("tulip", 60_000), bytes("0a0574756c697010e0d403"));
    assert_eq!(rpc_reply(b"done"), bytes("0a04646f6e65"));
}

#[test]
fn answers_of_rule_chains_and_errors_of_the_server_are_told_apart() {
    let answer = read_rpc_answer(&bytes("0805120b7b227072696365223a317d"), 5).unwrap();
    assert_eq!(answer, Ok(Bytes::from_static(b"{\"price\":1}")));
    let timeout = read_rpc_answer(&Bytes::from_static(b"\x08\x05\x1A\x07timeout"), 5).unwrap();
    assert_eq!(timeout, Err("timeout".into()));
}

#[test]
fn an_answer_shares_the_memory_it_came_in() {
    let message = bytes("0805120b7b227072696365223a317d");
    let answer = read_rpc_answer(&message, 5).unwrap().unwrap();
    assert_eq!(answer.as_ptr(), message[4..].as_ptr());
}

#[test]
fn a_call_by_the_default_schema_is_read_whatever_its_parameters_are() {
    // `proto-server-rpc-v5`.
    let call = read_rpc_request(&bytes("0a016d10001a0474657874"), 0).unwrap();
    let text = ParamsField::Delimited(Bytes::from_static(b"text"));
    assert_eq!((call.method.as_str(), call.params), ("m", Some(text)));

    let params = |message: &'static [u8]| {
        read_rpc_request(&Bytes::from_static(message), 0)
            .unwrap()
            .params
    };
    assert_eq!(params(b"\x0A\x01m"), None);
    assert_eq!(params(b"\x0A\x01m\x18\x07"), Some(ParamsField::Varint(7)));
    let double = b"\x0A\x01m\x19\0\0\0\0\0\0\xF8\x3F";
    assert_eq!(params(double), Some(ParamsField::Double(1.5)));
    let float = b"\x0A\x01m\x1D\0\0\xC0\x3F";
    assert_eq!(params(float), Some(ParamsField::Float(1.5)));
}

#[test]
fn a_call_of_another_schema_is_refused() {
    // No method; another number than the topic says.
    for message in [&b"\x10\x01"[..], b"\x0A\x01m\x10\x02", b"\xFF\xFF"] {
        assert!(
            read_rpc_request(&Bytes::from_static(message), 1).is_err(),
            "{message:?}"
        );
    }
}

#[test]
fn text_that_is_not_utf_8_is_malformed() {
    assert!(read_rpc_answer(&Bytes::from_static(b"\x08\x05\x12\x01\xFF"), 5).is_err());
    assert!(read_attribute_update(b"\x12\x01\xFF").is_err());
}

#[test]
fn a_field_of_another_wire_type_is_an_unknown_one() {
    let answer = read_rpc_answer(&Bytes::from_static(b"\x10\x07\x08\x05\x12\x01x\x10\x07"), 5);
    assert_eq!(answer, Ok(Ok(Bytes::from_static(b"x"))));
}
