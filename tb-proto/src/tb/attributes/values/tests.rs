use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

#[test]
fn both_scopes_are_read() {
    let answer = br#"{"client":{"serial":"A-17","fw":3},"shared":{"interval":30}}"#;
    let values = AttributeValues::parse(answer).unwrap();
    assert_eq!(values.client.get::<u8>("fw"), Ok(Some(3)));
    assert_eq!(values.shared.get::<u8>("interval"), Ok(Some(30)));
    assert_eq!((values.client.len(), values.shared.len()), (2, 1));
}

#[test]
fn a_scope_in_which_nothing_was_found_is_left_out() {
    assert_eq!(
        AttributeValues::parse(b"{}"),
        Ok(AttributeValues::default())
    );
    let values = AttributeValues::parse(br#"{"shared":{"a":1}}"#).unwrap();
    assert!(values.client.is_empty() && values.shared.contains_key("a"));
}

#[test]
fn a_double_is_read_as_the_very_double_that_java_wrote() {
    let values =
        AttributeValues::parse(br#"{"client":{"a":1.0E20,"b":5.0,"c":4.9E-324}}"#).unwrap();
    assert_eq!(values.client.get::<f64>("a"), Ok(Some(1e20)));
    assert_eq!(values.client.get::<f64>("b"), Ok(Some(5.0)));
    assert_eq!(values.client.get::<f64>("c"), Ok(Some(4.9e-324)));
}

#[test]
fn what_is_no_answer_is_an_error() {
    for payload in [
        "",
        "[]",
        "null",
        "{\"client\":[]}",
        "{\"shared\":5}",
        "{",
        "{} x",
    ] {
        assert!(
            AttributeValues::parse(payload.as_bytes()).is_err(),
            "{payload}"
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text in r#"(\{|\}|"client":|"shared":|"a":|[\[\],0-9])*"#) {
        let _ = AttributeValues::parse(&bytes);
        let _ = AttributeValues::parse(text.as_bytes());
    }
}

#[test]
fn an_answer_in_protobuf_is_the_same_answer() {
    let message = b"\x08\x01\x1A\x09\x12\x07\x0A\x01k\x10\x01\x20\x2A";
    let values = AttributeValues::read(message, 1).unwrap();
    assert_eq!(values.shared.get("k"), Ok(Some(42)));
    assert!(AttributeValues::read(message, 2).is_err());
    let json = AttributeValues::read(b"{\"shared\":{\"k\":42}}", 1);
    assert_eq!(json, Ok(values));
}
