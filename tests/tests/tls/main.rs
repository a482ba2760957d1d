//! TLS: the session alone, what is wrong told apart, and certificates as they come.

mod faults;
mod identity;
mod peer;
mod session;
