//! What the server makes of a number, written after the table of TB §2.3 and independent of
//! `number`: exact decimal arithmetic on the text.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;
use serde_json::Value;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stored {
    Long(i64),
    Double(f64),
    Text(String),
}

/// The type with which the server stores a JSON number.
pub(crate) fn stored(text: &str) -> Stored {
    let lower = text.to_ascii_lowercase();
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i64 = exponent.trim_start_matches('+').parse().unwrap();
    let mut digits: Vec<char> = (whole.to_string() + fraction).chars().collect();
    digits.retain(|digit| *digit != '-');
    let mut scale = i64::try_from(fraction.len()).unwrap() - exponent;
    let simple = text.contains('.') && !lower.contains('e');
    let declared = scale;
    while scale > 0 && digits.last() == Some(&'0') {
        digits.pop();
        scale -= 1;
    }
    let zero = digits.iter().all(|digit| *digit == '0');
    if (scale <= 0 || zero) && !simple {
        let mut integer: String = digits.into_iter().collect();
        if !zero {
            (scale..0).for_each(|_| integer.push('0'));
        }
        if text.starts_with('-') {
            integer.insert(0, '-');
        }
        return integer.parse().map_or(Stored::Text(integer), Stored::Long);
    }
    if declared > 16 {
        Stored::Text(text.into())
    } else {
        Stored::Double(text.parse().unwrap())
    }
}

#[test]
fn the_oracle_says_what_was_recorded_from_the_server() {
    for (text, expected) in [
        ("1", Stored::Long(1)),
        ("-7", Stored::Long(-7)),
        ("1.0", Stored::Double(1.0)),
        ("21.5", Stored::Double(21.5)),
        ("1e3", Stored::Long(1000)),
        ("1.5e3", Stored::Long(1500)),
        ("1E+2", Stored::Long(100)),
        ("1.25e1", Stored::Double(12.5)),
        ("-0", Stored::Long(0)),
        ("-0.0", Stored::Double(0.0)),
        ("9223372036854775807", Stored::Long(i64::MAX)),
        ("-9223372036854775808", Stored::Long(i64::MIN)),
        (
            "9223372036854775808",
            Stored::Text("9223372036854775808".into()),
        ),
        ("1e19", Stored::Text("10000000000000000000".into())),
        (
            "0.30000000000000004",
            Stored::Text("0.30000000000000004".into()),
        ),
        ("1e-17", Stored::Text("1e-17".into())),
        ("1e-16", Stored::Double(1e-16)),
        ("0.1234567890123456", Stored::Double(0.1234567890123456)),
        (
            "0.12345678901234567",
            Stored::Text("0.12345678901234567".into()),
        ),
        (
            "1.2345678901234567e-5",
            Stored::Text("1.2345678901234567e-5".into()),
        ),
        (
            "123456789.123456789",
            Stored::Double(123_456_789.123_456_79),
        ),
    ] {
        assert_eq!(stored(text), expected, "{text}");
    }
}

/// Any JSON value, a few levels deep.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"\\\\é]{0,3}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
