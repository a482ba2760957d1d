//! Firmware and software packages that the server hands out (TB §8).
//!
//! ```text
//!   attributes ──▶ Announcement ──▶ Offer ──accepted──▶ Download ──chunks──▶ Verifier ──▶ Verified
//! ```
//!
//! Nothing is fetched before the application accepts an offer, and never more than a few chunks are
//! held: the image goes through, whatever its size.

mod announcement;
mod assignment;
mod checksum;
mod download;
mod error;
mod hasher;
mod machine;
mod murmur3;
mod package;
mod package_type;
mod report;
mod verifier;

pub use checksum::{Checksum, ChecksumAlgorithm};
pub use download::Chunk;
pub use error::{ChunkRefusal, UpdateError};
pub use hasher::Hasher;
pub use machine::Fetched;
pub use package::{Installed, InvalidPackage, Offer, OfferId, Package, Source};
pub use package_type::PackageType;
pub use report::UpdateState;
pub use verifier::{Verified, Verifier};

pub(crate) use download::{ChunkRequest, DownloadSettings, LinkEnd, RequestNumbers};
pub(crate) use machine::{News, Updates};
pub(crate) use report::Report;

#[cfg(test)]
mod tests;
