//! From JSON to the types of ThingsBoard's store (reference §2.3).

use super::number::Decimal;
use super::{Json, NotJson};
use crate::sim::stored::TypedValue;

/// Digits behind the point that a DOUBLE may have.
const LARGEST_SCALE: i64 = 16;

/// Settings that decide about types.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct TypingRules {
    /// Strings that look like numbers become numbers.
    pub(in super::super) cast: bool,
    /// Longest accepted string in characters; 0: any.
    pub(in super::super) max_string_length: usize,
}

/// The members of an object with their types; null members are dropped (C-057).
pub(in super::super) fn type_members(
    members: Vec<(String, Json)>,
    rules: TypingRules,
) -> Result<Vec<(String, TypedValue)>, NotJson> {
    let mut typed = Vec::with_capacity(members.len());
    for (key, value) in members {
        let value = match value {
            Json::Null => continue,
            Json::Boolean(value) => TypedValue::Boolean(value),
            Json::Number(text) => number(&text, rules)?,
            Json::String(text) => string(text, rules)?,
            json @ (Json::Array(_) | Json::Object(_)) => TypedValue::Json(json.to_text()),
        };
        typed.push((key, value));
    }
    Ok(typed)
}

fn string(text: String, rules: TypingRules) -> Result<TypedValue, NotJson> {
    if rules.max_string_length > 0 && text.chars().count() > rules.max_string_length {
        return Err(NotJson);
    }
    if rules.cast && looks_like_a_number(&text) {
        return number(&text, rules);
    }
    Ok(TypedValue::String(text))
}

fn number(text: &str, rules: TypingRules) -> Result<TypedValue, NotJson> {
    if let Some(value) = short_number(text) {
        return Ok(value);
    }
    let decimal = Decimal::parse(text).ok_or(NotJson)?;
    let has_point_only = text.contains('.') && !text.contains(['e', 'E']);
    let fits = if decimal.is_integral() && !has_point_only {
        decimal.to_i64().map(TypedValue::Long)
    } else if decimal.scale() <= LARGEST_SCALE {
        Some(TypedValue::Double(decimal.to_f64()))
    } else {
        None
    };
    match fits {
        Some(value) => Ok(value),
        None if rules.cast => Ok(TypedValue::String(decimal.to_plain_text())),
        None => Err(NotJson),
    }
}

/// The common numbers, for which `i64` and `f64` say the same as the exact decimal.
fn short_number(text: &str) -> Option<TypedValue> {
    if text.len() > 17 || text.contains(['e', 'E', '+']) {
        return None;
    }
    if text.contains('.') {
        // There is no negative zero among decimals.
        text.parse()
            .ok()
            .map(|value: f64| TypedValue::Double(value + 0.0))
    } else {
        text.parse().ok().map(TypedValue::Long)
    }
}

/// `NumberUtils.isParsable`: digits with at most one point that is not the last character.
fn looks_like_a_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && !digits.ends_with('.')
        && digits.bytes().filter(|&byte| byte == b'.').count() <= 1
        && digits
            .bytes()
            .all(|byte| byte == b'.' || byte.is_ascii_digit())
}
