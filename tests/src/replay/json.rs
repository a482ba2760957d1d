//! JSON values with placeholders in them.

use serde_json::Value;

/// Whether `actual` is the value that was recorded, up to placeholders. Members of an object have no
/// order; `1.0` and `1` are different values, because the server stores them as different types.
pub fn json_agrees(recorded: &Value, actual: &Value) -> bool {
    match (recorded, actual) {
        (Value::String(text), _) if text.contains("{{") => {
            recorded == actual || text_agrees(text, actual)
        }
        (Value::Array(recorded), Value::Array(actual)) => {
            recorded.len() == actual.len()
                && recorded
                    .iter()
                    .zip(actual)
                    .all(|(recorded, actual)| json_agrees(recorded, actual))
        }
        (Value::Object(recorded), Value::Object(actual)) => {
            recorded.len() == actual.len()
                && recorded.iter().all(|(name, recorded)| {
                    actual
                        .get(name)
                        .is_some_and(|actual| match (recorded, actual) {
                            (Value::Array(recorded), Value::Array(actual)) if name == "deleted" => {
                                same_names(recorded, actual)
                            }
                            _ => json_agrees(recorded, actual),
                        })
                })
        }
        _ => recorded == actual,
    }
}

/// Keys that were deleted are announced in no particular order.
fn same_names(recorded: &[Value], actual: &[Value]) -> bool {
    recorded.len() == actual.len() && recorded.iter().all(|name| actual.contains(name))
}

fn text_agrees(recorded: &str, actual: &Value) -> bool {
    match recorded {
        "{{volatile}}" => true,
        "{{number}}" | "{{server_time_ms}}" => actual.is_number(),
        _ => actual.as_str().is_some_and(|actual| fits(recorded, actual)),
    }
}

/// Each `{{name}}` takes at least one character.
fn fits(recorded: &str, actual: &str) -> bool {
    let parts = recorded
        .split_once("{{")
        .and_then(|(before, from_name)| Some((before, from_name.split_once("}}")?.1)));
    let Some((before, after)) = parts else {
        return recorded == actual;
    };
    let Some(rest) = actual.strip_prefix(before) else {
        return false;
    };
    rest.char_indices()
        .skip(1)
        .map(|(at, _)| at)
        .chain([rest.len()])
        .any(|at| at > 0 && rest.get(at..).is_some_and(|rest| fits(after, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_have_no_order_and_elements_do() {
        assert!(json_agrees(
            &json!({"a": 1, "b": 2}),
            &json!({"b": 2, "a": 1})
        ));
        assert!(!json_agrees(&json!([1, 2]), &json!([2, 1])));
        assert!(!json_agrees(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
        assert!(!json_agrees(&json!({"a": 1, "b": 2}), &json!({"a": 1})));
    }

    #[test]
    fn deleted_keys_are_a_set() {
        let recorded = json!({"deleted": ["a", "b"]});
        assert!(json_agrees(&recorded, &json!({"deleted": ["b", "a"]})));
        assert!(!json_agrees(&recorded, &json!({"deleted": ["a", "c"]})));
        assert!(!json_agrees(&recorded, &json!({"deleted": ["a"]})));
    }

    #[test]
    fn a_double_is_not_an_integer() {
        assert!(!json_agrees(&json!(1), &json!(1.0)));
        assert!(json_agrees(
            &json!(1e20),
            &serde_json::from_str("1.0E20").unwrap()
        ));
    }

    #[test]
    fn placeholders_take_values_of_their_kind() {
        assert!(json_agrees(
            &json!("{{server_time_ms}}"),
            &json!(1_767_225_600_000_i64)
        ));
        assert!(!json_agrees(&json!("{{server_time_ms}}"), &json!("soon")));
        assert!(json_agrees(
            &json!({"t": "{{generated_token}}"}),
            &json!({"t": "x7"})
        ));
        assert!(!json_agrees(
            &json!({"t": "{{generated_token}}"}),
            &json!({"t": ""})
        ));
        assert!(json_agrees(&json!("a-{{volatile}}-z"), &json!("a-1-2-z")));
        assert!(!json_agrees(&json!("a-{{volatile}}-z"), &json!("a-z")));
    }
}
