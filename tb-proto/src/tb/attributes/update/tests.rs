use alloc::string::ToString;
use alloc::vec;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn update(payload: &str) -> AttributeUpdate {
    AttributeUpdate::parse(payload.as_bytes()).unwrap()
}

fn deleted(keys: &[&str]) -> AttributeUpdate {
    AttributeUpdate {
        updated: AttributeMap::default(),
        deleted: keys.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn new_values_and_deletions_are_told_apart() {
    let changed = update(r#"{"interval":60,"mode":"eco"}"#);
    assert_eq!(changed.updated.get::<u8>("interval"), Ok(Some(60)));
    assert!(changed.deleted.is_empty());
    assert_eq!(
        update(r#"{"deleted":["mode","interval","mode"]}"#),
        deleted(&["interval", "mode"])
    );
    assert!(update("{}").is_empty());
    assert!(update(r#"{"deleted":[]}"#).is_empty());
}

#[test]
fn an_attribute_called_deleted_is_a_deletion_only_if_it_looks_like_one() {
    for payload in [
        r#"{"deleted":true}"#,
        r#"{"deleted":["a",1]}"#,
        r#"{"deleted":"a"}"#,
        r#"{"deleted":["a"],"b":1}"#,
    ] {
        let update = update(payload);
        assert!(
            update.updated.contains_key("deleted") && update.deleted.is_empty(),
            "{payload}"
        );
    }
}

#[test]
fn what_is_no_update_is_an_error() {
    for payload in ["", "[]", "null", "5", "{\"a\":}", "{} x"] {
        assert!(
            AttributeUpdate::parse(payload.as_bytes()).is_err(),
            "{payload}"
        );
    }
}

#[test]
fn what_nobody_asked_about_is_left_out() {
    let chosen = |key: &str| key == "a" || key == "c";
    let of = |mut update: AttributeUpdate| {
        update.retain(chosen);
        update
    };
    assert_eq!(of(update(r#"{"a":1,"b":2}"#)), update(r#"{"a":1}"#));
    assert_eq!(of(deleted(&["b", "c"])), deleted(&["c"]));
    assert!(of(update(r#"{"b":2}"#)).is_empty());
}

fn any_update() -> impl Strategy<Value = AttributeUpdate> {
    let key = "[a-d]";
    prop_oneof![
        prop::collection::btree_map(key, 0..3_u8, 0..4).prop_map(|values| AttributeUpdate {
            updated: values
                .into_iter()
                .map(|(key, value)| (key, json!(value)))
                .collect(),
            deleted: Vec::new(),
        }),
        prop::collection::btree_set(key, 0..4).prop_map(|keys| AttributeUpdate {
            updated: AttributeMap::default(),
            deleted: keys.into_iter().collect(),
        }),
    ]
}

/// Applies an update to what an application knows.
fn apply(known: &mut BTreeMap<String, Value>, update: &AttributeUpdate) {
    for (key, value) in update.updated.iter() {
        known.insert(key.into(), value.clone());
    }
    for key in &update.deleted {
        known.remove(key);
    }
}

proptest! {
    #[test]
    fn a_merged_update_does_what_its_parts_do_one_after_the_other(
        known in prop::collection::btree_map("[a-d]", Just(json!("old")), 0..4),
        updates in prop::collection::vec(any_update(), 1..6),
    ) {
        let mut step_by_step = known.clone();
        let mut merged = AttributeUpdate::default();
        for update in updates {
            apply(&mut step_by_step, &update);
            merged.merge(update);
        }
        let mut at_once = known;
        apply(&mut at_once, &merged);
        prop_assert_eq!(at_once, step_by_step);
        prop_assert!(merged.deleted.iter().all(|key| !merged.updated.contains_key(key)));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text in r#"(\{|\}|"deleted":|"a"|[\[\]:,0-9])*"#) {
        let _ = AttributeUpdate::parse(&bytes);
        let _ = AttributeUpdate::parse(text.as_bytes());
    }
}

#[test]
fn keys_deleted_twice_stay_deleted_once() {
    let mut update = deleted(&["a"]);
    update.merge(deleted(&["a", "b"]));
    assert_eq!(update.deleted, vec!["a", "b"]);
}

#[test]
fn an_update_in_protobuf_is_the_same_update() {
    let message = b"\x0A\x09\x12\x07\x0A\x01k\x10\x01\x20\x2A";
    let update = AttributeUpdate::read(message).unwrap();
    assert_eq!(update.updated.get("k"), Ok(Some(42)));
    assert_eq!(AttributeUpdate::read(b"{\"k\":42}"), Ok(update));
    let deleted = AttributeUpdate::read(b"\x12\x01k").unwrap();
    assert_eq!(deleted.deleted, ["k"]);
    assert!(AttributeUpdate::read(b"").is_err());
}
