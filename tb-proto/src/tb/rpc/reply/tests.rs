use alloc::collections::BTreeMap;
use alloc::format;

use serde_json::json;

use super::*;

#[test]
fn a_reply_is_any_value_as_json_or_any_text() {
    let payload = |reply: RpcReply| reply.into_payload().unwrap();
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
    let reply = RpcReply::error("no \"relay\"\n").into_payload().unwrap();
    assert_eq!(reply, r#"{"error":"no \"relay\"\n"}"#);
}

#[test]
fn a_value_that_cannot_be_serialised_is_refused_when_the_reply_is_sent() {
    let reply = RpcReply::new(&BTreeMap::from([((), 1)]));
    assert!(matches!(
        reply.into_payload(),
        Err(InvalidPayload::Custom { .. })
    ));
}

#[test]
fn a_log_tells_the_size_and_not_the_content() {
    let log = format!("{:?}", RpcReply::from("secret"));
    assert_eq!(log, "RpcReply { bytes: Ok(8) }");
}
