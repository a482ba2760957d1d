//! Numbers as Java's `BigDecimal`, `long` and `double` see them.

/// Exponents beyond this would print numbers of megabytes; they are refused like text.
const LARGEST_EXPONENT: u64 = 10_000;

/// A decimal number: the unscaled digits and how many of them stand behind the point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// Without leading zeros; empty for zero.
    digits: String,
    scale: i64,
}

impl Decimal {
    /// Reads what `BigDecimal` reads: digits with at most one point and an optional exponent.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or_else(
            || (false, text.strip_prefix('+').unwrap_or(text)),
            |rest| (true, rest),
        );
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.len() + fraction.len() == 0
            || !(whole.bytes().chain(fraction.bytes())).all(|byte| byte.is_ascii_digit())
            || exponent.unsigned_abs() > LARGEST_EXPONENT
        {
            return None;
        }
        let all = format!("{whole}{fraction}");
        Some(Self {
            negative,
            digits: all.trim_start_matches('0').to_owned(),
            scale: i64::try_from(fraction.len()).ok()? - exponent,
        })
    }

    pub(super) const fn scale(&self) -> i64 {
        self.scale
    }

    /// Whether nothing but zeros stands behind the point.
    pub(super) fn is_integral(&self) -> bool {
        let zeros = self.digits.len() - self.digits.trim_end_matches('0').len();
        self.digits.is_empty() || self.scale <= i64::try_from(zeros).unwrap_or(i64::MAX)
    }

    /// The value as an i64, the fraction cut off; `None` if it does not fit.
    pub(super) fn to_i64(&self) -> Option<i64> {
        let text = self.to_plain_text();
        text.split('.').next()?.parse().ok()
    }

    /// Java's `toPlainString`: no exponent.
    pub(super) fn to_plain_text(&self) -> String {
        let sign = if self.negative && !self.digits.is_empty() {
            "-"
        } else {
            ""
        };
        let digits = if self.digits.is_empty() {
            "0"
        } else {
            &self.digits
        };
        let Ok(scale) = usize::try_from(self.scale) else {
            let zeros = if self.digits.is_empty() {
                0
            } else {
                self.scale.unsigned_abs()
            };
            return format!("{sign}{digits}{}", "0".repeat(zeros as usize));
        };
        if scale == 0 {
            return format!("{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        format!("{sign}{whole}.{fraction}")
    }

    pub(super) fn to_f64(&self) -> f64 {
        let sign = if self.negative && !self.digits.is_empty() {
            "-"
        } else {
            ""
        };
        let digits = if self.digits.is_empty() {
            "0"
        } else {
            &self.digits
        };
        format!("{sign}{digits}e{}", -self.scale)
            .parse()
            .unwrap_or(f64::NAN)
    }
}

/// Gson's `getAsLong` of a number: fractions are cut off, what is beyond 64 bits wraps.
pub(in super::super) fn to_long(text: &str) -> Option<i64> {
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let decimal = Decimal::parse(text)?;
    decimal.to_i64().or_else(|| Some(wrapped(&decimal)))
}

/// The lowest 64 bits of an integer in two's complement.
fn wrapped(decimal: &Decimal) -> i64 {
    let plain = decimal.to_plain_text();
    let whole = plain
        .trim_start_matches('-')
        .split('.')
        .next()
        .unwrap_or_default();
    let magnitude = whole.bytes().fold(0_u64, |value, digit| {
        value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
    });
    let value = magnitude.cast_signed();
    if decimal.negative {
        value.wrapping_neg()
    } else {
        value
    }
}

/// Java's `Double.toString`: always a point, an exponent outside 10⁻³ to 10⁷.
pub(in super::super) fn java_double(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return if value.is_nan() {
            "NaN".to_owned()
        } else if value.is_infinite() {
            format!("{}Infinity", if value < 0.0 { "-" } else { "" })
        } else {
            format!("{value:.1}")
        };
    }
    if (1e-3..1e7).contains(&value.abs()) {
        let plain = format!("{value}");
        return if plain.contains('.') {
            plain
        } else {
            format!("{plain}.0")
        };
    }
    let scientific = format!("{value:E}");
    match scientific.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => {
            format!("{mantissa}.0E{exponent}")
        }
        _ => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_expands_the_exponent() {
        let plain = |text| Decimal::parse(text).map(|decimal| decimal.to_plain_text());
        assert_eq!(plain("1e-17").as_deref(), Some("0.00000000000000001"));
        assert_eq!(plain("1.5e3").as_deref(), Some("1500"));
        assert_eq!(plain("-0.0").as_deref(), Some("0.0"));
        assert_eq!(plain("1e20").as_deref(), Some("100000000000000000000"));
        assert_eq!(plain("1.2.3"), None);
        assert_eq!(plain("1e999999999"), None);
    }

    #[test]
    fn longs_cut_the_fraction_off_and_wrap() {
        assert_eq!(to_long("1.9e3"), Some(1_900));
        assert_eq!(to_long("12.7"), Some(12));
        assert_eq!(to_long("-12.7"), Some(-12));
        assert_eq!(to_long("18446744073709551617"), Some(1));
        assert_eq!(to_long("abc"), None);
    }

    #[test]
    fn doubles_are_printed_as_java_prints_them() {
        for (value, text) in [
            (5.0, "5.0"),
            (0.1, "0.1"),
            (100.0, "100.0"),
            (1e20, "1.0E20"),
            (1e-7, "1.0E-7"),
            (1e7, "1.0E7"),
            (9_999_999.5, "9999999.5"),
            (0.001, "0.001"),
            (-1.25e-5, "-1.25E-5"),
            (0.0, "0.0"),
        ] {
            assert_eq!(java_double(value), text);
        }
    }
}
