use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::{format, vec};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::tb::json::oracle::any_json;

const TS: i64 = 1_767_225_600_000;

fn body(telemetry: impl Into<Telemetry>) -> TelemetryBody {
    telemetry.into().into_parts(PayloadFormat::Json).unwrap().0
}

fn refusal(telemetry: impl Into<Telemetry>) -> InvalidPayload {
    telemetry
        .into()
        .into_parts(PayloadFormat::Json)
        .unwrap_err()
}

fn text(body: &TelemetryBody) -> String {
    String::from_utf8(body.bytes().to_vec()).unwrap()
}

/// What would be sent if the message were accepted at `TS`.
fn stamped(telemetry: impl Into<Telemetry>) -> String {
    let mut body = body(telemetry);
    body.stamp(TS);
    assert!(!body.needs_stamp());
    text(&body)
}

#[test]
fn a_plain_reading_gets_the_time_of_acceptance() {
    assert_eq!(
        stamped(&json!({ "t": 21.5 })),
        r#"{"ts":1767225600000,"values":{"t":21.5}}"#
    );
    assert_eq!(
        stamped(Telemetry::json(r#" {"t" : 21.5} "#)),
        r#"{"ts":1767225600000,"values": {"t" : 21.5} }"#
    );
}

#[test]
fn a_reading_with_its_own_time_keeps_it() {
    let own = r#"{"ts":1700000000000,"values":{"t":21.5}}"#;
    assert!(!body(Telemetry::json(own)).needs_stamp());
    assert_eq!(stamped(Telemetry::json(own)), own);
    assert_eq!(stamped(Telemetry::json(own).at(TS + 1)), own);
    assert_eq!(
        stamped(&json!({ "ts": 1_700_000_000_000_i64, "values": { "t": 21.5 } })),
        own
    );
    assert_eq!(
        stamped(Telemetry::json(
            r#"{"\u0074s":"1700000000000","values":{}, "values":{"t":1}}"#
        )),
        r#"{"\u0074s":"1700000000000","values":{}, "values":{"t":1}}"#
    );
}

#[test]
fn only_ts_or_only_values_is_a_key_like_any_other() {
    assert_eq!(
        stamped(&json!({ "ts": 5 })),
        r#"{"ts":1767225600000,"values":{"ts":5}}"#
    );
    assert_eq!(
        stamped(Telemetry::json(r#"{"values":{"a":1}}"#)),
        r#"{"ts":1767225600000,"values":{"values":{"a":1}}}"#
    );
    assert_eq!(
        body(&json!({ "values": { "a": 1, "b": 2 } })).data_points(),
        1
    );
}

#[test]
fn an_array_mixes_both_forms_and_gets_one_time_for_what_has_none() {
    let mixed = r#"[{"ts":1700000000000,"values":{"t":1}}, {"t":2} ,{"u":null,"v":{"x":1}}]"#;
    let body = body(Telemetry::json(mixed));
    assert!(body.needs_stamp());
    assert_eq!(body.data_points(), 3);
    assert_eq!(
        stamped(Telemetry::json(mixed)),
        r#"[{"ts":1700000000000,"values":{"t":1}},{"ts":1767225600000,"values":{"t":2}},"#
            .to_string()
            + r#"{"ts":1767225600000,"values":{"u":null,"v":{"x":1}}}]"#
    );
}

#[test]
fn a_sequence_of_readings_is_an_array_of_entries() {
    let readings = [
        BTreeMap::from([("t", 1e16)]),
        BTreeMap::from([("t", 0.1 + 0.2)]),
    ];
    assert_eq!(
        text(&body(Telemetry::new(&readings).unstamped())),
        r#"[{"t":10000000000000000.0},{"t":0.3}]"#
    );
    assert_eq!(refusal(&[1, 2]), InvalidPayload::NotAnObject);
    assert_eq!(refusal(&[[json!({ "a": 1 })]]), InvalidPayload::NotAnObject);
}

#[test]
fn a_batch_holds_entries_with_and_without_a_time() {
    let batch = Telemetry::batch()
        .entry(&json!({ "a": 1 }))
        .entry_at(1_700_000_000_000, &json!({ "b": 2 }))
        .entry_at(
            1_700_000_000_001,
            &json!([{ "c": 3 }, { "ts": TS + 5, "values": { "d": 4 } }]),
        );
    assert_eq!(body(batch.clone()).data_points(), 4);
    assert_eq!(
        stamped(batch),
        r#"[{"ts":1767225600000,"values":{"a":1}},{"ts":1700000000000,"values":{"b":2}},"#
            .to_string()
            + r#"{"ts":1700000000001,"values":{"c":3}},{"ts":1767225600005,"values":{"d":4}}]"#
    );
    let extended = Telemetry::json(r#" [ {"a":1} ] "#).entry(&json!({ "b": 2 }));
    assert_eq!(text(&body(extended.unstamped())), r#" [ {"a":1} ,{"b":2}]"#);
}

#[test]
fn an_error_of_one_entry_refuses_the_batch() {
    let batch = Telemetry::batch()
        .entry(&json!({ "a": 1 }))
        .entry(&5)
        .entry(&json!({ "": 1 }));
    assert_eq!(refusal(batch), InvalidPayload::NotAnObject);
    let batch = Telemetry::batch().entry_at(1_700_000_000, &json!({ "a": 1 }));
    assert_eq!(
        refusal(batch),
        InvalidPayload::TimestampInSeconds { ts: 1_700_000_000 }
    );
}

#[test]
fn an_unstamped_reading_is_sent_as_it_is() {
    let body = body(Telemetry::new(&json!({ "a": 1 })).unstamped());
    assert!(!body.needs_stamp());
    assert_eq!(text(&body), r#"{"a":1}"#);
}

#[test]
fn the_last_word_about_the_time_holds() {
    let telemetry = Telemetry::new(&json!({ "a": 1 }));
    assert!(!body(telemetry.clone().unstamped().at(TS)).len().eq(&7));
    assert_eq!(body(telemetry.at(TS).unstamped()).len(), 7);
}

#[test]
fn seconds_given_for_milliseconds_are_refused() {
    for ts in [1_767_225_600, 0, -1_767_225_600, 99_999_999_999] {
        let refused = InvalidPayload::TimestampInSeconds { ts };
        assert_eq!(refusal(Telemetry::new(&json!({ "a": 1 })).at(ts)), refused);
        let own = format!(r#"[{{"ts":{ts},"values":{{"a":1}}}}]"#);
        assert_eq!(refusal(Telemetry::json(own)), refused);
    }
    for ts in [100_000_000_000, -100_000_000_000, i64::MIN, i64::MAX] {
        assert!(!body(Telemetry::new(&json!({ "a": 1 })).at(ts)).needs_stamp());
    }
}

#[test]
fn nothing_is_refused_because_the_server_would_not_acknowledge_it() {
    for empty in [
        "",
        " \n",
        "[]",
        " [ ] ",
        "{}",
        "[{}]",
        r#"{"ts":1767225600000,"values":{}}"#,
    ] {
        assert_eq!(
            refusal(Telemetry::json(empty)),
            InvalidPayload::Empty,
            "{empty:?}"
        );
    }
    assert_eq!(refusal(Telemetry::batch()), InvalidPayload::Empty);
    assert_eq!(refusal(&json!({})), InvalidPayload::Empty);
    assert_eq!(refusal(&json!([])), InvalidPayload::Empty);
    assert_eq!(refusal(&Vec::<Value>::new()), InvalidPayload::Empty);
    assert_eq!(
        refusal(Telemetry::batch().entry(&json!({}))),
        InvalidPayload::Empty
    );
}

#[test]
fn null_values_are_sent_and_not_counted() {
    let body = body(&json!({ "a": null, "b": 1 }));
    assert_eq!(
        (text(&body), body.data_points()),
        (r#"{"a":null,"b":1}"#.into(), 1)
    );
}

#[test]
fn options_go_with_the_message() {
    let telemetry = Telemetry::new(&json!({ "a": 1 }))
        .qos(QoS::AtMostOnce)
        .expires_in(Duration::from_secs(9))
        .priority(Priority::High);
    assert_eq!(
        telemetry.into_parts(PayloadFormat::Json).unwrap().1,
        MessageOptions {
            qos: Some(QoS::AtMostOnce),
            expires_in: Some(Duration::from_secs(9)),
            priority: Priority::High,
        }
    );
}

#[test]
fn a_log_tells_the_size_and_not_the_readings() {
    let log = format!("{:?}", Telemetry::new(&json!({ "secret": 42 })));
    assert!(
        log.contains("bytes: Ok(13)") && !log.contains("secret") && !log.contains("42"),
        "{log}"
    );
}

#[test]
fn what_was_not_delivered_can_be_sent_again_as_text() {
    let mut first = body(&json!({ "a": 1.0 }));
    first.stamp(TS);
    let again = body(Telemetry::json(first.bytes()));
    assert_eq!(again.bytes(), first.bytes());
    assert!(!again.needs_stamp());
}

fn entries() -> impl Strategy<Value = Vec<(Option<i64>, BTreeMap<String, Value>)>> {
    let time = prop::option::of(FIRST_PLAUSIBLE_MS as i64..4_000_000_000_000);
    let values = prop::collection::btree_map("[a-f]{1,3}", any_json(), 1..4);
    prop::collection::vec((time, values), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn stamping_is_what_serde_json_would_build(entries in entries(), ts in FIRST_PLAUSIBLE_MS as i64..) {
        // Numbers are covered elsewhere, and rounding would get in the way here.
        let plain = |values: &BTreeMap<String, Value>| {
            let values = values.iter().filter(|(_, value)| !value.is_number());
            Value::Object(values.map(|(key, value)| (key.clone(), value.clone())).collect())
        };
        let given: Vec<Value> = entries
            .iter()
            .map(|(time, values)| match time {
                Some(time) => json!({ "ts": time, "values": plain(values) }),
                None => plain(values),
            })
            .collect();
        let expected: Vec<Value> = entries
            .iter()
            .map(|(time, values)| json!({ "ts": time.unwrap_or(ts), "values": plain(values) }))
            .collect();
        let count = |entries: &[Value]| {
            let values = entries.iter().flat_map(|entry| entry["values"].as_object().unwrap().values());
            values.filter(|value| !value.is_null()).count()
        };
        let batch = entries.iter().fold(Telemetry::batch(), |batch, (time, values)| match time {
            Some(time) => batch.entry_at(*time, &plain(values)),
            None => batch.entry(&plain(values)),
        });
        let pretty = serde_json::to_string_pretty(&given).unwrap();
        let empty = given.iter().all(|entry| plain(&BTreeMap::new()) == *entry.get("values").unwrap_or(entry));
        for telemetry in [Telemetry::new(&given), Telemetry::json(pretty)] {
            let Ok((mut body, _)) = telemetry.at(ts).into_parts(PayloadFormat::Json) else {
                prop_assert!(empty);
                continue;
            };
            body.stamp(ts);
            prop_assert_eq!(serde_json::from_slice::<Vec<Value>>(body.bytes()).unwrap(), expected.clone());
            prop_assert_eq!(usize::try_from(body.data_points()).unwrap(), count(&expected));
        }
        if let Ok((body, _)) = batch.at(ts).into_parts(PayloadFormat::Json) {
            prop_assert_eq!(serde_json::from_slice::<Vec<Value>>(body.bytes()).unwrap(), expected);
        } else {
            let nothing = |entry: &Value| *entry == json!({}) || entry["values"] == json!({});
prop_assert!(given.iter().any(nothing));
        }
    }

    #[test]
    fn no_text_panics_and_what_is_taken_is_json_in_a_form_of_the_server(
        text in r#"([\[\]{},: ]|"ts":|"values":|\{"a":|1767225600000|1e3|0.30000000000000004|null|"x"){0,14}"#,
    ) {
        if let Ok((body, _)) = Telemetry::json(text).at(TS).into_parts(PayloadFormat::Json) {
            let payload: Value = serde_json::from_slice(body.bytes()).unwrap();
            let entries = payload.as_array().cloned().unwrap_or_else(|| vec![payload]);
            for entry in entries {
                prop_assert!(entry["values"].is_object());
prop_assert!(!entry["ts"].is_null());
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = Telemetry::json(Bytes::from(bytes)).into_parts(PayloadFormat::Json);
    }
}

const PROTOBUF: PayloadFormat = PayloadFormat::Protobuf { ts_field: None };
const TIMED: PayloadFormat = PayloadFormat::Protobuf { ts_field: Some(1) };

fn message_body(telemetry: Telemetry, format: PayloadFormat) -> TelemetryBody {
    telemetry.into_parts(format).unwrap().0
}

#[test]
fn a_message_is_sent_as_it_is_where_no_field_for_the_time_is_known() {
    for message in [&b"\x09\0\0\0\0\0\x80\x35\x40"[..], b"", b"[]", b"{}"] {
        let mut body = message_body(Telemetry::protobuf(message), PROTOBUF);
        assert!(!body.needs_stamp());
        body.stamp(TS);
        assert_eq!(body.bytes(), message);
    }
}

#[test]
fn a_message_gets_its_time_in_front_so_that_its_own_holds() {
    // As recorded: `ts` and then a message of values.
    let values = b"\x12\x11\x0A\x02m1\x11\0\0\0\0\0\0\x04\x40\x18\x07\x20\x09";
    let recorded = [b"\x08\x80\xD0\xEA\xB6\xB7\x33", &values[..]].concat();
    let mut body = message_body(Telemetry::protobuf(*values), TIMED);
    assert!(body.needs_stamp());
    let before = body.stamp(TS);
    assert!(!body.needs_stamp());
    assert_eq!(body.bytes(), recorded);
    assert_eq!(body.len(), recorded.len());
    body.restore(before);
    assert!(body.needs_stamp());
    assert_eq!(body.bytes(), values);

    let given = message_body(Telemetry::protobuf(*values).at(TS), TIMED);
    assert_eq!((given.needs_stamp(), given.bytes()), (false, &*recorded));
    let none = message_body(Telemetry::protobuf(*values).unstamped(), TIMED);
    assert_eq!((none.needs_stamp(), none.bytes()), (false, &values[..]));
}

#[test]
fn a_message_that_was_taken_apart_and_back_is_not_stamped_twice() {
    let (body, options) = Telemetry::protobuf(*b"x").at(TS).into_parts(TIMED).unwrap();
    let stamped = body.bytes().to_vec();
    let again = message_body(Telemetry::from_parts(body, options), TIMED);
    assert_eq!((again.needs_stamp(), again.bytes()), (false, &*stamped));
    let (body, options) = Telemetry::protobuf(*b"x")
        .unstamped()
        .into_parts(TIMED)
        .unwrap();
    assert!(!message_body(Telemetry::from_parts(body, options), TIMED).needs_stamp());
}

#[test]
fn a_time_needs_a_field_and_milliseconds_in_protobuf_too() {
    let message = || Telemetry::protobuf(*b"x");
    assert_eq!(
        message().at(TS).into_parts(PROTOBUF).unwrap_err(),
        InvalidPayload::NoTsField
    );
    assert_eq!(
        message().at(1_767_225_600).into_parts(TIMED).unwrap_err(),
        InvalidPayload::TimestampInSeconds { ts: 1_767_225_600 }
    );
}

#[test]
fn what_is_in_the_other_format_is_refused_before_it_is_accepted() {
    let json = Telemetry::new(&json!({ "t": 1 }));
    for format in [PROTOBUF, TIMED] {
        assert_eq!(json.check(format), Err(InvalidPayload::JsonOnProtobuf));
    }
    let message = Telemetry::protobuf(*b"x");
    let refused = message.check(PayloadFormat::Json);
    assert_eq!(refused, Err(InvalidPayload::ProtobufOnJson));
}

#[test]
fn a_message_cannot_be_put_together_with_other_readings() {
    for batch in [
        Telemetry::protobuf(*b"x").entry(&json!({ "t": 1 })),
        Telemetry::protobuf(*b"x").entry_at(TS, &json!({ "t": 1 })),
    ] {
        for format in [PayloadFormat::Json, PROTOBUF] {
            assert_eq!(batch.check(format), Err(InvalidPayload::ProtobufInBatch));
        }
    }
}

#[test]
fn a_message_counts_as_one_value_unless_its_owner_says_more() {
    let message = Telemetry::protobuf(*b"x");
    assert_eq!(message.data_points(), 1);
    assert_eq!(message.counted_as(7).data_points(), 7);
    let json = Telemetry::new(&json!({ "a": 1, "b": 2 }));
    assert_eq!(json.counted_as(7).data_points(), 2);
}

#[cfg(feature = "prost")]
#[test]
fn a_message_of_prost_is_sent_as_its_bytes() {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Reading {
        #[prost(double, optional, tag = "1")]
        temperature: Option<f64>,
    }
    let reading = Reading {
        temperature: Some(21.5),
    };
    let body = message_body(Telemetry::message(&reading), PROTOBUF);
    assert_eq!(body.bytes(), b"\x09\0\0\0\0\0\x80\x35\x40");
}

proptest! {
    #[test]
    fn a_stamped_message_reads_as_its_fields_and_the_time(
        number in 1..=15_000_u32, unix_ms: i64, message in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let format = PayloadFormat::Protobuf { ts_field: Some(number) };
        let mut body = message_body(Telemetry::protobuf(message.clone()), format);
        body.stamp(unix_ms);
        let payload = body.bytes();
        prop_assert_eq!(payload.len(), body.len());
        let time = crate::tb::protobuf::TimeField::new(number, unix_ms);
        prop_assert_eq!(payload, [time.as_bytes(), &*message].concat());
    }
}
