use alloc::string::ToString;
use core::str;

use proptest::num::{f32, f64};
use proptest::prelude::*;

use super::super::oracle::{Stored, stored};
use super::*;

/// Half a unit of the 16th decimal, and half the distance of two doubles below 1, because the server
/// rounds once more when it reads the text.
const TOLERANCE: f64 = 1.1e-16;

fn text(value: impl Float) -> String {
    let mut out = Vec::new();
    write_stored(&mut out, value);
    String::from_utf8(out).unwrap()
}

/// Whether 16 decimals are enough to say `value`.
fn sayable(value: impl core::fmt::Display) -> bool {
    decimals(value.to_string().as_bytes()) <= 16
}

#[test]
fn floats_are_written_in_plain_form_with_a_point() {
    for (value, expected) in [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (21.5, "21.5"),
        (-273.15, "-273.15"),
        (1e15, "1000000000000000.0"),
        (1e16, "10000000000000000.0"),
        (-1e21, "-1000000000000000000000.0"),
        (1e-5, "0.00001"),
        (1.5e-7, "0.00000015"),
        (1e-16, "0.0000000000000001"),
        (0.1234567890123456, "0.1234567890123456"),
        (5e-324, "0.0"),
        (-1e-17, "-0.0"),
    ] {
        assert_eq!(text(value), expected);
    }
}

#[test]
fn what_needs_more_than_16_decimals_is_rounded() {
    assert_eq!(text(0.1 + 0.2), "0.3");
    assert_eq!(text(1.2345678901234567e-5), "0.0000123456789012");
    assert_eq!(text(2.220446049250313e-16), "0.0000000000000002");
    assert_eq!(text(0.099_999_999_999_999_99), "0.1");
}

#[test]
fn the_largest_doubles_are_stored_as_doubles() {
    for value in [f64::MAX, f64::MIN, 9_223_372_036_854_775_808.0, 1e300] {
        assert_eq!(stored(&text(value)), Stored::Double(value));
    }
    assert_eq!(text(f32::MAX), "340282350000000000000000000000000000000.0");
}

#[test]
fn an_f32_is_written_with_the_digits_of_an_f32() {
    assert_eq!(text(0.1_f32), "0.1");
    assert_eq!(text(16_777_216.0_f32), "16777216.0");
}

#[test]
fn a_number_in_a_text_is_kept_unless_the_server_would_misread_it() {
    let better = |text: &str| Written::Better(text.into());
    for (text, expected) in [
        ("0", Written::Well),
        ("-0", Written::Well),
        ("1.50", Written::Well),
        ("9223372036854775807", Written::Well),
        ("9223372036854775808", Written::IntegerOutOfRange),
        ("-9223372036854775809", Written::IntegerOutOfRange),
        ("12345678901234567890123.25", Written::Well),
        ("1e3", better("1000.0")),
        ("1E-7", better("0.0000001")),
        ("0.30000000000000004", better("0.3")),
        ("1e400", Written::FloatOutOfRange),
        ("-1e400", Written::FloatOutOfRange),
    ] {
        assert_eq!(judge(text), expected, "{text}");
    }
    let huge = "9".repeat(400) + ".0";
    assert_eq!(judge(&huge), Written::FloatOutOfRange);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn every_double_is_stored_as_a_double_of_the_same_value(
        value in f64::POSITIVE | f64::NEGATIVE | f64::NORMAL | f64::SUBNORMAL | f64::ZERO,
    ) {
        let Stored::Double(read) = stored(&text(value)) else {
            return Err(TestCaseError::fail(text(value)));
        };
        if sayable(value) {
            prop_assert_eq!(read, value);
        } else {
            prop_assert!((read - value).abs() <= TOLERANCE, "{} became {}", value, read);
        }
    }

    #[test]
    fn doubles_of_a_sensor_are_stored_as_doubles_of_the_same_value(
        value in prop_oneof![-1.0..1.0_f64, -1e4..1e4_f64, -1e18..1e18_f64, -1e-3..1e-3_f64],
    ) {
        let Stored::Double(read) = stored(&text(value)) else {
            return Err(TestCaseError::fail(text(value)));
        };
        if sayable(value) {
            prop_assert_eq!(read, value);
        } else {
            prop_assert!((read - value).abs() <= TOLERANCE, "{} became {}", value, read);
        }
    }

    #[test]
    fn every_float_of_32_bits_reads_back_as_itself(value in f32::NORMAL | f32::ZERO) {
        let Stored::Double(read) = stored(&text(value)) else {
            return Err(TestCaseError::fail(text(value)));
        };
        if sayable(value) {
            prop_assert_eq!(value, read as f32);
        } else {
            prop_assert!((read - f64::from(value)).abs() <= TOLERANCE);
        }
    }

    #[test]
    fn every_integer_is_stored_as_a_long(value: i64) {
        let mut out = Vec::new();
        write_integer(&mut out, value);
        prop_assert_eq!(stored(str::from_utf8(&out).unwrap()), Stored::Long(value));
    }

    #[test]
    fn a_number_in_a_text_is_stored_as_what_its_author_meant(
        text in "-?(0|[1-9][0-9]{0,22})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
    ) {
        let integer = !text.contains(['.', 'e', 'E']);
        let sent = match judge(&text) {
            Written::Well => text.clone(),
            Written::Better(better) => better,
            Written::IntegerOutOfRange => {
                prop_assert!(integer && text.parse::<i64>().is_err());
                return Ok(());
            }
            Written::FloatOutOfRange => return Err(TestCaseError::fail(text)),
        };
        match stored(&sent) {
            Stored::Long(value) => {
                prop_assert!(integer);
                prop_assert_eq!(text.parse::<i64>(), Ok(value));
            }
            Stored::Double(value) => {
                prop_assert!(!integer);
                prop_assert!((value - text.parse::<f64>().unwrap()).abs() <= TOLERANCE);
            }
            Stored::Text(_) => return Err(TestCaseError::fail(sent)),
        }
    }
}
