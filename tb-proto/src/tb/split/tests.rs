use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const ANY: PartLimits = PartLimits {
    bytes: usize::MAX,
    data_points: u32::MAX,
};

fn parts(text: &str, meaning: Meaning, limits: PartLimits) -> Result<Vec<String>, TooLarge> {
    let mut cursor = Cursor::default();
    let mut parts = Vec::new();
    while let Some(part) = cursor.next(text, meaning, limits)? {
        assert!(part.text.len() <= limits.bytes);
        assert!(part.data_points <= limits.data_points);
        parts.push(String::from_utf8(part.text).unwrap());
    }
    Ok(parts)
}

fn bytes(bytes: usize) -> PartLimits {
    PartLimits { bytes, ..ANY }
}

fn points(data_points: u32) -> PartLimits {
    PartLimits { data_points, ..ANY }
}

#[test]
fn what_is_within_the_limits_is_one_part() {
    for text in [
        r#"{"a":1}"#,
        r#"{"ts":1,"values":{"a":1}}"#,
        r#"[{"a":1},{"ts":1,"values":{"b":2}}]"#,
    ] {
        assert_eq!(parts(text, Meaning::Telemetry, ANY).unwrap(), [text]);
    }
}

#[test]
fn an_object_is_cut_between_its_members() {
    let text = r#"{"a":1,"b":2,"c":3}"#;
    let cut = parts(text, Meaning::Telemetry, points(2)).unwrap();
    assert_eq!(cut, [r#"{"a":1,"b":2}"#, r#"{"c":3}"#]);
    let cut = parts(text, Meaning::Telemetry, bytes(7)).unwrap();
    assert_eq!(cut, [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#]);
}

#[test]
fn every_part_of_an_entry_has_its_time_and_what_else_it_has() {
    let text = r#"{"values":{"a":1,"b":[2,{}]},"ts":"17","metadata":{"m":1}}"#;
    let cut = parts(text, Meaning::Telemetry, points(1)).unwrap();
    assert_eq!(
        cut,
        [
            r#"{"ts":"17","metadata":{"m":1},"values":{"a":1}}"#,
            r#"{"ts":"17","metadata":{"m":1},"values":{"b":[2,{}]}}"#,
        ]
    );
}

#[test]
fn a_list_is_cut_between_its_entries_and_an_entry_only_if_it_must() {
    let text = r#"[ {"a":1} , {"ts":5,"values":{"b":1,"c":2,"d":3}}, {"e":1}, {"f":1}]"#;
    let cut = parts(text, Meaning::Telemetry, points(2)).unwrap();
    assert_eq!(
        cut,
        [
            r#"[{"a":1}]"#,
            r#"{"ts":5,"values":{"b":1,"c":2}}"#,
            r#"{"ts":5,"values":{"d":3}}"#,
            r#"[{"e":1},{"f":1}]"#,
        ]
    );
}

#[test]
fn keys_that_occur_twice_keep_their_order() {
    let cut = parts(r#"{"a":1,"a":2}"#, Meaning::Telemetry, points(1)).unwrap();
    assert_eq!(cut, [r#"{"a":1}"#, r#"{"a":2}"#]);
}

#[test]
fn attributes_called_ts_and_values_are_attributes() {
    let cut = parts(
        r#"{"ts":1,"values":{"a":1,"b":2}}"#,
        Meaning::Attributes,
        points(1),
    )
    .unwrap();
    assert_eq!(cut, [r#"{"ts":1}"#, r#"{"values":{"a":1,"b":2}}"#]);
}

#[test]
fn a_null_is_no_data_point() {
    let cut = parts(r#"{"a":1,"b":null,"c":3}"#, Meaning::Telemetry, points(1)).unwrap();
    assert_eq!(cut, [r#"{"a":1,"b":null}"#, r#"{"c":3}"#]);
}

#[test]
fn a_value_that_cannot_fit_is_named_by_the_size_that_it_needs() {
    let long = format!(r#"{{"ts":1,"values":{{"a":1,"b":"{}"}}}}"#, "x".repeat(100));
    let alone = format!(r#"{{"ts":1,"values":{{"b":"{}"}}}}"#, "x".repeat(100));
    assert_eq!(
        parts(&long, Meaning::Telemetry, bytes(60)),
        Err(TooLarge { size: alone.len() })
    );
    assert!(parts(&long, Meaning::Telemetry, bytes(alone.len())).is_ok());
}

fn key() -> impl Strategy<Value = String> {
    // Few, so that some occur twice; with escapes and characters of several bytes.
    prop_oneof![
        Just("ts".to_string()),
        Just("values".to_string()),
        Just("ä€".to_string()),
        Just("q\\\"k".to_string()),
        "[a-c]{1,2}"
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        "[a-zäö€ ]{0,30}".prop_map(|text| format!("\"{text}\"")),
        Just(r#"{ "in": [1, {"x": "]}"}] }"#.to_string()),
    ]
}

fn object() -> impl Strategy<Value = String> {
    proptest::collection::vec((key(), value()), 1..12).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(key, value)| format!("\"{key}\": {value}"))
            .collect();
        format!("{{ {} }}", members.join(" ,"))
    })
}

fn entry() -> impl Strategy<Value = String> {
    prop_oneof![
        object().prop_filter("no accidental time", |object| !object.contains("\"ts\"")),
        (1_000_000_000_000_i64..1_000_000_000_100, object())
            .prop_map(|(ts, values)| format!(r#"{{"ts":{ts}, "values":{values}}}"#)),
    ]
}

/// Every stored point, in order; of several under one key and time the last one counts, as it does
/// for the server whether they come in one message or in several.
fn stored(text: &str, into: &mut BTreeMap<(Option<i64>, String), Value>) {
    let value: Value = serde_json::from_str(text).unwrap();
    let entries = match value {
        Value::Array(entries) => entries,
        entry => alloc::vec![entry],
    };
    for entry in entries {
        let (ts, values) = match (entry.get("ts"), entry.get("values")) {
            (Some(ts), Some(values)) => (ts.as_i64(), values.clone()),
            _ => (None, entry),
        };
        for (key, value) in values.as_object().unwrap() {
            into.insert((ts, key.clone()), value.clone());
        }
    }
}

proptest! {
    #[test]
    fn parts_store_what_the_whole_would(
        entries in proptest::collection::vec(entry(), 1..8),
        max_bytes in 40_usize..400,
        max_points in 1_u32..6,
    ) {
        let text = if entries.len() == 1 { entries[0].clone() } else { format!("[{}]", entries.join(", ")) };
        let limits = PartLimits { bytes: max_bytes, data_points: max_points };
        if let Ok(cut) = parts(&text, Meaning::Telemetry, limits) {
            let (mut whole, mut together) = (BTreeMap::new(), BTreeMap::new());
            stored(&text, &mut whole);
            for part in &cut {
                stored(part, &mut together);
            }
            prop_assert_eq!(together, whole);
        }
    }

    #[test]
    fn cut_attributes_have_every_member_once(text in object(), max_points in 1_u32..6) {
        let cut = parts(&text, Meaning::Attributes, points(max_points)).unwrap();
        let members = |text: &str| {
            let mut scanner = Scanner::new(text);
            scanner.enter(b'{').unwrap();
            let (mut found, mut first) = (Vec::new(), true);
            while let Some(key) = scanner.member(first).unwrap() {
                first = false;
                let value = scanner.value().unwrap();
                found.push((scanner.slice(&key).to_string(), scanner.slice(&value.range).to_string()));
            }
            found
        };
        let together: Vec<_> = cut.iter().flat_map(|part| members(part)).collect();
        prop_assert_eq!(together, members(&text));
    }
}
