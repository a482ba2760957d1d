//! Things that happened to devices, or will: each a story in virtual time.

mod attributes;
mod identifiers;
mod recovery;
mod room;
mod timers;
mod version;

use core::time::Duration;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
