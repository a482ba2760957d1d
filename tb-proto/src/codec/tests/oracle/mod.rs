//! Round trips judged by an independent implementation, `mqtt-protocol-core`: it reads what we write,
//! and we read what it writes.

mod ours;
mod theirs;

use alloc::string::String;

use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,12}"
}

fn topic() -> impl Strategy<Value = String> {
    "[^\0+#]{1,40}"
}

fn some_id() -> impl Strategy<Value = u16> {
    1..=u16::MAX
}
