//! Over-the-air updates (reference §8): packages, their announcement, and their chunks.

mod checksum;
mod chunks;
mod murmur3;
mod package;
mod updates;

pub use checksum::ChecksumAlgorithm;
pub(super) use chunks::{ChunkRequest, Downloads};
pub use package::UpdateKind;
pub(super) use package::{Packages, PerKind, Release};
pub use updates::UpdateReport;
