use alloc::string::String;
use core::fmt;

use super::Checksum;
use crate::tb::invalid::bounded;

/// Why a package was not brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateError {
    /// The server took the assignment back.
    Cancelled,
    /// The server assigned another package; that one is a new offer.
    Replaced,
    /// The server does not hand the package out.
    Refused(ChunkRefusal),
    /// A chunk was asked for again and again and never came.
    NoAnswer {
        /// The number of the chunk, from 0.
        chunk: u32,
    },
    /// A chunk came again and again with another length; the package is not the announced one, or
    /// fell out of the server's cache.
    WrongLength {
        /// The number of the chunk, from 0.
        chunk: u32,
        /// Bytes that it should have.
        expected: usize,
        /// Bytes that it had.
        received: usize,
    },
    /// The server hangs up when it is asked for a chunk.
    ClosesConnection,
    /// All bytes came, but they are not the package's. Nothing is fetched again by itself.
    ChecksumMismatch {
        /// What was computed of them.
        computed: Checksum,
    },
    /// Not all bytes came.
    WrongSize {
        /// Bytes that the package has.
        expected: u64,
        /// Bytes that came.
        received: u64,
    },
    /// The package could not be stored on this device.
    Storage {
        /// What the storage says; at most 256 characters.
        message: String,
    },
    /// The application gave the download up.
    GivenUp,
    /// The offer is not open any more: it was withdrawn, replaced or is being downloaded already.
    NotOffered,
    /// The package lies elsewhere: fetch it from its URL.
    External,
    /// The client was shut down first.
    Abandoned,
}

/// What the server says on `v2/fw/error` (TB §8.5), for software too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChunkRefusal {
    /// No package is assigned.
    NotFound,
    /// The server takes no such chunk size: choose a smaller one.
    PayloadTooLarge,
    /// The package cannot be read; one that lies at an external URL is among the reasons.
    Failure,
    /// Anything else.
    Unknown,
}

impl UpdateError {
    /// An error of the storage, of any type.
    pub fn storage(error: &dyn fmt::Display) -> Self {
        Self::Storage {
            message: bounded(&alloc::format!("{error}")),
        }
    }
}

impl ChunkRefusal {
    pub(crate) fn parse(payload: &[u8]) -> Self {
        match payload {
            b"NOT_FOUND" => Self::NotFound,
            b"PAYLOAD_TOO_LARGE" => Self::PayloadTooLarge,
            b"FAILURE" => Self::Failure,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("the server took the assignment back"),
            Self::Replaced => f.write_str("the server assigned another package"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NoAnswer { chunk } => write!(f, "the server does not send chunk {chunk}"),
            Self::WrongLength {
                chunk,
                expected,
                received,
            } => write!(
                f,
                "chunk {chunk} has {received} bytes instead of {expected}: assign the package anew"
            ),
            Self::ClosesConnection => {
                f.write_str("the server hangs up when it is asked for a chunk")
            }
            Self::ChecksumMismatch { computed } => write!(
                f,
                "checksum mismatch: the {} of what came is {computed}",
                computed.algorithm()
            ),
            Self::WrongSize { expected, received } => {
                write!(f, "{received} bytes came instead of {expected}")
            }
            Self::Storage { message } => write!(f, "the package could not be stored: {message}"),
            Self::GivenUp => f.write_str("given up by the device"),
            Self::NotOffered => f.write_str("the offer is not open any more"),
            Self::External => f.write_str("the package has to be fetched from its URL"),
            Self::Abandoned => f.write_str("abandoned: the client was shut down"),
        }
    }
}

impl fmt::Display for ChunkRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "the server has no package for this device (NOT_FOUND)",
            Self::PayloadTooLarge => {
                "the server takes no chunks of this size (PAYLOAD_TOO_LARGE): choose a smaller one"
            }
            Self::Failure => "the server cannot read the package (FAILURE)",
            Self::Unknown => "the server refuses the package without saying why",
        })
    }
}

impl core::error::Error for UpdateError {}
impl core::error::Error for ChunkRefusal {}
