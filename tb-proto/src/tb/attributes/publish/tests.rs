use alloc::format;
use alloc::string::{String, ToString};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::tb::json::oracle::any_json;

fn body(attributes: impl Into<Attributes>) -> AttributeBody {
    attributes.into().into_parts().unwrap().0
}

fn refusal(attributes: impl Into<Attributes>) -> InvalidPayload {
    attributes.into().into_parts().unwrap_err()
}

fn merged(parts: &[&str]) -> (String, u32) {
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    let AttributeBody {
        text, data_points, ..
    } = merge(&parts);
    (String::from_utf8(text).unwrap(), data_points)
}

#[test]
fn attributes_follow_the_rules_of_telemetry() {
    let written = body(&json!({ "fw": 3, "limit": 1e16, "net": { "ip": "10.0.0.7" }, "x": null }));
    assert_eq!(written.data_points, 3);
    assert_eq!(
        written.text,
        br#"{"fw":3,"limit":10000000000000000.0,"net":{"ip":"10.0.0.7"},"x":null}"#
    );
    let given = body(Attributes::json(r#" {"fw": 3, "limit":1e16} "#));
    assert_eq!(given.text, br#" {"fw": 3, "limit":10000000000000000.0} "#);
    assert_eq!(refusal(&json!({ "": 1 })), InvalidPayload::BlankKey);
    assert_eq!(
        refusal(Attributes::json(r#"{"a":1,"n":18446744073709551615}"#)),
        InvalidPayload::IntegerOutOfRange {
            key: "n".to_string()
        }
    );
}

#[test]
fn attributes_have_no_array_form() {
    assert_eq!(refusal(&[json!({ "a": 1 })]), InvalidPayload::NotAnObject);
    assert_eq!(
        refusal(Attributes::json(r#"[{"a":1}]"#)),
        InvalidPayload::NotAnObject
    );
    assert_eq!(
        refusal(Attributes::json("null")),
        InvalidPayload::NotAnObject
    );
}

#[test]
fn attributes_have_no_time_so_ts_and_values_are_keys_like_any_other() {
    let written = body(&json!({ "ts": 5, "values": { "a": 1 } }));
    assert_eq!(
        (written.text.as_slice(), written.data_points),
        (&br#"{"ts":5,"values":{"a":1}}"#[..], 2)
    );
    assert_eq!(body(Attributes::json(written.text.clone())), written);
}

#[test]
fn nothing_is_refused() {
    for empty in ["", " ", "{}", "{ }"] {
        assert_eq!(
            refusal(Attributes::json(empty)),
            InvalidPayload::Empty,
            "{empty:?}"
        );
    }
    assert_eq!(refusal(&json!({})), InvalidPayload::Empty);
}

#[test]
fn text_has_to_be_one_strict_object() {
    for (text, offset) in [
        ("{", 1),
        ("{\"a\":1}{}", 7),
        ("{\"a\":01}", 6),
        ("{\"a\":1,}", 7),
    ] {
        assert_eq!(
            refusal(Attributes::json(text)),
            InvalidPayload::Syntax { offset },
            "{text}"
        );
    }
    assert_eq!(
        refusal(Attributes::json([0xc3])),
        InvalidPayload::Syntax { offset: 0 }
    );
}

#[test]
fn of_each_key_the_last_value_is_kept_byte_for_byte_where_the_key_came_first() {
    assert_eq!(
        merged(&[
            r#"{"a": 1.50 ,"b":[1, 2]}"#,
            r#"{"c":1e3}"#,
            r#" { "\u0061" : "x\/" } "#
        ]),
        (r#"{"\u0061":"x\/","b":[1, 2],"c":1e3}"#.into(), 3)
    );
    assert_eq!(
        merged(&[r#"{"a":1,"b":2}"#, r#"{"a":null}"#]),
        (r#"{"a":null,"b":2}"#.into(), 1)
    );
}

#[test]
fn one_message_alone_is_only_made_compact() {
    assert_eq!(merged(&[r#"{ "a" : 1 }"#]), (r#"{"a":1}"#.into(), 1));
    assert_eq!(merged(&[]), ("{}".into(), 0));
}

#[test]
fn a_log_tells_the_size_and_not_the_values() {
    let log = format!("{:?}", Attributes::new(&json!({ "secret": 42 })));
    assert!(
        log.contains("bytes: Ok(13)") && !log.contains("secret") && !log.contains("42"),
        "{log}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn merging_is_what_replacing_values_in_a_map_would_give(
        parts in prop::collection::vec(
            prop::collection::btree_map("[a-e\"\\\\é]{0,2}", any_json(), 0..5),
            0..5,
        ),
        pretty: bool,
    ) {
        let texts: Vec<String> = parts
            .iter()
            .map(|part| match pretty {
                true => serde_json::to_string_pretty(part).unwrap(),
                false => serde_json::to_string(part).unwrap(),
            })
            .collect();
        let mut expected = BTreeMap::new();
        parts.into_iter().for_each(|part| expected.extend(part));
        let (text, data_points) = merged(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let points = expected.values().filter(|value| !value.is_null()).count();
        prop_assert_eq!(usize::try_from(data_points).unwrap(), points);
        prop_assert_eq!(serde_json::from_str::<BTreeMap<String, Value>>(&text).unwrap(), expected);
    }

    #[test]
    fn merging_anything_gives_an_object(parts: Vec<Vec<u8>>, tail in "[{}\":,a1 ]{0,12}") {
        let mut parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        parts.push(tail.as_bytes());
        let body = merge(&parts);
        prop_assert!(serde_json::from_slice::<BTreeMap<String, Value>>(&body.text).is_ok());
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = Attributes::json(bytes).into_parts();
    }
}

#[test]
fn a_message_is_sent_as_it_is_on_a_connection_that_speaks_protobuf_only() {
    let attributes = Attributes::protobuf(*b"\x0A\x021A");
    let protobuf = PayloadFormat::Protobuf { ts_field: None };
    assert_eq!(attributes.check(protobuf), Ok(()));
    let refused = attributes.check(PayloadFormat::Json);
    assert_eq!(refused, Err(InvalidPayload::ProtobufOnJson));
    let json = Attributes::json("{\"a\":1}");
    assert_eq!(json.check(protobuf), Err(InvalidPayload::JsonOnProtobuf));
    assert_eq!(body(attributes.clone()).text, b"\x0A\x021A");
    assert_eq!(body(attributes.clone()).data_points, 1);
    assert_eq!(body(attributes.counted_as(3)).data_points, 3);
}
