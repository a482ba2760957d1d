//! What is promised, over thousands of random lives of a device.
//!
//! A failing case prints a test of at most thirty lines; pasted into `failures.rs` it fails in the
//! same way.

mod equivalence;
mod failures;
mod gateway;
mod limits;
mod memory;
mod promises;
mod shrink;
mod strategy;

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use allocation_counter::measure;

/// Live bytes that running this leaves behind on this thread.
fn live_bytes(act: &mut dyn FnMut()) -> i64 {
    // A panic must not pass through the counter, which would count on for ever.
    let mut outcome = Ok(());
    let counted = measure(|| outcome = catch_unwind(AssertUnwindSafe(&mut *act)));
    match outcome {
        Ok(()) => counted.bytes_current,
        Err(panic) => resume_unwind(panic),
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
