use alloc::vec::Vec;

use super::write::{delimited, integer};

/// `ClaimDevice`. Without a duration, or with 0, the server takes its own.
pub(crate) fn claim(secret: &str, duration_ms: i64) -> Vec<u8> {
    let mut out = Vec::new();
    delimited(&mut out, 1, secret.as_bytes());
    integer(&mut out, 2, duration_ms);
    out
}
