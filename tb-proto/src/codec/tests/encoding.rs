//! What we write: equal to `mqttbytes` where it can be trusted, guarded where it cannot.

use alloc::string::String;
use alloc::vec;

use mqttbytes::{v4, v5};
use proptest::collection::vec as vec_of;
use proptest::option;
use proptest::prelude::*;

use super::*;
use ProtocolVersion::{V3_1_1, V5};

/// The same PUBLISH, by mqttbytes.
fn mqttbytes_publish(
    version: ProtocolVersion,
    topic: &str,
    id: Option<PacketIdentifier>,
    payload: &[u8],
) -> BytesMut {
    let qos = match id {
        Some(_) => mqttbytes::QoS::AtLeastOnce,
        None => mqttbytes::QoS::AtMostOnce,
    };
    let pkid = id.map_or(0, PacketIdentifier::get);
    let mut out = BytesMut::new();
    match version {
        V3_1_1 => {
            let mut packet = v4::Publish::new(topic, qos, payload);
            packet.pkid = pkid;
            packet.write(&mut out).expect("fits");
        }
        V5 => {
            let mut packet = v5::Publish::new(topic, qos, payload);
            packet.pkid = pkid;
            packet.write(&mut out).expect("fits");
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn our_publish_is_that_of_mqttbytes_byte_for_byte(
        name in "[^\0+#]{1,60}",
        number in option::of(1..=u16::MAX),
        parts in vec_of(vec_of(any::<u8>(), 0..150), 0..4),
        before in vec_of(any::<u8>(), 0..10),
    ) {
        let topic = Topic::new(&name).unwrap();
        let id = number.map(id);
        let payload = parts.concat();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        for version in BOTH {
            let mut out = BytesMut::from(&before[..]);
            let written = encode::publish(version, &topic, id, &parts, &mut out).unwrap();
            let expected = mqttbytes_publish(version, &name, id, &payload);
            prop_assert_eq!(written, expected.len());
            prop_assert_eq!(
                encode::publish_len(version, &topic, id.is_some(), payload.len()),
                Some(written)
            );
            prop_assert_eq!(&out[..before.len()], &before[..]);
            prop_assert_eq!(&out[before.len()..], &expected[..]);
        }
    }

    #[test]
    fn a_numbered_topic_is_written_like_the_same_text(number in any::<u32>()) {
        let numbered = Topic::numbered("v1/devices/me/rpc/response/", number);
        let text = alloc::format!("v1/devices/me/rpc/response/{number}");
        let mut out = BytesMut::new();
        encode::publish(V5, &numbered, None, &[b"{}"], &mut out).unwrap();
        prop_assert_eq!(out, mqttbytes_publish(V5, &text, None, b"{}"));
    }
}

#[test]
fn the_remaining_length_takes_the_fewest_bytes_around_every_boundary() {
    let topic = Topic::from_static("t");
    for body in [127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
        for version in BOTH {
            let head = 3 + usize::from(version == V5);
            let payload = vec![b'x'; body - head];
            let mut out = BytesMut::new();
            encode::publish(version, &topic, None, &[&payload], &mut out).unwrap();
            assert_eq!(
                out,
                mqttbytes_publish(version, "t", None, &payload),
                "{body}"
            );
        }
    }
}

#[test]
fn the_largest_packet_has_a_remaining_length_of_268_435_455() {
    let topic = Topic::from_static("t");
    let most = 268_435_455 - 3;
    assert_eq!(
        encode::publish_len(V3_1_1, &topic, false, most),
        Some(268_435_460)
    );
    assert_eq!(encode::publish_len(V3_1_1, &topic, false, most + 1), None);
    assert_eq!(encode::publish_len(V5, &topic, false, most), None);
    assert_eq!(encode::publish_len(V5, &topic, true, usize::MAX), None);
}

#[test]
fn a_packet_that_is_too_long_leaves_nothing_behind() {
    let part = vec![b'x'; 1 << 20];
    let parts = vec![&part[..]; 256];
    let filter = Filter::new(&"f".repeat(65_535)).unwrap();
    for version in BOTH {
        let mut out = BytesMut::from("before");
        let topic = Topic::from_static("t");
        assert_eq!(
            encode::publish(version, &topic, Some(id(1)), &parts, &mut out),
            Err(EncodeError::PacketTooLong)
        );
        let filters = vec![(&filter, QoS::AtLeastOnce); 4_097];
        assert_eq!(
            encode::subscribe(version, id(1), &filters, &mut out),
            Err(EncodeError::PacketTooLong)
        );
        let filters = vec![&filter; 4_097];
        assert_eq!(
            encode::unsubscribe(version, id(1), &filters, &mut out),
            Err(EncodeError::PacketTooLong)
        );
        assert_eq!(out, "before");
    }
}

#[test]
fn subscribe_and_unsubscribe_need_a_filter() {
    for version in BOTH {
        let mut out = BytesMut::from("before");
        assert_eq!(
            encode::subscribe(version, id(1), &[], &mut out),
            Err(EncodeError::NoFilter)
        );
        assert_eq!(
            encode::unsubscribe(version, id(1), &[], &mut out),
            Err(EncodeError::NoFilter)
        );
        assert_eq!(out, "before");
    }
}

#[test]
fn the_short_packets_are_those_of_mqttbytes() {
    for version in BOTH {
        let mut ours = BytesMut::new();
        encode::puback(version, id(0xABCD), &mut ours);
        encode::pingreq(&mut ours);
        encode::disconnect(version, &mut ours);
        let mut theirs = BytesMut::new();
        match version {
            V3_1_1 => {
                v4::PubAck::new(0xABCD).write(&mut theirs).unwrap();
                v4::PingReq.write(&mut theirs).unwrap();
                v4::Disconnect.write(&mut theirs).unwrap();
            }
            V5 => {
                v5::PubAck::new(0xABCD).write(&mut theirs).unwrap();
                v5::PingReq.write(&mut theirs).unwrap();
                v5::Disconnect::new().write(&mut theirs).unwrap();
            }
        }
        assert_eq!(ours, theirs);
    }
}

const CONNECT: Connect<'static> = Connect {
    version: V5,
    keep_alive_secs: 60,
    clean_start: true,
    client_id: "",
    username: Some("A1_TEST_TOKEN"),
    password: None,
    receive_maximum: None,
    maximum_packet_size: None,
};

#[test]
fn connect_behind_other_packets_keeps_its_flags_and_leaves_them_alone() {
    for version in BOTH {
        let connect = Connect { version, ..CONNECT };
        let mut alone = BytesMut::new();
        encode::connect(&connect, &mut alone).unwrap();
        assert_eq!(alone[9], 0b1000_0010, "user name and clean start");

        let before = [0xC0, 0x00].repeat(20);
        let mut out = BytesMut::from(&before[..]);
        encode::connect(&connect, &mut out).unwrap();
        assert_eq!(out, [&before[..], &alone[..]].concat()[..]);
    }
}

#[test]
fn mqtt_5_takes_a_password_without_a_user_name_and_mqtt_3_1_1_does_not() {
    let connect = Connect {
        username: None,
        password: Some("secret"),
        ..CONNECT
    };
    let mut out = BytesMut::new();
    encode::connect(&connect, &mut out).unwrap();
    assert_eq!(
        out,
        hex("1015 00044d515454 05 42 003c 00 0000 0006736563726574")[..]
    );

    let connect = Connect {
        version: V3_1_1,
        ..connect
    };
    let mut out = BytesMut::from("before");
    assert_eq!(
        encode::connect(&connect, &mut out),
        Err(EncodeError::PasswordWithoutUsername)
    );
    assert_eq!(out, "before");
}

#[test]
fn connect_without_credentials_has_no_login() {
    let connect = Connect {
        version: V3_1_1,
        username: None,
        client_id: "id",
        ..CONNECT
    };
    let mut out = BytesMut::new();
    encode::connect(&connect, &mut out).unwrap();
    assert_eq!(out, hex("100e 00044d515454 04 02 003c 0002 6964")[..]);
}

#[test]
fn the_limits_of_mqtt_5_are_written_only_to_mqtt_5() {
    let connect = Connect {
        username: None,
        receive_maximum: Some(0x1234),
        maximum_packet_size: Some(0x0010_0000),
        ..CONNECT
    };
    let mut out = BytesMut::new();
    encode::connect(&connect, &mut out).unwrap();
    assert_eq!(
        out,
        hex("1015 00044d515454 05 02 003c 08 211234 2700100000 0000")[..]
    );

    out.clear();
    let connect = Connect {
        version: V3_1_1,
        ..connect
    };
    encode::connect(&connect, &mut out).unwrap();
    assert_eq!(out, hex("100c 00044d515454 04 02 003c 0000")[..]);
}

#[test]
fn connect_refuses_what_cannot_be_written() {
    let long = "x".repeat(65_536);
    let longest = "x".repeat(65_535);
    let rows: [(Connect<'_>, Result<(), EncodeError>); 10] = [
        (
            Connect {
                client_id: &long,
                ..CONNECT
            },
            Err(EncodeError::FieldTooLong),
        ),
        (
            Connect {
                username: Some(&long),
                ..CONNECT
            },
            Err(EncodeError::FieldTooLong),
        ),
        (
            Connect {
                password: Some(&long),
                ..CONNECT
            },
            Err(EncodeError::FieldTooLong),
        ),
        (
            Connect {
                client_id: &longest,
                username: Some(&longest),
                password: Some(&longest),
                ..CONNECT
            },
            Ok(()),
        ),
        (
            Connect {
                username: Some(""),
                ..CONNECT
            },
            Err(EncodeError::EmptyCredential),
        ),
        (
            Connect {
                password: Some(""),
                ..CONNECT
            },
            Err(EncodeError::EmptyCredential),
        ),
        (
            Connect {
                version: V3_1_1,
                clean_start: false,
                ..CONNECT
            },
            Err(EncodeError::EmptyClientIdentifier),
        ),
        (
            Connect {
                clean_start: false,
                ..CONNECT
            },
            Ok(()),
        ),
        (
            Connect {
                receive_maximum: Some(0),
                ..CONNECT
            },
            Err(EncodeError::LimitZero),
        ),
        (
            Connect {
                maximum_packet_size: Some(0),
                ..CONNECT
            },
            Err(EncodeError::LimitZero),
        ),
    ];
    for (number, (connect, expected)) in rows.into_iter().enumerate() {
        let mut out = BytesMut::from("before");
        assert_eq!(
            encode::connect(&connect, &mut out),
            expected,
            "row {number}"
        );
        if expected.is_err() {
            assert_eq!(out, "before", "row {number}");
        }
    }
}

#[test]
fn every_error_says_what_to_do_in_one_line() {
    use EncodeError::*;
    for error in [
        FieldTooLong,
        PacketTooLong,
        PasswordWithoutUsername,
        EmptyCredential,
        EmptyClientIdentifier,
        LimitZero,
        NoFilter,
    ] {
        let text: String = alloc::format!("{error}");
        assert!(
            text.len() > 20 && !text.ends_with('.') && !text.contains('\n'),
            "{text}"
        );
    }
}
