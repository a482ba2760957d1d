use alloc::string::ToString;
use proptest::prelude::*;

use super::*;

/// Of the recordings and of independent implementations: the package of the recordings, `hello`, the
/// bytes 00 to FF, and texts whose checksum begins or ends with a zero.
const VECTORS: [(ChecksumAlgorithm, &str, &str); 35] = [
    (
        ChecksumAlgorithm::Md5,
        "recorded",
        "2b1e78d5765de9e10495a01412a1cf22",
    ),
    (
        ChecksumAlgorithm::Md5,
        "hello",
        "5d41402abc4b2a76b9719d911017c592",
    ),
    (
        ChecksumAlgorithm::Md5,
        "00..ff",
        "e2c865db4162bed963bfaa9ef6ac18f0",
    ),
    (
        ChecksumAlgorithm::Sha256,
        "recorded",
        "5097e7d587352f5097062ae679f37bda5802d9f875aba14c8cb4d1a188ada179",
    ),
    (
        ChecksumAlgorithm::Sha256,
        "hello",
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    ),
    (
        ChecksumAlgorithm::Sha256,
        "00..ff",
        "40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880",
    ),
    (
        ChecksumAlgorithm::Sha384,
        "recorded",
        "4f33e6bdc22d2129245d832f3b149770b799aa9e63b4c79bd3073aca7e5afc8332c83cace1f5d81c22a256f09dcb3f98",
    ),
    (
        ChecksumAlgorithm::Sha384,
        "hello",
        "59e1748777448c69de6b800d7a33bbfb9ff1b463e44354c3553bcdb9c666fa90125a3c79f90397bdf5f6a13de828684f",
    ),
    (
        ChecksumAlgorithm::Sha384,
        "00..ff",
        "ffdaebff65ed05cf400f0221c4ccfb4b2104fb6a51f87e40be6c4309386bfdec2892e9179b34632331a59592737db5c5",
    ),
    (
        ChecksumAlgorithm::Sha512,
        "recorded",
        "b41d42e106eca6bf57123566b7ed1550c37d33af23afbfa8e302dfd44c988b3003a26b4140ef42f535e66ea424e7c4a31616307269e6d520a6508f726da23d0a",
    ),
    (
        ChecksumAlgorithm::Sha512,
        "hello",
        "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
    ),
    (
        ChecksumAlgorithm::Sha512,
        "00..ff",
        "1e7b80bc8edc552c8feeb2780e111477e5bc70465fac1a77b29b35980c3f0ce4a036a6c9462036824bd56801e62af7e9feba5c22ed8a5af877bf7de117dcac6d",
    ),
    (ChecksumAlgorithm::Crc32, "recorded", "1e160289"),
    (ChecksumAlgorithm::Crc32, "hello", "86a61036"),
    (ChecksumAlgorithm::Crc32, "00..ff", "738c0529"),
    (ChecksumAlgorithm::Murmur3_32, "recorded", "d8b98517"),
    (ChecksumAlgorithm::Murmur3_32, "hello", "47fa8b24"),
    (ChecksumAlgorithm::Murmur3_32, "00..ff", "560e0ae4"),
    (
        ChecksumAlgorithm::Murmur3_128,
        "recorded",
        "45c99d896b9dfe1729ce34cea6aaa7d3",
    ),
    (
        ChecksumAlgorithm::Murmur3_128,
        "hello",
        "029bbd41b3a7d8cb191dae486a901e5b",
    ),
    (
        ChecksumAlgorithm::Murmur3_128,
        "00..ff",
        "b9126fdc13c3991c1ecc34ab7f07d670",
    ),
    (
        ChecksumAlgorithm::Md5,
        "168",
        "006f52e9102a8d3be2fe5614f42ba989",
    ),
    (
        ChecksumAlgorithm::Md5,
        "345",
        "d81f9c1be2e08964bf9f24b15f0e4900",
    ),
    (
        ChecksumAlgorithm::Sha256,
        "286",
        "00328ce57bbc14b33bd6695bc8eb32cdf2fb5f3a7d89ec14a42825e15d39df60",
    ),
    (
        ChecksumAlgorithm::Sha256,
        "403",
        "d26eae87829adde551bf4b852f9da6b8c3c2db9b65b8b68870632a2db5f53e00",
    ),
    (
        ChecksumAlgorithm::Sha384,
        "359",
        "00f3fbd8c288205e0ecd637d7e66c229a6d9874fa5d8a2afe81d02a3fa8edb2aaf090e958d1610179e98912262800c94",
    ),
    (
        ChecksumAlgorithm::Sha384,
        "477",
        "5db852322945c53c574a3e0ac54ac64445d0c4e7b85a7fed7d9b8596edec84d82d40b3326023cd12842531557f024200",
    ),
    (
        ChecksumAlgorithm::Sha512,
        "61",
        "00819bedf0933e1d682112566d00541fa0ebcdbfda053ee2399bb9d51da4ea809b9ca4252ed318b0046fc43ef66853ff2872e2fd894bf371f6683a15bdaaee74",
    ),
    (
        ChecksumAlgorithm::Sha512,
        "155",
        "00aae04a2ba47c629332328c83d8a90ef443da6199bd76fa3b188b8654de8376e469c44f6986dbf7853d2e532efb04127dba65d072a4bb3aea6c4129044f5b00",
    ),
    (ChecksumAlgorithm::Crc32, "49", "0069f6a5"),
    (ChecksumAlgorithm::Crc32, "62", "0ad21200"),
    (ChecksumAlgorithm::Murmur3_32, "422", "00705fb4"),
    (ChecksumAlgorithm::Murmur3_32, "933", "af9e5d00"),
    (
        ChecksumAlgorithm::Murmur3_128,
        "222",
        "00ab69859be2c977b23b629f8dfdeda6",
    ),
    (
        ChecksumAlgorithm::Murmur3_128,
        "847",
        "cbcb542cd48292927f70691aeaedc500",
    ),
];

fn data(name: &str) -> Vec<u8> {
    match name {
        "recorded" => image(1_000),
        "00..ff" => (0..=255).collect(),
        text => text.into(),
    }
}

#[test]
fn checksums_are_those_that_the_platform_prints() {
    for (algorithm, name, expected) in VECTORS {
        assert_eq!(
            checksum(algorithm, &data(name)).to_string(),
            expected,
            "{algorithm} {name}"
        );
    }
}

#[test]
fn a_checksum_is_compared_in_full_width() {
    for (algorithm, name, hex) in VECTORS {
        let expected = Checksum::from_hex(algorithm, hex).unwrap();
        assert_eq!(expected, checksum(algorithm, &data(name)));
        assert_eq!(
            Checksum::from_hex(algorithm, &hex.to_uppercase()),
            Some(expected)
        );
        // Without its leading zero it is no checksum.
        assert_eq!(Checksum::from_hex(algorithm, &hex[2..]), None);
        assert_eq!(
            Checksum::from_hex(algorithm, &alloc::format!("{hex}00")),
            None
        );
        assert_eq!(
            Checksum::from_hex(algorithm, &hex.replacen(|_| true, "+", 1)),
            None
        );
        for place in 0..hex.len() {
            let mut wrong = hex.as_bytes().to_vec();
            wrong[place] = if wrong[place] == b'0' { b'1' } else { b'0' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert_ne!(Checksum::from_hex(algorithm, &wrong), Some(expected));
        }
    }
}

#[test]
fn every_algorithm_has_the_platforms_name() {
    for name in [
        "MD5",
        "SHA256",
        "SHA384",
        "SHA512",
        "CRC32",
        "MURMUR3_32",
        "MURMUR3_128",
    ] {
        assert_eq!(ChecksumAlgorithm::from_name(name).unwrap().name(), name);
    }
    assert_eq!(ChecksumAlgorithm::from_name("SHA1"), None);
}

proptest! {
    #[test]
    fn a_checksum_does_not_depend_on_the_pieces(
        data in proptest::collection::vec(any::<u8>(), 0..300),
        cuts in proptest::collection::vec(0_usize..40, 0..40),
        vector in proptest::sample::select(&VECTORS[..]),
    ) {
        let algorithm = vector.0;
        let mut hasher = Hasher::new(algorithm);
        let mut rest = &data[..];
        for cut in cuts {
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            hasher.update(piece);
            rest = behind;
        }
        hasher.update(rest);
        prop_assert_eq!(hasher.finish(), checksum(algorithm, &data));
    }
}
