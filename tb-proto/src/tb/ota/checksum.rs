use core::fmt;

/// How the checksum of a package is computed (TB §8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChecksumAlgorithm {
    /// MD5. Finds errors, not forgeries.
    Md5,
    /// SHA-256, the platform's default.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// CRC-32 of IEEE 802.3. Finds errors, not forgeries.
    Crc32,
    /// MurmurHash3, x86, 32 bits, seed 0. Finds errors, not forgeries.
    Murmur3_32,
    /// MurmurHash3, x64, 128 bits, seed 0. Finds errors, not forgeries.
    Murmur3_128,
}

/// Bytes of the longest checksum.
pub(super) const MAX_LEN: usize = 64;

/// A checksum in the byte order in which ThingsBoard prints it. Two are equal if all their bytes
/// are, leading zeros included.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    /// Zero beyond the algorithm's length.
    bytes: [u8; MAX_LEN],
}

impl ChecksumAlgorithm {
    const ALL: [Self; 7] = [
        Self::Md5,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Crc32,
        Self::Murmur3_32,
        Self::Murmur3_128,
    ];

    /// The platform's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
            Self::Crc32 => "CRC32",
            Self::Murmur3_32 => "MURMUR3_32",
            Self::Murmur3_128 => "MURMUR3_128",
        }
    }

    /// The algorithm with this name of the platform, in upper or lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// How many bytes a checksum has.
    pub const fn size(self) -> usize {
        match self {
            Self::Crc32 | Self::Murmur3_32 => 4,
            Self::Md5 | Self::Murmur3_128 => 16,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl Checksum {
    /// The checksum that is written so: two hexadecimal digits for each byte and nothing else.
    /// `None` if it is not.
    pub fn from_hex(algorithm: ChecksumAlgorithm, text: &str) -> Option<Self> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != algorithm.size() || !rest.is_empty() {
            return None;
        }
        let mut bytes = [0; MAX_LEN];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
        }
        Some(Self { algorithm, bytes })
    }

    /// The first bytes are the checksum, the others are zero.
    pub(super) const fn from_padded(algorithm: ChecksumAlgorithm, bytes: [u8; MAX_LEN]) -> Self {
        Self { algorithm, bytes }
    }

    /// How it is computed.
    pub const fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// Its bytes, in the order of the hexadecimal text.
    pub fn as_bytes(&self) -> &[u8] {
        let (bytes, _) = self
            .bytes
            .split_at_checked(self.algorithm.size())
            .unwrap_or((&self.bytes, &[]));
        bytes
    }
}

impl fmt::Display for ChecksumAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Lower-case hexadecimal, as the platform writes it.
impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.algorithm)
    }
}
