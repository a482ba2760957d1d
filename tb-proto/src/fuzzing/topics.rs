//! Topics and topic filters.

use alloc::string::ToString;
use alloc::vec::Vec;

use bytes::BytesMut;

use super::input::Input;
use crate::codec::{Filter, Topic};
use crate::tb::topics::{self, DeviceTopics, Downlink};
use crate::tb::{PackageType, PayloadFormat, TopicFamily, Topics};

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
    let filter = |topics: &DeviceTopics| match topics::route(topic) {
        Downlink::AttributeUpdate => Some(topics.attribute_updates.clone()),
        Downlink::AttributeResponse { .. } => Some(topics.attribute_responses()),
        Downlink::RpcRequest { .. } => Some(topics.rpc_requests()),
        Downlink::RpcResponse { .. } => Some(topics.rpc_responses()),
        // A gateway's are of no family.
        Downlink::ChildAttributeUpdate
        | Downlink::ChildAttributeResponse
        | Downlink::ChildRpcRequest
        | Downlink::ChildDisconnected => None,
        Downlink::Chunk { .. } | Downlink::UpdateError | Downlink::Unknown => None,
    };
    let families = families().map(|topics| filter(&topics));
    let [Some(_), ..] = families else {
        return;
    };
    let fits =
        |filter: &Option<Filter>| filter.as_ref().is_some_and(|filter| filter.matches(topic));
    let matching = families.iter().filter(|filter| fits(filter)).count();
    assert_eq!(matching, 1, "{topic:?} belongs to one family");
    assert!(Topic::new(topic).is_ok(), "{topic:?} is taken for a topic");
}

/// The topics we build are those we recognise.
fn numbered(number: i32) {
    for topics in families() {
        // Requests and replies swap their topics when seen from the other side.
        let request = topics.rpc_request(number).to_string();
        assert_eq!(topics::route(&request), Downlink::RpcRequest { id: number });
        let reply = topics.rpc_reply(number).to_string();
        assert_eq!(
            topics::route(&reply),
            Downlink::RpcResponse { request: number }
        );
        let asked = topics.attribute_request(number).to_string();
        let asked = asked.replace("/request/", "/response/");
        assert_eq!(
            topics::route(&asked.replace("/req/", "/res/")),
            Downlink::AttributeResponse { request: number }
        );
    }
    if let Ok(chunk) = u32::try_from(number) {
        for package_type in PackageType::ALL {
            let asked = topics::chunk_request(package_type, number, chunk);
            let came = Downlink::Chunk {
                package_type,
                request: number,
                chunk,
            };
            assert_eq!(
                topics::route(&asked.to_string().replace("/request/", "/response/")),
                came
            );
        }
    }
}

fn families() -> [DeviceTopics; 4] {
    let protobuf = PayloadFormat::Protobuf { ts_field: None };
    [
        (TopicFamily::V1, PayloadFormat::Json),
        (TopicFamily::V2, PayloadFormat::Json),
        (TopicFamily::V2Explicit, PayloadFormat::Json),
        (TopicFamily::V2Explicit, protobuf),
    ]
    .map(|(family, format)| Topics::new(family).resolve(format).expect("a family"))
}
