use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::Telemetry;
use crate::tb::{InvalidPayload, PayloadFormat};

fn sent(text: &str) -> String {
    let (body, _) = Telemetry::json(text)
        .unstamped()
        .into_parts(PayloadFormat::Json)
        .unwrap();
    String::from_utf8(body.bytes().to_vec()).unwrap()
}

fn refusal(text: impl Into<Vec<u8>>) -> InvalidPayload {
    Telemetry::json(text)
        .into_parts(PayloadFormat::Json)
        .unwrap_err()
}

#[test]
fn text_that_the_server_would_refuse_or_misread_is_refused_with_its_reason() {
    let key = || "a".to_string();
    for (text, expected) in [
        ("null", InvalidPayload::NotAnObject),
        ("5", InvalidPayload::NotAnObject),
        ("\"x\"", InvalidPayload::NotAnObject),
        ("[1]", InvalidPayload::NotAnObject),
        ("[null]", InvalidPayload::NotAnObject),
        ("[[{\"a\":1}]]", InvalidPayload::NotAnObject),
        ("{\"a\":1", InvalidPayload::Syntax { offset: 6 }),
        ("{\"a\":1} x", InvalidPayload::Syntax { offset: 8 }),
        ("{\"a\":NaN}", InvalidPayload::Syntax { offset: 5 }),
        ("{\"\\ud800\":1}", InvalidPayload::Syntax { offset: 1 }),
        ("{\"\":1}", InvalidPayload::BlankKey),
        ("{\"\\u0020\":1}", InvalidPayload::BlankKey),
        (
            "{\"a\":9223372036854775808}",
            InvalidPayload::IntegerOutOfRange { key: key() },
        ),
        (
            "{\"b\":1,\"a\":1e999}",
            InvalidPayload::FloatOutOfRange { key: key() },
        ),
        (
            "{\"ts\":null,\"values\":{\"a\":1}}",
            InvalidPayload::InvalidTimestamp,
        ),
        (
            "{\"ts\":\"x\",\"values\":{\"a\":1}}",
            InvalidPayload::InvalidTimestamp,
        ),
        (
            "{\"ts\":\"+1767225600000\",\"values\":{\"a\":1}}",
            InvalidPayload::InvalidTimestamp,
        ),
        (
            "{\"ts\":1.5e12,\"values\":{\"a\":1}}",
            InvalidPayload::InvalidTimestamp,
        ),
        (
            "{\"ts\":99999999999999999999,\"values\":{\"a\":1}}",
            InvalidPayload::InvalidTimestamp,
        ),
        (
            "{\"ts\":[5],\"values\":{\"a\":1}}",
            InvalidPayload::InvalidTimestamp,
        ),
        (
            "{\"ts\":1767225600000,\"values\":[]}",
            InvalidPayload::ValuesNotAnObject,
        ),
        (
            "{\"ts\":1767225600000,\"values\":null}",
            InvalidPayload::ValuesNotAnObject,
        ),
        (
            "{\"ts\":1767225600000,\"values\":{\"ts\":1,\"values\":{\"a\":1}}}",
            InvalidPayload::TimeTwice,
        ),
        (
            "{\"ts\":1767225600000,\"values\":{\"a\":99999999999999999999}}",
            InvalidPayload::IntegerOutOfRange { key: key() },
        ),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
    }
    assert_eq!(
        refusal(vec![b'{', 0xff]),
        InvalidPayload::Syntax { offset: 1 }
    );
    let deep = "{\"a\":".repeat(200) + "1" + &"}".repeat(200);
    assert_eq!(refusal(deep), InvalidPayload::TooDeep);
}

#[test]
fn text_is_sent_byte_for_byte_except_for_floats_that_would_change_their_type() {
    let kept = "[ {\"a\" : \"\\u00e9\\/\" , \"b\":[1e3,0.30000000000000004], \"c\":-0.50} ]";
    assert_eq!(sent(kept), kept);
    let given = r#"[{"a": 1e3 ,"b":0.30000000000000004},{"ts":1767225600000,"x":1e3,"values":{"c":1E+16}}]"#;
    let expected = r#"[{"a": 1000.0 ,"b":0.3},{"ts":1767225600000,"x":1e3,"values":{"c":10000000000000000.0}}]"#;
    assert_eq!(sent(given), expected);
}

#[test]
fn what_is_beside_ts_and_values_follows_no_rule_because_the_server_ignores_it() {
    let own = r#"{"":9223372036854775808,"ts":1767225600000,"values":{"a":1}}"#;
    assert_eq!(sent(own), own);
}
