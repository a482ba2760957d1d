use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::{format, vec};
use core::str;

use proptest::prelude::*;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::super::oracle::{Stored, any_json, stored};
use super::*;

fn text<T: Serialize + ?Sized>(value: &T) -> String {
    String::from_utf8(write(value).unwrap().text).unwrap()
}

fn refusal<T: Serialize + ?Sized>(value: &T) -> InvalidPayload {
    write(value).unwrap_err()
}

#[derive(Serialize)]
struct Reading {
    temperature: f64,
    enabled: bool,
    mode: Mode,
    note: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<i32>,
    position: (f32, f32),
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Eco,
}

#[test]
fn a_struct_becomes_compact_json_and_its_values_are_counted_without_nulls() {
    let reading = Reading {
        temperature: 1e16,
        enabled: true,
        mode: Mode::Eco,
        note: None,
        extra: None,
        position: (0.1, 2.5),
    };
    let written = write(&reading).unwrap();
    assert_eq!(
        str::from_utf8(&written.text).unwrap(),
        r#"{"temperature":10000000000000000.0,"enabled":true,"mode":"eco","note":null,"#
            .to_string()
            + r#""position":[0.1,2.5]}"#
    );
    assert_eq!(
        written.form,
        Form {
            members: 5,
            data_points: 4,
            ..Form::default()
        }
    );
}

#[test]
fn a_usual_reading_is_written_into_its_first_allocation() {
    let reading = BTreeMap::from([
        ("temperature", 21.5),
        ("humidity", 40.25),
        ("pressure", 1013.0),
    ]);
    assert_eq!(write(&reading).unwrap().text.capacity(), CAPACITY);
}

#[test]
fn nan_and_infinities_are_refused_naming_the_path() {
    #[derive(Serialize)]
    struct Outer {
        at: BTreeMap<&'static str, Vec<f64>>,
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let named = |key: &str| InvalidPayload::NotANumber { key: key.into() };
        assert_eq!(refusal(&BTreeMap::from([("t", value)])), named("t"));
        assert_eq!(
            refusal(&BTreeMap::from([("t", Some(value as f32))])),
            named("t")
        );
        let nested = Outer {
            at: BTreeMap::from([("a\"b", vec![1.0]), ("c", vec![1.0, value])]),
        };
        assert_eq!(refusal(&nested), named("at.c"));
        assert_eq!(refusal(&vec![BTreeMap::from([("t", value)])]), named("t"));
    }
}

#[test]
fn integers_beyond_i64_are_refused_directly_below_a_key_only() {
    let named = InvalidPayload::IntegerOutOfRange { key: "n".into() };
    assert_eq!(refusal(&BTreeMap::from([("n", u64::MAX)])), named);
    assert_eq!(refusal(&BTreeMap::from([("n", u128::MAX)])), named);
    assert_eq!(
        refusal(&BTreeMap::from([("n", i128::from(i64::MIN) - 1)])),
        named
    );
    assert_eq!(refusal(&json!({ "n": u64::MAX })), named);
    assert_eq!(
        text(&BTreeMap::from([("n", i64::MAX as u64)])),
        r#"{"n":9223372036854775807}"#
    );
    assert_eq!(
        text(&BTreeMap::from([("n", i128::from(i64::MIN))])),
        r#"{"n":-9223372036854775808}"#
    );
    assert_eq!(
        text(&json!({ "n": [u64::MAX] })),
        r#"{"n":[18446744073709551615]}"#
    );
}

#[test]
fn keys_that_the_server_cannot_store_are_refused_directly_below_the_payload_only() {
    assert_eq!(
        refusal(&BTreeMap::from([("", 1)])),
        InvalidPayload::BlankKey
    );
    assert_eq!(
        refusal(&BTreeMap::from([(" \t", 1)])),
        InvalidPayload::BlankKey
    );
    let long = "x".repeat(300);
    assert_eq!(
        refusal(&BTreeMap::from([(&long, 1)])),
        InvalidPayload::KeyTooLong {
            key: "x".repeat(64),
            length: 300
        }
    );
    assert_eq!(text(&json!({ "a": { "": 1 } })), r#"{"a":{"":1}}"#);
}

#[test]
fn keys_that_are_not_text_become_text_or_are_refused() {
    assert_eq!(text(&BTreeMap::from([(-7_i64, 1)])), r#"{"-7":1}"#);
    assert_eq!(
        text(&BTreeMap::from([(u128::MAX, 1)])),
        format!("{{\"{}\":1}}", u128::MAX)
    );
    assert_eq!(text(&BTreeMap::from([('"', 1)])), r#"{"\"":1}"#);
    assert_eq!(
        text(&BTreeMap::from([(true, [(2_u8, 3)])])),
        r#"{"true":[[2,3]]}"#
    );
    assert_eq!(
        text(&json!({ "a": BTreeMap::from([(1, 2)]) })),
        r#"{"a":{"1":2}}"#
    );
    assert_eq!(
        refusal(&BTreeMap::from([((), 1)])),
        InvalidPayload::KeyNotText
    );
    assert_eq!(
        refusal(&BTreeMap::from([([1], 1)])),
        InvalidPayload::KeyNotText
    );
}

#[test]
fn what_is_no_object_is_refused() {
    #[derive(Serialize)]
    struct Unit;
    assert_eq!(refusal(&5), InvalidPayload::NotAnObject);
    assert_eq!(refusal("{\"a\":1}"), InvalidPayload::NotAnObject);
    assert_eq!(refusal(&()), InvalidPayload::NotAnObject);
    assert_eq!(refusal(&Unit), InvalidPayload::NotAnObject);
    assert_eq!(refusal(&None::<Reading>), InvalidPayload::NotAnObject);
    assert_eq!(refusal(&Mode::Eco), InvalidPayload::NotAnObject);
    assert_eq!(refusal(&Value::Null), InvalidPayload::NotAnObject);
}

#[test]
fn every_shape_of_rust_is_written_as_serde_json_writes_it() {
    #[derive(Serialize)]
    enum Event {
        Unit,
        New(u8),
        Pair(u8, char),
        Named { a: (), b: Box<Self> },
    }
    #[derive(Serialize)]
    struct Wrapped(Shapes);
    #[derive(Serialize)]
    struct Tuple(i8, i16, i128);
    #[derive(Serialize)]
    struct Shapes {
        events: Vec<Event>,
        tuple: Tuple,
        bytes: Bytes,
        text: &'static str,
        nested: BTreeMap<u8, BTreeMap<&'static str, Option<u64>>>,
    }
    struct Bytes;
    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&[0, 255])
        }
    }
    let shapes = Wrapped(Shapes {
        events: vec![
            Event::Unit,
            Event::New(1),
            Event::Pair(2, 'é'),
            Event::Named {
                a: (),
                b: Box::new(Event::New(3)),
            },
        ],
        tuple: Tuple(-1, -2, -3),
        bytes: Bytes,
        text: "\u{0}\"\\/\u{7f}🌡\n\t\r",
        nested: BTreeMap::from([(1, BTreeMap::new()), (2, BTreeMap::from([("x", None)]))]),
    });
    let value: Value = serde_json::from_str(&text(&shapes)).unwrap();
    assert_eq!(value, serde_json::to_value(&shapes).unwrap());

    for event in [
        Event::New(1),
        Event::Pair(2, 'x'),
        Event::Named {
            a: (),
            b: Box::new(Event::Unit),
        },
    ] {
        assert_eq!(text(&event), serde_json::to_string(&event).unwrap());
        assert_eq!(write(&event).unwrap().form.data_points, 1);
    }
}

#[test]
fn the_words_of_a_failing_serialize_are_passed_on_but_not_at_any_length() {
    struct Failing(usize);
    impl Serialize for Failing {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(ser::Error::custom("é".repeat(self.0)))
        }
    }
    let failing = |length| refusal(&BTreeMap::from([("a", Failing(length))]));
    assert_eq!(
        failing(3),
        InvalidPayload::Custom {
            message: "ééé".into()
        }
    );
    assert_eq!(
        failing(1000),
        InvalidPayload::Custom {
            message: "é".repeat(256)
        }
    );
}

#[test]
fn nesting_deeper_than_the_server_reads_is_refused() {
    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!(1), |inner, _| json!([inner]))
    }
    assert!(write(&json!({ "a": nested(127) })).is_ok());
    assert_eq!(
        refusal(&json!({ "a": nested(128) })),
        InvalidPayload::TooDeep
    );
}

/// What `serde_json` makes of a number with `arbitrary_precision`, and of a `RawValue`.
struct Embedded(&'static str, &'static str);

impl Serialize for Embedded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct(self.0, 1)?;
        fields.serialize_field(self.0, self.1)?;
        fields.end()
    }
}

#[test]
fn json_that_serde_json_embeds_follows_the_same_rules() {
    let number = |text| BTreeMap::from([("a", Embedded("$serde_json::private::Number", text))]);
    let raw = |text| BTreeMap::from([("a", Embedded("$serde_json::private::RawValue", text))]);
    assert_eq!(text(&number("1e16")), r#"{"a":10000000000000000.0}"#);
    assert_eq!(text(&number("12")), r#"{"a":12}"#);
    assert_eq!(
        refusal(&number("9223372036854775808")),
        InvalidPayload::IntegerOutOfRange { key: "a".into() }
    );
    assert_eq!(
        text(&BTreeMap::from([("a", [number("1e16")])])),
        r#"{"a":[{"a":1e16}]}"#
    );
    assert_eq!(text(&raw(" {\"x\": 1e16}")), r#"{"a": {"x": 1e16}}"#);
    assert_eq!(text(&raw("0.30000000000000004")), r#"{"a":0.3}"#);
    assert_eq!(refusal(&raw("{x:1}")), InvalidPayload::Syntax { offset: 1 });
    assert_eq!(
        refusal(&raw("{\"a\":1}").get("a").unwrap()),
        InvalidPayload::NotAnObject
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_object_reads_back_as_itself(
        members in prop::collection::btree_map("[a-z][a-z\"\\\\é🌡]{0,5}", any_json(), 0..6),
    ) {
        let written = write(&members).unwrap();
        let read: BTreeMap<String, Value> = serde_json::from_slice(&written.text).unwrap();
        prop_assert_eq!(read.len(), usize::try_from(written.form.members).unwrap());
        let points = members.values().filter(|value| !value.is_null()).count();
        prop_assert_eq!(points, usize::try_from(written.form.data_points).unwrap());
        for (key, value) in &members {
            match value.as_f64().filter(|_| value.is_f64()) {
                Some(float) => {
                    let read = read[key].as_f64().unwrap();
                    prop_assert!((float - read).abs() <= 1.1e-16);
                }
                None => prop_assert_eq!(&read[key], value),
            }
        }
    }

    #[test]
    fn integers_and_floats_of_a_reading_keep_their_type(long: i64, double in -1e9..1e9_f64) {
        let text = text(&json!({ "double": double, "long": long }));
        let (double_text, long_text) =
            text.strip_prefix("{\"double\":").unwrap().split_once(",\"long\":").unwrap();
        prop_assert_eq!(stored(long_text.strip_suffix('}').unwrap()), Stored::Long(long));
        prop_assert!(matches!(stored(double_text), Stored::Double(_)));
    }
}
