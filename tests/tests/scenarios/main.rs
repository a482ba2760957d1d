//! Things that happened to devices, or will: each a story in virtual time.

mod recovery;
mod room;

use core::time::Duration;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
