//! Topics and topic filters.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::BytesMut;

use super::input::Input;
use crate::codec::{Filter, Topic};
use crate::tb::PackageType;
use crate::tb::topics::{self, Downlink};

/// A number, a topic filter and a topic, both any text: they are refused or work.
pub fn topics(data: &[u8]) {
    let mut input = Input::new(data);
    numbered(input.u32().cast_signed());
    let filter = input.text();
    let topic = core::str::from_utf8(input.rest()).unwrap_or_default();

    if let Ok(checked) = Topic::new(topic) {
        let mut written = BytesMut::new();
        checked.write_to(&mut written);
        assert_eq!(written, topic);
        assert_eq!(checked.len(), topic.len());
        // A topic has no wildcards, so as a filter it stands for itself.
        let itself = Filter::new(topic).expect("a topic is a filter");
        assert!(itself.matches(topic), "{topic:?} does not match itself");
        let everything = Filter::from_static("#");
        assert_eq!(everything.matches(topic), !topic.starts_with('$'));
    }
    if let Ok(checked) = Filter::new(filter) {
        assert_eq!(
            checked.matches(topic),
            matches(filter, topic),
            "{filter:?} and {topic:?}"
        );
    }
    routed(topic);
}

/// The rules of [MQTT-4.7] once more, level by level from the back.
fn matches(filter: &str, topic: &str) -> bool {
    let mut wanted: Vec<&str> = filter.split('/').collect();
    let mut levels: Vec<&str> = topic.split('/').collect();
    if topic.starts_with('$') && matches!(wanted.first(), Some(&("+" | "#"))) {
        return false;
    }
    if wanted.last() == Some(&"#") {
        wanted.pop();
        if levels.len() < wanted.len() {
            return false;
        }
        levels.truncate(wanted.len());
    }
    levels.len() == wanted.len()
        && levels
            .iter()
            .zip(&wanted)
            .rev()
            .all(|(level, wanted)| *wanted == "+" || level == wanted)
}

/// What a message is taken for fits the subscription that brings it.
fn routed(topic: &str) {
    let filter = match topics::route(topic) {
        Downlink::AttributeUpdate => topics::ATTRIBUTES,
        Downlink::AttributeResponse { .. } => topics::ATTRIBUTE_RESPONSES,
        Downlink::RpcRequest { .. } => topics::RPC_REQUESTS,
        Downlink::RpcResponse { .. } => topics::RPC_RESPONSES,
        Downlink::Chunk { package_type, .. } => topics::chunks(package_type),
        Downlink::UpdateError => topics::UPDATE_ERRORS,
        Downlink::Unknown => return,
    };
    if topic.starts_with("v1/") {
        assert!(
            Filter::from_static(filter).matches(topic),
            "{topic:?} is not for {filter:?}"
        );
    } else {
        assert!(topic.starts_with("v2/"), "{topic:?} is on no family");
    }
    assert!(Topic::new(topic).is_ok(), "{topic:?} is taken for a topic");
}

/// The topics we build are those we recognise.
fn numbered(number: i32) {
    let text = |topic: Topic| -> String { topic.to_string() };
    // Requests and replies swap their topics when seen from the other side.
    let request = text(topics::rpc_request(number));
    assert_eq!(topics::route(&request), Downlink::RpcRequest { id: number });
    let reply = text(topics::rpc_reply(number));
    assert_eq!(
        topics::route(&reply),
        Downlink::RpcResponse { request: number }
    );
    let asked = text(topics::attribute_request(number)).replace("/request/", "/response/");
    assert_eq!(
        topics::route(&asked),
        Downlink::AttributeResponse { request: number }
    );
    if let Ok(chunk) = u32::try_from(number) {
        for package_type in PackageType::ALL {
            let asked = topics::chunk_request(package_type, number, chunk);
            let came = Downlink::Chunk {
                package_type,
                request: number,
                chunk,
            };
            assert_eq!(
                topics::route(&text(asked).replace("/request/", "/response/")),
                came
            );
        }
    }
}
