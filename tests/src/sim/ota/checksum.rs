use std::fmt::Write;

use md5::Md5;
use serde::Deserialize;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::murmur3;

/// How the checksum of an OTA package is computed (reference §8.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are those of the algorithms")]
pub enum ChecksumAlgorithm {
    Md5,
    #[default]
    Sha256,
    Sha384,
    Sha512,
    Crc32,
    /// 32 bits, seed 0.
    #[serde(rename = "MURMUR3_32")]
    Murmur3_32,
    /// The variant for 64-bit machines, seed 0.
    #[serde(rename = "MURMUR3_128")]
    Murmur3_128,
}

impl ChecksumAlgorithm {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Md5,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Crc32,
        Self::Murmur3_32,
        Self::Murmur3_128,
    ];

    /// ThingsBoard's name of the algorithm.
    #[must_use]
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

    /// The checksum as ThingsBoard announces it: lower-case hexadecimal digits of the bytes that its
    /// hash library prints, which for CRC32 and Murmur3 are the number's lowest byte first.
    #[must_use]
    pub fn checksum(self, data: &[u8]) -> String {
        match self {
            Self::Md5 => hexadecimal(&Md5::digest(data)),
            Self::Sha256 => hexadecimal(&Sha256::digest(data)),
            Self::Sha384 => hexadecimal(&Sha384::digest(data)),
            Self::Sha512 => hexadecimal(&Sha512::digest(data)),
            Self::Crc32 => hexadecimal(&crc32fast::hash(data).to_le_bytes()),
            Self::Murmur3_32 => hexadecimal(&murmur3::of_32_bits(data).to_le_bytes()),
            Self::Murmur3_128 => {
                let [first, second] = murmur3::of_128_bits(data).map(u64::to_le_bytes);
                hexadecimal(&first) + &hexadecimal(&second)
            }
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of the genuine hash library for byte i = 31·i + 7, found in recorded exchanges; SHA-512
    /// by another implementation.
    #[test]
    fn checksums_are_those_that_the_genuine_server_announces() {
        let package: Vec<u8> = (0..1000_u32).map(|i| (31 * i + 7) as u8).collect();
        for (algorithm, checksum) in [
            (ChecksumAlgorithm::Md5, "2b1e78d5765de9e10495a01412a1cf22"),
            (
                ChecksumAlgorithm::Sha256,
                "5097e7d587352f5097062ae679f37bda5802d9f875aba14c8cb4d1a188ada179",
            ),
            (
                ChecksumAlgorithm::Sha384,
                "4f33e6bdc22d2129245d832f3b149770b799aa9e63b4c79bd3073aca7e5afc83\
                 32c83cace1f5d81c22a256f09dcb3f98",
            ),
            (
                ChecksumAlgorithm::Sha512,
                "b41d42e106eca6bf57123566b7ed1550c37d33af23afbfa8e302dfd44c988b30\
                 03a26b4140ef42f535e66ea424e7c4a31616307269e6d520a6508f726da23d0a",
            ),
            (ChecksumAlgorithm::Crc32, "1e160289"),
            (ChecksumAlgorithm::Murmur3_32, "d8b98517"),
            (
                ChecksumAlgorithm::Murmur3_128,
                "45c99d896b9dfe1729ce34cea6aaa7d3",
            ),
        ] {
            assert_eq!(algorithm.checksum(&package), checksum, "{algorithm:?}");
        }
    }

    #[test]
    fn crc_and_murmur_print_their_lowest_byte_first() {
        let every_byte: Vec<u8> = (0..=255).collect();
        for (data, crc32, murmur3_32, murmur3_128) in [
            (
                &b"hello"[..],
                "86a61036",
                "47fa8b24",
                "029bbd41b3a7d8cb191dae486a901e5b",
            ),
            (
                &every_byte,
                "738c0529",
                "560e0ae4",
                "b9126fdc13c3991c1ecc34ab7f07d670",
            ),
        ] {
            assert_eq!(ChecksumAlgorithm::Crc32.checksum(data), crc32);
            assert_eq!(ChecksumAlgorithm::Murmur3_32.checksum(data), murmur3_32);
            assert_eq!(ChecksumAlgorithm::Murmur3_128.checksum(data), murmur3_128);
        }
    }
}
