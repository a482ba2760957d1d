use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn payload(query: &AttributeQuery) -> Value {
    serde_json::from_slice(&query.payload(PayloadFormat::Json).unwrap()).unwrap()
}

#[test]
fn keys_travel_as_one_text_per_scope() {
    assert_eq!(
        payload(&AttributeQuery::shared(["a", "b"])),
        json!({ "sharedKeys": "a,b" })
    );
    assert_eq!(
        payload(&AttributeQuery::client(["a".to_string()])),
        json!({ "clientKeys": "a" })
    );
    let both = AttributeQuery::new()
        .client_keys(["x"])
        .shared_keys(["y"])
        .client_keys(["z"]);
    assert_eq!(
        payload(&both),
        json!({ "clientKeys": "x,z", "sharedKeys": "y" })
    );
    assert_eq!(
        payload(&AttributeQuery::shared(["a\"\\b"])),
        json!({ "sharedKeys": "a\"\\b" })
    );
}

#[test]
fn everything_is_asked_for_only_when_it_was_said_so() {
    assert_eq!(
        AttributeQuery::all().payload(PayloadFormat::Json).unwrap(),
        b"{}"
    );
    assert_eq!(
        AttributeQuery::all()
            .shared_keys(["a"])
            .payload(PayloadFormat::Json)
            .unwrap(),
        b"{}"
    );
    assert_eq!(
        AttributeQuery::new().payload(PayloadFormat::Json),
        Err(InvalidQuery::NoKeys)
    );
    assert_eq!(
        AttributeQuery::shared(Vec::<String>::new()).payload(PayloadFormat::Json),
        Err(InvalidQuery::NoKeys)
    );
}

#[test]
fn keys_that_would_never_be_answered_are_refused() {
    let refusal = |key: &str| {
        AttributeQuery::shared(["a", key])
            .payload(PayloadFormat::Json)
            .unwrap_err()
    };
    assert_eq!(refusal(""), InvalidQuery::BlankKey);
    assert_eq!(refusal(" "), InvalidQuery::BlankKey);
    assert_eq!(
        refusal("a,b"),
        InvalidQuery::CommaInKey { key: "a,b".into() }
    );
    assert_eq!(
        refusal(&"k".repeat(256)),
        InvalidQuery::KeyTooLong {
            key: "k".repeat(64),
            length: 256
        }
    );
    assert_eq!(
        AttributeQuery::client([","]).payload(PayloadFormat::Json),
        Err(InvalidQuery::CommaInKey { key: ",".into() })
    );
    for refused in [
        InvalidQuery::NoKeys,
        InvalidQuery::BlankKey,
        InvalidQuery::CommaInKey { key: "k".into() },
        InvalidQuery::KeyTooLong {
            key: "k".into(),
            length: 256,
        },
    ] {
        let text = refused.to_string();
        assert!(
            text.starts_with(char::is_lowercase) && !text.ends_with('.'),
            "{text}"
        );
    }
}

#[test]
fn an_answer_is_waited_for_twenty_seconds_unless_told_otherwise() {
    assert_eq!(
        AttributeQuery::all().deadline_after(),
        Duration::from_secs(20)
    );
    let query = AttributeQuery::all().timeout(Duration::from_secs(3));
    assert_eq!(query.deadline_after(), Duration::from_secs(3));
    assert_eq!(AttributeQuery::default(), AttributeQuery::new());
}

proptest! {
    #[test]
    fn the_server_splits_the_text_into_the_keys_that_were_named(
        keys in prop::collection::vec("[^,\\s][^,]{0,8}", 1..5),
    ) {
        let payload = payload(&AttributeQuery::shared(keys.clone()));
        let text = payload["sharedKeys"].as_str().unwrap();
        prop_assert_eq!(text.split(',').collect::<Vec<_>>(), keys);
        let scopes: BTreeSet<&str> = payload.as_object().unwrap().keys().map(|key| &**key).collect();
        prop_assert!(scopes.into_iter().eq(vec!["sharedKeys"]));
    }
}

#[test]
fn in_protobuf_the_same_keys_travel_in_the_same_lists() {
    let payload = |query: AttributeQuery| query.payload(PayloadFormat::Protobuf { ts_field: None });
    let both = AttributeQuery::client(["a", "b"]).shared_keys(["c"]);
    assert_eq!(payload(both).unwrap(), b"\x0A\x03a,b\x12\x01c");
    assert_eq!(payload(AttributeQuery::all()).unwrap(), b"");
    assert_eq!(payload(AttributeQuery::new()), Err(InvalidQuery::NoKeys));
    let comma = payload(AttributeQuery::shared(["a,b"]));
    assert!(matches!(comma, Err(InvalidQuery::CommaInKey { .. })));
}
