//! Firmware and software updates: offers, downloads, and where the bytes go.
//!
//! A download is polled by the application's own task or thread. Storage and checksums are its work,
//! never done under the lock and never on the driver's loop; while it is behind, no chunk is asked for.

mod download;
mod file_sink;
mod followers;
mod handle;
mod offer;
mod sink;

pub use download::{Download, Progress};
pub use file_sink::FileSink;
pub use handle::Updates;
pub use offer::UpdateOffer;
pub use sink::UpdateSink;

pub(crate) use followers::Followers;
