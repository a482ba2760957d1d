//! The hand-written packets, judged by a codec of somebody else.

use std::sync::Arc;

use mqtt_protocol_core::mqtt::packet::{
    Property, Qos, SessionExpiryInterval, SubEntry, SubOpts, v3_1_1, v5_0,
};
use mqtt_protocol_core::mqtt::result_code::{ConnectReasonCode, PubackReasonCode};

use super::packets::{Connect, Packet, Publish, Subscribe, Version, Will};
use super::quirks;

/// The body of the one packet that `write` writes, behind a fixed header of two bytes.
fn body(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    assert_eq!(usize::from(bytes[1]), bytes.len() - 2);
    bytes.split_off(2)
}

fn decode(version: Version, bytes: &[u8]) -> Packet {
    assert_eq!(usize::from(bytes[1]), bytes.len() - 2);
    Packet::decode(version, bytes[0], &bytes[2..]).unwrap()
}

#[test]
fn what_the_server_writes_on_mqtt_5_is_read_by_a_foreign_codec() {
    const V5: Version = Version::V5;
    let (connack, _) =
        v5_0::Connack::parse(&body(|out| quirks::connack(out, V5, true, 0x86))).unwrap();
    assert_eq!(
        connack.reason_code(),
        ConnectReasonCode::BadUserNameOrPassword
    );

    let (puback, _) = v5_0::Puback::parse(&body(|out| quirks::puback(out, V5, 7, 0x99))).unwrap();
    assert_eq!(puback.packet_id(), 7);
    assert_eq!(
        puback.reason_code(),
        Some(PubackReasonCode::PayloadFormatInvalid)
    );
    let (puback, _) = v5_0::Puback::parse(&body(|out| quirks::puback(out, V5, 7, 0))).unwrap();
    assert_eq!(puback.reason_code(), None);

    let (suback, _) =
        v5_0::Suback::parse(&body(|out| quirks::suback(out, V5, 9, &[1, 0x8F]))).unwrap();
    assert_eq!((suback.packet_id(), suback.reason_codes().len()), (9, 2));
    let unsuback = body(|out| quirks::unsuback(out, V5, 9, &[0, 0x11]));
    let (unsuback, _) = v5_0::Unsuback::parse(&unsuback).unwrap();
    assert_eq!(
        (unsuback.packet_id(), unsuback.reason_codes().len()),
        (9, 2)
    );
    v5_0::Disconnect::parse(&body(|out| quirks::disconnect(out, 0x8E))).unwrap();

    let publish = body(|out| quirks::publish(out, V5, "v2/a", Some(3), b"{}"));
    let (publish, _) = v5_0::Publish::parse(0b0010, Arc::from(publish)).unwrap();
    assert_eq!(
        (publish.topic_name(), publish.packet_id()),
        ("v2/a", Some(3))
    );
    assert_eq!(publish.payload().as_slice(), b"{}");
}

#[test]
fn what_the_server_writes_on_3_1_1_is_read_by_a_foreign_codec() {
    const V3: Version = Version::V3;
    v3_1_1::Connack::parse(&body(|out| quirks::connack(out, V3, false, 5))).unwrap();
    let (puback, _) = v3_1_1::Puback::parse(&body(|out| quirks::puback(out, V3, 7, 0x99))).unwrap();
    assert_eq!(puback.packet_id(), 7);
    let (suback, _) =
        v3_1_1::Suback::parse(&body(|out| quirks::suback(out, V3, 9, &[1, 0x80]))).unwrap();
    assert_eq!(suback.packet_id(), 9);
    let unsuback = body(|out| quirks::unsuback(out, V3, 9, &[0, 0x11]));
    v3_1_1::Unsuback::parse(&unsuback).unwrap();
    let publish = body(|out| quirks::publish(out, V3, "v2/a", None, b"{}"));
    let (publish, _) = v3_1_1::Publish::parse(0, Arc::from(publish)).unwrap();
    assert_eq!((publish.topic_name(), publish.packet_id()), ("v2/a", None));
}

#[test]
fn what_a_foreign_codec_writes_is_read_by_the_server() {
    let connect = v5_0::Connect::builder()
        .client_id("c")
        .unwrap()
        .clean_start(true)
        .user_name("u")
        .unwrap()
        .password(b"p".to_vec())
        .unwrap()
        .will_message("w", b"gone".to_vec(), Qos::AtLeastOnce, true)
        .unwrap()
        .props(vec![Property::SessionExpiryInterval(
            SessionExpiryInterval::new(5).unwrap(),
        )])
        .build()
        .unwrap();
    assert_eq!(
        decode(Version::V3, &connect.to_continuous_buffer()),
        Packet::Connect(Connect {
            version: Version::V5,
            clean: true,
            client_id: "c".to_owned(),
            user_name: Some("u".to_owned()),
            password: Some(b"p".to_vec()),
            will: Some(Will {
                topic: "w".to_owned(),
                payload: b"gone".to_vec(),
                qos: 1,
                retain: true,
            }),
            session_expiry: Some(5),
        })
    );
    let publish = v5_0::Publish::builder()
        .topic_name("v2/t")
        .unwrap()
        .qos(Qos::AtLeastOnce)
        .packet_id(5)
        .payload(b"{}".as_slice())
        .build()
        .unwrap();
    assert_eq!(
        decode(Version::V5, &publish.to_continuous_buffer()),
        Packet::Publish(Publish {
            topic: "v2/t".to_owned(),
            packet_id: Some(5),
            payload: b"{}".to_vec(),
        })
    );
    let subscribe = v3_1_1::Subscribe::builder()
        .packet_id(6)
        .entries(vec![
            SubEntry::new("v2/a", SubOpts::from_u8(1).unwrap()).unwrap(),
        ])
        .build()
        .unwrap();
    assert_eq!(
        decode(Version::V3, &subscribe.to_continuous_buffer()),
        Packet::Subscribe(Subscribe {
            packet_id: 6,
            filters: vec![("v2/a".to_owned(), 1)],
        })
    );
}
