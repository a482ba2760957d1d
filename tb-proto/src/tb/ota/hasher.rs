use core::fmt;

use md5::Md5;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::checksum::MAX_LEN;
use super::murmur3::{Murmur32, Murmur128};
use super::{Checksum, ChecksumAlgorithm};

/// Computes a checksum piece by piece, in constant memory.
///
/// ```
/// # use tb_proto::{ChecksumAlgorithm, Hasher};
/// let mut hasher = Hasher::new(ChecksumAlgorithm::Murmur3_32);
/// hasher.update(b"hel");
/// hasher.update(b"lo");
/// assert_eq!(hasher.finish().to_string(), "47fa8b24");
/// ```
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Md5(Md5),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
    Crc32(crc32fast::Hasher),
    Murmur3_32(Murmur32),
    Murmur3_128(Murmur128),
}

impl Hasher {
    /// Begins a checksum of this kind.
    pub fn new(algorithm: ChecksumAlgorithm) -> Self {
        Self(match algorithm {
            ChecksumAlgorithm::Md5 => State::Md5(Md5::new()),
            ChecksumAlgorithm::Sha256 => State::Sha256(Sha256::new()),
            ChecksumAlgorithm::Sha384 => State::Sha384(Sha384::new()),
            ChecksumAlgorithm::Sha512 => State::Sha512(Sha512::new()),
            ChecksumAlgorithm::Crc32 => State::Crc32(crc32fast::Hasher::new()),
            ChecksumAlgorithm::Murmur3_32 => State::Murmur3_32(Murmur32::new()),
            ChecksumAlgorithm::Murmur3_128 => State::Murmur3_128(Murmur128::new()),
        })
    }

    /// Adds the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Md5(hash) => hash.update(data),
            State::Sha256(hash) => hash.update(data),
            State::Sha384(hash) => hash.update(data),
            State::Sha512(hash) => hash.update(data),
            State::Crc32(hash) => hash.update(data),
            State::Murmur3_32(hash) => hash.update(data),
            State::Murmur3_128(hash) => hash.update(data),
        }
    }

    /// The checksum of all bytes.
    pub fn finish(self) -> Checksum {
        match self.0 {
            State::Md5(hash) => padded(ChecksumAlgorithm::Md5, &hash.finalize()),
            State::Sha256(hash) => padded(ChecksumAlgorithm::Sha256, &hash.finalize()),
            State::Sha384(hash) => padded(ChecksumAlgorithm::Sha384, &hash.finalize()),
            State::Sha512(hash) => padded(ChecksumAlgorithm::Sha512, &hash.finalize()),
            // The platform prints the integers of these from the lowest byte on (TB §8.6).
            State::Crc32(hash) => padded(ChecksumAlgorithm::Crc32, &hash.finalize().to_le_bytes()),
            State::Murmur3_32(hash) => {
                padded(ChecksumAlgorithm::Murmur3_32, &hash.finish().to_le_bytes())
            }
            State::Murmur3_128(hash) => padded(
                ChecksumAlgorithm::Murmur3_128,
                hash.finish().map(u64::to_le_bytes).as_flattened(),
            ),
        }
    }
}

fn padded(algorithm: ChecksumAlgorithm, digest: &[u8]) -> Checksum {
    let mut bytes = [0; MAX_LEN];
    for (place, byte) in bytes.iter_mut().zip(digest) {
        *place = *byte;
    }
    Checksum::from_padded(algorithm, bytes)
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").finish_non_exhaustive()
    }
}
