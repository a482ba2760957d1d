//! Things that happened to devices, or will: each a story in virtual time.

mod acknowledgements;
mod attributes;
mod clock;
mod coalescing;
mod draining;
mod endings;
mod gateway;
mod identifiers;
mod incoming;
mod keep_alive;
mod limits;
mod poison;
mod profiles;
mod recovery;
mod requests;
mod room;
mod timers;
mod updates;
mod version;

use core::time::Duration;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn sec(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
