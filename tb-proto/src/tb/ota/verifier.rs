use super::{Checksum, Hasher, UpdateError};

/// Checks the bytes of a package as they go by.
///
/// It holds a few hundred bytes. Feed it every byte from the first on, a stored beginning too.
#[derive(Clone, Debug)]
pub struct Verifier {
    size: u64,
    seen: u64,
    expected: Checksum,
    hasher: Hasher,
}

/// The proof that a package is what was announced. Only a [`Verifier`] gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified(Checksum);

impl Verifier {
    /// For a package of `size` bytes with this checksum.
    pub fn new(size: u64, checksum: Checksum) -> Self {
        Self {
            size,
            seen: 0,
            expected: checksum,
            hasher: Hasher::new(checksum.algorithm()),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.seen = self.seen.saturating_add(data.len() as u64);
        self.hasher.update(data);
    }

    /// How many bytes it has seen.
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// Compares size and checksum.
    ///
    /// # Errors
    /// [`UpdateError::WrongSize`] and [`UpdateError::ChecksumMismatch`].
    pub fn finish(self) -> Result<Verified, UpdateError> {
        if self.seen != self.size {
            return Err(UpdateError::WrongSize {
                expected: self.size,
                received: self.seen,
            });
        }
        let computed = self.hasher.finish();
        if computed == self.expected {
            Ok(Verified(computed))
        } else {
            Err(UpdateError::ChecksumMismatch { computed })
        }
    }
}

impl Verified {
    /// The checksum that was found right.
    pub const fn checksum(&self) -> &Checksum {
        &self.0
    }
}
