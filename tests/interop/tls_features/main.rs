//! What only the optional features of TLS bring: aws-lc-rs beside ring, the roots of the operating system, and
//! private keys that are encrypted, as `openssl` makes them.

#[path = "../broker.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod broker;
mod device;
mod encrypted_keys;
mod native_roots;
#[path = "../openssl.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod openssl;
mod providers;
