use alloc::string::ToString;

use proptest::prelude::*;

use super::*;
use crate::tb::topics::{Downlink, route};

const JSON: PayloadFormat = PayloadFormat::Json;
const PROTOBUF: PayloadFormat = PayloadFormat::Protobuf { ts_field: None };

const FAMILIES: [(TopicFamily, PayloadFormat); 4] = [
    (TopicFamily::V1, JSON),
    (TopicFamily::V2, JSON),
    (TopicFamily::V2Explicit, JSON),
    (TopicFamily::V2Explicit, PROTOBUF),
];

fn lab() -> Topics {
    Topics::default()
        .telemetry("lab/7/telemetry")
        .attributes("lab/7/attributes")
        .attribute_updates("lab/+/attributes")
}

fn refused(topics: &Topics) -> InvalidTopics {
    topics.resolve(JSON).unwrap_err()
}

#[test]
fn every_family_has_its_topics() {
    let said = |(family, format)| {
        let topics = Topics::new(family).resolve(format).unwrap();
        [
            topics.telemetry.to_string(),
            topics.attributes.to_string(),
            topics.attribute_updates.to_string(),
            topics.attribute_request(1).to_string(),
            topics.attribute_responses().to_string(),
            topics.rpc_request(2).to_string(),
            topics.rpc_responses().to_string(),
            topics.rpc_requests().to_string(),
            topics.rpc_reply(0).to_string(),
        ]
    };
    assert_eq!(
        FAMILIES.map(said),
        [
            [
                "v1/devices/me/telemetry",
                "v1/devices/me/attributes",
                "v1/devices/me/attributes",
                "v1/devices/me/attributes/request/1",
                "v1/devices/me/attributes/response/+",
                "v1/devices/me/rpc/request/2",
                "v1/devices/me/rpc/response/+",
                "v1/devices/me/rpc/request/+",
                "v1/devices/me/rpc/response/0",
            ],
            [
                "v2/t",
                "v2/a",
                "v2/a",
                "v2/a/req/1",
                "v2/a/res/+",
                "v2/r/req/2",
                "v2/r/res/+",
                "v2/r/req/+",
                "v2/r/res/0",
            ],
            [
                "v2/t/j",
                "v2/a/j",
                "v2/a/j",
                "v2/a/req/j/1",
                "v2/a/res/j/+",
                "v2/r/req/j/2",
                "v2/r/res/j/+",
                "v2/r/req/j/+",
                "v2/r/res/j/0",
            ],
            [
                "v2/t/p",
                "v2/a/p",
                "v2/a/p",
                "v2/a/req/p/1",
                "v2/a/res/p/+",
                "v2/r/req/p/2",
                "v2/r/res/p/+",
                "v2/r/req/p/+",
                "v2/r/res/p/0",
            ],
        ]
    );
}

#[test]
fn topics_of_the_profile_replace_those_of_the_family_and_no_others() {
    for family in [TopicFamily::V1, TopicFamily::V2] {
        let topics = Topics { family, ..lab() }.resolve(JSON).unwrap();
        assert_eq!(topics.telemetry.to_string(), "lab/7/telemetry");
        assert_eq!(topics.attributes.to_string(), "lab/7/attributes");
        assert_eq!(topics.attribute_updates.as_str(), "lab/+/attributes");
        let plain = Topics::new(family).resolve(JSON).unwrap();
        assert_eq!(topics.rpc_requests(), plain.rpc_requests());
        assert_eq!(topics.attribute_request(1), plain.attribute_request(1));
    }
}

#[test]
fn the_topics_that_the_profile_leaves_alone_can_be_named_too() {
    let named = Topics::default()
        .telemetry("v1/devices/me/telemetry")
        .attributes("v1/devices/me/attributes")
        .attribute_updates("v1/devices/me/attributes");
    assert!(named.resolve(JSON).is_ok());
}

#[test]
fn what_is_no_topic_is_refused_and_named() {
    let plain = Topics::default;
    assert_eq!(
        refused(&plain().telemetry("lab/+/telemetry")),
        InvalidTopics::Telemetry(InvalidTopic::Wildcard)
    );
    assert_eq!(
        refused(&plain().attributes("")),
        InvalidTopics::Attributes(InvalidTopic::Empty)
    );
    assert_eq!(
        refused(&plain().attribute_updates("lab/#/x")),
        InvalidTopics::AttributeUpdates(InvalidFilter::HashNotLast)
    );
}

#[test]
fn a_topic_that_means_something_else_is_refused() {
    for topic in [
        "v1/gateway/telemetry",
        "v1/gatewayfoo",
        "v1/devices/me/claim",
        "v1/devices/me/rpc/request/1",
        "v1/devices/me/attributes",
        "v2/t/j",
        "/provision/request",
    ] {
        let taken = InvalidTopics::Taken {
            topic: topic.into(),
        };
        assert_eq!(refused(&Topics::default().telemetry(topic)), taken);
    }
    for filter in [
        "v1/devices/me/rpc/request/+",
        "v2/a",
        "v1/devices/me/attributes/response/+",
    ] {
        let refused = refused(&Topics::default().attribute_updates(filter));
        assert!(matches!(refused, InvalidTopics::Taken { .. }), "{filter}");
    }
}

#[test]
fn one_topic_for_two_things_is_refused() {
    let same = Topics::default().telemetry("lab").attributes("lab");
    assert_eq!(refused(&same), InvalidTopics::Same);
}

#[test]
fn topics_of_the_profile_beside_topics_that_name_the_format_are_refused() {
    for topics in [
        Topics::new(TopicFamily::V2Explicit).telemetry("lab"),
        Topics::new(TopicFamily::V2Explicit).attributes("lab"),
        Topics::new(TopicFamily::V2Explicit).attribute_updates("lab"),
    ] {
        for format in [JSON, PROTOBUF] {
            assert!(matches!(
                topics.resolve(format),
                Err(InvalidTopics::ExplicitFormat)
            ));
        }
    }
}

#[test]
fn the_filters_of_answers_are_known() {
    for (family, format) in FAMILIES {
        let topics = Topics::new(family).resolve(format).unwrap();
        assert_eq!(
            topics.answers(&topics.attribute_responses()),
            Some(Answers::Attributes)
        );
        assert_eq!(topics.answers(&topics.rpc_responses()), Some(Answers::Rpc));
        assert_eq!(topics.answers(&topics.rpc_requests()), None);
        assert_eq!(topics.answers(&topics.attribute_updates), None);
    }
}

proptest! {
    #[test]
    fn what_we_send_on_is_what_the_other_side_would_recognise(number: i32) {
        for (family, format) in FAMILIES {
            let topics = Topics::new(family).resolve(format).unwrap();
            // Seen from the other side requests and replies swap their topics.
            let request = topics.rpc_request(number).to_string();
            prop_assert_eq!(route(&request), Downlink::RpcRequest { id: number });
            prop_assert!(topics.rpc_requests().matches(&request));
            let reply = topics.rpc_reply(number).to_string();
            prop_assert_eq!(route(&reply), Downlink::RpcResponse { request: number });
            prop_assert!(topics.rpc_responses().matches(&reply));
        }
    }

    #[test]
    fn any_text_is_a_topic_or_refused(telemetry: String, attributes: String, updates: String) {
        let topics = Topics::default().telemetry(telemetry).attributes(attributes).attribute_updates(updates);
        if let Err(invalid) = topics.resolve(JSON) {
            prop_assert!(invalid.to_string().len() < 2_000);
        }
    }
}
