//! Things that happened to devices, or will: each a story in virtual time.

mod attributes;
mod recovery;
mod room;
mod timers;

use core::time::Duration;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
