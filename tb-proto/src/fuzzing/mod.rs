//! What the fuzz targets check.
//!
//! Each function takes any bytes at all and panics where a promise does not hold. The corpora of
//! `fuzz/` go through the same functions in an ordinary test.

mod decode;
mod input;
mod machine;
mod payloads;
mod roundtrip;
mod topics;

pub use decode::decode;
pub use machine::machine;
pub use payloads::payloads;
pub use roundtrip::roundtrip;
pub use topics::topics;
