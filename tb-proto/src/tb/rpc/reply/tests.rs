use alloc::collections::BTreeMap;
use alloc::format;

use serde_json::json;

use super::*;

#[test]
fn a_reply_is_any_value_as_json_or_any_text() {
    let payload = |reply: RpcReply| reply.payload(PayloadFormat::Json).unwrap();
    assert_eq!(
        payload(RpcReply::from(&json!({ "cpu": 0.12 }))),
        r#"{"cpu":0.12}"#
    );
    assert_eq!(payload(RpcReply::from("on")), "\"on\"");
    assert_eq!(payload(RpcReply::new(&())), "null");
    assert_eq!(payload(RpcReply::text("not json")), "not json");
    assert_eq!(payload(RpcReply::text("")), "");
}

#[test]
fn a_failure_is_told_by_convention() {
    let reply = RpcReply::error("no \"relay\"\n")
        .payload(PayloadFormat::Json)
        .unwrap();
    assert_eq!(reply, r#"{"error":"no \"relay\"\n"}"#);
}

#[test]
fn a_value_that_cannot_be_serialised_is_refused_when_the_reply_is_sent() {
    let reply = RpcReply::new(&BTreeMap::from([((), 1)]));
    assert!(matches!(
        reply.payload(PayloadFormat::Json),
        Err(InvalidPayload::Custom { .. })
    ));
}

#[test]
fn a_log_tells_the_size_and_not_the_content() {
    let log = format!("{:?}", RpcReply::from("secret"));
    assert_eq!(log, "RpcReply { bytes: Ok(8) }");
}

#[test]
fn in_protobuf_a_reply_is_the_payload_of_the_default_schema_or_a_message_given() {
    let protobuf = PayloadFormat::Protobuf { ts_field: None };
    let payload = |reply: RpcReply| reply.payload(protobuf).unwrap();
    assert_eq!(payload(RpcReply::from("done")), &b"\x0A\x04done"[..]);
    assert_eq!(payload(RpcReply::text("done")), &b"\x0A\x04done"[..]);
    assert_eq!(payload(RpcReply::new(&7)), &b"\x0A\x017"[..]);
    assert_eq!(
        payload(RpcReply::new(&json!({ "on": true }))),
        &b"\x0A\x0B{\"on\":true}"[..]
    );
    assert_eq!(payload(RpcReply::text("")), &b""[..]);
    assert_eq!(
        payload(RpcReply::protobuf(&b"\x08\x01"[..])),
        &b"\x08\x01"[..]
    );
    assert_eq!(
        RpcReply::text(&b"a\xFF"[..]).payload(protobuf),
        Err(InvalidPayload::Syntax { offset: 1 })
    );
}

#[test]
fn a_message_is_no_reply_on_a_connection_that_speaks_json() {
    assert_eq!(
        RpcReply::protobuf(&b"\x08\x01"[..]).payload(PayloadFormat::Json),
        Err(InvalidPayload::ProtobufOnJson)
    );
}
