use alloc::collections::BTreeMap;
use alloc::string::String;

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use super::super::oracle::any_json;
use super::super::text::unescaped;
use super::*;

fn scan(text: &str) -> Result<Value, BadJson> {
    let mut scanner = Scanner::new(text);
    let value = scanner.value()?;
    scanner.end()?;
    Ok(value)
}

#[test]
fn every_kind_of_value_is_found_with_its_bounds() {
    for (text, kind, range) in [
        (" {} ", Kind::Object, 1..3),
        ("\t[1, [], {\"a\":{}}]\n", Kind::Array, 1..18),
        (r#""a\"b\\""#, Kind::Text, 0..8),
        ("-0.5e+10 ", Kind::Number, 0..8),
        ("true", Kind::Boolean, 0..4),
        ("false", Kind::Boolean, 0..5),
        ("\r\nnull", Kind::Null, 2..6),
    ] {
        assert_eq!(scan(text), Ok(Value { kind, range }), "{text}");
    }
}

#[test]
fn leniency_of_other_parsers_is_a_mistake_that_is_located() {
    for (text, offset) in [
        ("", 0),
        ("  ", 2),
        ("{a:1}", 1),
        ("{'a':1}", 1),
        ("{\"a\":1,}", 7),
        ("{\"a\"=1}", 4),
        ("{\"a\":1;\"b\":2}", 6),
        ("[1,,2]", 3),
        ("[1 2]", 3),
        ("[1}", 2),
        ("{\"a\":[}", 6),
        ("01", 1),
        ("-", 1),
        ("+1", 0),
        (".5", 0),
        ("5.", 2),
        ("1e", 2),
        ("NaN", 0),
        ("nul", 3),
        ("tru ", 3),
        ("\"a\u{1}\"", 2),
        ("\"\\x\"", 2),
        ("\"\\u12g4\"", 5),
        ("\"open", 5),
        ("{} {}", 3),
        ("// c\n1", 0),
        ("\u{feff}{}", 0),
    ] {
        assert_eq!(scan(text), Err(BadJson::Syntax { offset }), "{text}");
    }
}

#[test]
fn nesting_is_bounded_and_costs_no_stack() {
    let deepest = usize::try_from(DEEPEST).unwrap();
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert!(scan(&nested(deepest)).is_ok());
    assert_eq!(scan(&nested(deepest + 1)), Err(BadJson::TooDeep));
    assert_eq!(scan(&"{\"a\":".repeat(1_000_000)), Err(BadJson::TooDeep));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_serde_json_writes_is_found_member_by_member(
        members in prop::collection::btree_map(any::<String>(), any_json(), 0..6),
        pretty: bool,
    ) {
        let text = if pretty {
            serde_json::to_string_pretty(&members)
        } else {
            serde_json::to_string(&members)
        };
        let text = text.unwrap();
        let mut scanner = Scanner::new(&text);
        let mut found = BTreeMap::<String, Json>::new();
        scanner.enter(b'{').unwrap();
        while let Some(key) = scanner.member(found.is_empty()).unwrap() {
            let value = scanner.value().unwrap();
            let key = unescaped(scanner.slice(&key)).unwrap().into();
            found.insert(key, serde_json::from_str(scanner.slice(&value.range)).unwrap());
        }
        prop_assert_eq!(scanner.end(), Ok(()));
        prop_assert_eq!(found, members);
    }

    #[test]
    fn a_text_is_taken_if_and_only_if_serde_json_takes_it(
        text in r#"([\[\]{}:, 0-9eE.+-]|"[a\\u0]{0,3}"|true|null|1e5|"\\u00e9"){0,12}"#,
    ) {
        prop_assert_eq!(scan(&text).is_ok(), serde_json::from_str::<IgnoredAny>(&text).is_ok());
    }

    #[test]
    fn a_damaged_text_is_taken_if_and_only_if_serde_json_takes_it(
        value in any_json(),
        at: prop::sample::Index,
        damage in r#"[\[\]{}:,"\\0-9e.x-]"#,
    ) {
        let mut text = serde_json::to_string(&value).unwrap();
        let at = text.char_indices().map(|(at, _)| at).nth(at.index(text.chars().count())).unwrap();
        text.insert_str(at, &damage);
        prop_assert_eq!(scan(&text).is_ok(), serde_json::from_str::<IgnoredAny>(&text).is_ok());
    }

    #[test]
    fn no_text_panics(text: String, at: usize) {
        let _ = scan(&text);
        let scanner = Scanner::new(&text);
        let _ = scanner.at(at).value();
        let _ = scanner.at(at).member(true);
        let _ = scanner.at(at).element(false);
        let _ = scanner.at(at).peek();
        let _ = scanner.at(at).end();
    }
}
