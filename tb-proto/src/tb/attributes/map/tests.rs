use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

fn map(value: Value) -> AttributeMap {
    value.as_object().unwrap().clone().into_iter().collect()
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    upload_frequency: u32,
    mode: Option<String>,
    limits: Option<Vec<f64>>,
}

#[test]
fn an_attribute_is_read_as_the_type_that_the_application_expects() {
    let map = map(json!({ "every": 60, "mode": "eco", "at": [1.5, 2.0], "off": false }));
    assert_eq!(map.get::<u32>("every"), Ok(Some(60)));
    assert_eq!(map.get::<f64>("every"), Ok(Some(60.0)));
    assert_eq!(map.get::<String>("mode"), Ok(Some("eco".to_string())));
    assert_eq!(map.get::<(f64, f64)>("at"), Ok(Some((1.5, 2.0))));
    assert_eq!(map.get::<bool>("off"), Ok(Some(false)));
    assert_eq!(map.get::<u32>("missing"), Ok(None));
    assert_eq!(map.get_value("every"), Some(&json!(60)));
    assert!(map.contains_key("off") && !map.contains_key("on"));
}

#[test]
fn an_attribute_of_another_type_is_named() {
    let error = map(json!({ "every": "soon" }))
        .get::<u32>("every")
        .unwrap_err();
    assert_eq!(error.key(), Some("every"));
    assert!(
        error
            .to_string()
            .starts_with("the attribute `every` is of another type: "),
        "{error}"
    );
}

#[test]
fn all_attributes_are_read_as_one_struct_with_optional_fields() {
    let full = map(json!({ "uploadFrequency": 60, "mode": "eco", "limits": [1.0], "other": {} }));
    assert_eq!(
        full.deserialize::<Settings>(),
        Ok(Settings {
            upload_frequency: 60,
            mode: Some("eco".into()),
            limits: Some(vec![1.0]),
        })
    );
    let least = map(json!({ "uploadFrequency": 60, "mode": null }));
    assert_eq!(
        least.deserialize::<Settings>(),
        Ok(Settings {
            upload_frequency: 60,
            mode: None,
            limits: None
        })
    );
    let error = map(json!({ "mode": "eco" }))
        .deserialize::<Settings>()
        .unwrap_err();
    assert_eq!(error.key(), None);
    assert!(error.to_string().contains("uploadFrequency"), "{error}");
}

#[test]
fn the_map_is_a_map() {
    let map = map(json!({ "b": 2, "a": 1 }));
    assert_eq!(
        map.iter().map(|(key, _)| key).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!((map.len(), map.is_empty()), (2, false));
    assert!(AttributeMap::default().is_empty());
    let inner = map.clone().into_inner();
    assert_eq!(
        inner,
        BTreeMap::from([("a".into(), json!(1)), ("b".into(), json!(2))])
    );
    assert_eq!(AttributeMap::from(inner), map);
}
