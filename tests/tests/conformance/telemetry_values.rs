//! C-057 to C-063: from JSON values to stored types.

use serde_json::json;

use crate::telemetry::{TELEMETRY, stored};
use crate::wire::{Version, puback, publish};
use crate::world::World;

/// The type and value under which the value of `{"k":…}` is stored.
#[track_caller]
fn stored_as(value: &str) -> String {
    let stored = stored(&format!("{{\"k\":{value}}}"));
    let [entry] = stored.as_slice() else {
        panic!("{value} stored {stored:?}");
    };
    entry.trim_start_matches("k ").to_owned()
}

#[test]
fn c_057_null_values_are_dropped() {
    assert_eq!(stored("{\"a\":null,\"b\":1,\"c\":null}"), ["b LONG 1"]);
    assert_eq!(stored("{\"a\":null}"), [""; 0]);
}

#[test]
fn c_058_integers_are_long_unless_written_with_a_point() {
    for (json, stored) in [
        ("1", "LONG 1"),
        ("-7", "LONG -7"),
        ("-0", "LONG 0"),
        ("1e3", "LONG 1000"),
        ("1.5e3", "LONG 1500"),
        ("1E+2", "LONG 100"),
        ("9223372036854775807", "LONG 9223372036854775807"),
        ("-9223372036854775808", "LONG -9223372036854775808"),
        ("1.0", "DOUBLE 1.0"),
        ("-0.0", "DOUBLE 0.0"),
        ("21.5", "DOUBLE 21.5"),
        ("1.25e1", "DOUBLE 12.5"),
    ] {
        assert_eq!(stored_as(json), stored);
    }
}

#[test]
fn c_059_integers_beyond_64_bits_become_strings() {
    for (json, stored) in [
        ("9223372036854775808", "STRING \"9223372036854775808\""),
        ("1e19", "STRING \"10000000000000000000\""),
        ("-1e20", "STRING \"-100000000000000000000\""),
    ] {
        assert_eq!(stored_as(json), stored);
    }
}

#[test]
fn c_060_more_than_16_decimals_become_strings() {
    for (json, stored) in [
        ("0.1234567890123456", "DOUBLE 0.1234567890123456"),
        ("1e-16", "DOUBLE 1e-16"),
        ("123456789.123456789", "DOUBLE 123456789.12345679"),
        ("0.30000000000000004", "STRING \"0.30000000000000004\""),
        ("1e-17", "STRING \"0.00000000000000001\""),
        (
            "2.220446049250313e-16",
            "STRING \"0.0000000000000002220446049250313\"",
        ),
    ] {
        assert_eq!(stored_as(json), stored);
    }
}

#[test]
fn c_061_strings_that_look_like_numbers_are_cast() {
    for (json, stored) in [
        ("\"42\"", "LONG 42"),
        ("\"007\"", "LONG 7"),
        ("\"-5\"", "LONG -5"),
        ("\".5\"", "DOUBLE 0.5"),
        ("\"-.5\"", "DOUBLE -0.5"),
        ("\"1.50\"", "DOUBLE 1.5"),
        ("\"9223372036854775808\"", "STRING \"9223372036854775808\""),
        ("\"0.12345678901234567\"", "STRING \"0.12345678901234567\""),
    ] {
        assert_eq!(stored_as(json), stored);
    }
    for text in [
        "abc", "+5", "1e5", "5.", " 5", "0x10", "NaN", "true", "", "1.2.3", "-",
    ] {
        assert_eq!(
            stored_as(&format!("\"{text}\"")),
            format!("STRING \"{text}\"")
        );
    }
}

#[test]
fn c_061_the_cast_can_be_switched_off() {
    let mut world = World::with(json!({"server": {"json_type_cast": false}}));
    let peer = world.connected(Version::V5);
    world.send(
        peer,
        &publish(Version::V5, TELEMETRY, 7, "{\"a\":\"42\",\"b\":7}"),
    );
    world.expect(peer, &[puback(7)]);
    assert_eq!(world.telemetry(), ["a STRING \"42\"", "b LONG 7"]);
    world.send(peer, &publish(Version::V5, TELEMETRY, 8, "{\"a\":1e19}"));
    world.expect_class_a(peer, Version::V5, 8);
}

#[test]
fn c_062_objects_and_arrays_are_stored_as_json() {
    for (json, stored) in [
        (
            "{\"x\":1,\"y\":\"2\",\"z\":null}",
            "JSON {\"x\":1,\"y\":\"2\"}",
        ),
        (
            "[1,\"b\",{\"c\":2.0},null]",
            "JSON [1,\"b\",{\"c\":2.0},null]",
        ),
        ("{}", "JSON {}"),
        ("[]", "JSON []"),
    ] {
        assert_eq!(stored_as(json), stored);
    }
}

#[test]
fn c_063_of_duplicate_keys_the_last_wins() {
    assert_eq!(
        stored("{\"a\":1,\"a\":2,\"b\":3,\"a\":\"z\"}"),
        ["a STRING \"z\"", "b LONG 3"]
    );
}

/// Reference §2.4: what a strict parser would refuse.
#[test]
fn the_parser_is_lenient() {
    for payload in [
        "{a:1}",
        "{'a':1}",
        "{\"a\"=1}",
        "{\"a\"=>1}",
        "{\"a\":01}",
        "{\"a\":1/* c */}",
        "{\"a\":1} // x",
        "# x\n{\"a\":1}",
        ")]}'\n{\"a\":1}",
    ] {
        assert_eq!(stored(payload), ["a LONG 1"], "{payload}");
    }
    assert_eq!(stored("{\"a\":1;\"b\":2}"), ["a LONG 1", "b LONG 2"]);
    assert_eq!(stored("{\"a\":[1,,2]}"), ["a JSON [1,null,2]"]);
    assert_eq!(
        stored("{\"a\":NaN,\"b\":-Infinity}"),
        ["a STRING \"NaN\"", "b STRING \"-Infinity\""]
    );
    assert_eq!(stored("{\"a\":TRUE}"), ["a BOOLEAN true"]);
    assert_eq!(
        stored("{\"a\":\"\\ud83d\\ude00\\ud83d\"}"),
        ["a STRING \"😀?\""]
    );
}
