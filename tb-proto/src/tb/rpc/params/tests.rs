use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn field(text: &'static str) -> Params {
    Params::from_field(ParamsField::Delimited(Bytes::from_static(text.as_bytes())))
}

#[test]
fn text_is_the_json_that_it_is_and_otherwise_a_string() {
    assert_eq!(field("{\"ch\":[1,2]}").parse(), Ok(json!({ "ch": [1, 2] })));
    assert_eq!(field("true").parse(), Ok(true));
    assert_eq!(field("text").parse(), Ok(String::from("text")));
    assert_eq!(field("say \"hi\"").as_json(), r#""say \"hi\"""#);
    assert_eq!(field("").parse(), Ok(String::new()));
}

#[test]
fn text_that_looks_like_a_number_is_whatever_is_asked_for() {
    assert_eq!(field("0012").parse(), Ok(String::from("0012")));
    assert_eq!(field("12").parse(), Ok(12));
    assert_eq!(field("12").parse(), Ok(String::from("12")));
    assert_eq!(field("12").as_json(), "12");
    assert!(field("12").parse::<Vec<u8>>().is_err());
}

#[test]
fn numbers_and_booleans_are_read() {
    let varint = |value| Params::from_field(ParamsField::Varint(value));
    assert_eq!(varint(7).parse(), Ok(7_u8));
    assert_eq!(varint(u64::MAX).parse(), Ok(-1));
    assert_eq!(varint(1).parse(), Ok(true));
    assert_eq!(varint(0).parse(), Ok(false));
    assert!(varint(2).parse::<bool>().is_err());
    assert_eq!(
        Params::from_field(ParamsField::Double(1.5)).parse(),
        Ok(1.5)
    );
    assert_eq!(
        Params::from_field(ParamsField::Float(-0.25)).as_json(),
        "-0.25"
    );
    assert_eq!(
        Params::from_field(ParamsField::Double(f64::NAN)).as_json(),
        "null"
    );
}

#[test]
fn a_message_is_handed_over_as_it_came() {
    let message = Params::from_field(ParamsField::Delimited(Bytes::from_static(b"\x08\xFF\x01")));
    assert_eq!(message.as_protobuf(), Some(&b"\x08\xFF\x01"[..]));
    assert_eq!(message.as_json(), "null");
    assert!(message.parse::<String>().is_err());
    assert_eq!(
        Params::from_json(Bytes::from_static(b"[]")).as_protobuf(),
        None
    );
}

#[test]
fn bytes_are_the_json_text_and_shared_where_they_can_be() {
    assert_eq!(field("[1]").into_bytes(), "[1]");
    assert_eq!(field("on").into_bytes(), "\"on\"");
    let json = Bytes::from(vec![b'7'; 3]);
    let place = json.as_ptr();
    let params = Params::from_field(ParamsField::Delimited(json));
    assert_eq!(params.into_bytes().as_ptr(), place);
}

#[cfg(feature = "prost")]
#[test]
fn a_message_is_decoded_by_prost() {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Relay {
        #[prost(int32, tag = "1")]
        channel: i32,
    }
    let params = Params::from_field(ParamsField::Delimited(Bytes::from_static(b"\x08\x05")));
    assert_eq!(params.message(), Ok(Relay { channel: 5 }));
    assert!(field("text").message::<Relay>().is_err());
    assert!(Params::NULL.message::<Relay>().is_err());
}

proptest! {
    #[test]
    fn any_string_can_be_read_as_one(text: String) {
        let params = Params::from_field(ParamsField::Delimited(text.clone().into()));
        // A number may be JSON and larger than every double.
        if let Ok(value) = serde_json::from_str::<Value>(&params.as_json()) {
            prop_assert_eq!(params.parse::<Value>(), Ok(value));
        }
        // A JSON string among strings is read without its quotes.
        if !is_json(&text) || !text.trim_start().starts_with('"') {
            prop_assert_eq!(params.parse::<String>(), Ok(text));
        }
    }

    #[test]
    fn no_field_panics(bytes: Vec<u8>, varint: u64, double: f64, float: f32) {
        for field in [
            ParamsField::Delimited(bytes.into()),
            ParamsField::Varint(varint),
            ParamsField::Double(double),
            ParamsField::Float(float),
        ] {
            let params = Params::from_field(field);
            let json = params.as_json().into_owned();
            prop_assert!(is_json(&json));
            prop_assert_eq!(params.into_bytes(), json);
        }
    }
}
