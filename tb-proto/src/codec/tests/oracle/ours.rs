//! It reads what we write.

use alloc::string::String;
use alloc::sync::Arc;

use mqtt_protocol_core::mqtt::packet::{Property, Qos, v3_1_1, v5_0};
use proptest::collection::vec as vec_of;
use proptest::option;
use proptest::prelude::*;

use super::*;
use ProtocolVersion::{V3_1_1, V5};

/// The first byte and the body of the one packet in `bytes`.
fn take_apart(bytes: &[u8]) -> (u8, &[u8]) {
    let (len, len_len) = frame::variable_byte_integer(&bytes[1..])
        .expect("shortest form")
        .expect("complete");
    let body = &bytes[1 + len_len..];
    assert_eq!(body.len(), len, "the announced length");
    (bytes[0], body)
}

fn filter() -> impl Strategy<Value = String> {
    "(([^\0+#/]{1,8}|\\+)/){0,4}([^\0+#/]{1,8}|\\+|#)"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn our_connect_is_understood(
        keep_alive_secs in any::<u16>(),
        client_id in text(),
        username in "[^\0]{1,20}",
        with_username in any::<bool>(),
        password in option::of("[^\0]{1,20}"),
        receive_maximum in option::of(some_id()),
        maximum_packet_size in option::of(1..=u32::MAX),
    ) {
        // The oracle refuses a password without a user name, which MQTT 5 allows; see the test below.
        let password = password.filter(|_| with_username);
        for version in BOTH {
            let connect = Connect {
                version,
                keep_alive_secs,
                clean_start: true,
                client_id: &client_id,
                username: with_username.then_some(&username),
                password: password.as_deref(),
                receive_maximum,
                maximum_packet_size,
            };
            let mut out = BytesMut::new();
            encode::connect(&connect, &mut out).unwrap();
            let (first, body) = take_apart(&out);
            prop_assert_eq!(first, 0x10);
            let password = password.as_ref().map(String::as_bytes);
            match version {
                V3_1_1 => {
                    let (read, len) = v3_1_1::Connect::parse(body).unwrap();
                    prop_assert_eq!(len, body.len());
                    prop_assert_eq!(read.keep_alive(), keep_alive_secs);
                    prop_assert!(read.clean_session());
                    prop_assert!(!read.will_flag());
                    prop_assert_eq!(read.client_id(), &client_id);
                    prop_assert_eq!(read.user_name(), connect.username);
                    prop_assert_eq!(read.password(), password);
                }
                V5 => {
                    let (read, len) = v5_0::Connect::parse(body).unwrap();
                    prop_assert_eq!(len, body.len());
                    prop_assert_eq!(read.keep_alive(), keep_alive_secs);
                    prop_assert!(read.clean_start());
                    prop_assert!(!read.will_flag());
                    prop_assert_eq!(read.client_id(), &client_id);
                    prop_assert_eq!(read.user_name(), connect.username);
                    prop_assert_eq!(read.password(), password);
                    let mut limits = (None, None);
                    for property in read.props() {
                        match property {
                            Property::ReceiveMaximum(value) => limits.0 = Some(value.val()),
                            Property::MaximumPacketSize(value) => limits.1 = Some(value.val()),
                            other => prop_assert!(false, "{:?}", other.id()),
                        }
                    }
                    prop_assert_eq!(limits, (receive_maximum, maximum_packet_size));
                }
            }
        }
    }

    #[test]
    fn our_publish_is_understood(
        name in topic(),
        number in option::of(some_id()),
        payload in vec_of(any::<u8>(), 0..300),
        split in 0usize..300,
    ) {
        let topic = Topic::new(&name).unwrap();
        let (head, tail) = payload.split_at(split.min(payload.len()));
        let expected_qos = if number.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        for version in BOTH {
            let mut out = BytesMut::new();
            encode::publish(version, &topic, number.map(id), &[head, tail], &mut out).unwrap();
            let (first, body) = take_apart(&out);
            prop_assert_eq!(first & 0b1111_1001, 0x30, "neither DUP nor RETAIN");
            let body: Arc<[u8]> = body.into();
            match version {
                V3_1_1 => {
                    let (read, len) = v3_1_1::Publish::parse(first, body.clone()).unwrap();
                    prop_assert_eq!(len, body.len());
                    prop_assert_eq!(read.topic_name(), &name);
                    prop_assert_eq!(read.qos(), expected_qos);
                    prop_assert_eq!(read.packet_id(), number);
                    prop_assert_eq!(read.payload().as_slice(), &payload[..]);
                }
                V5 => {
                    let (read, len) = v5_0::Publish::parse(first, body.clone()).unwrap();
                    prop_assert_eq!(len, body.len());
                    prop_assert_eq!(read.topic_name(), &name);
                    prop_assert_eq!(read.qos(), expected_qos);
                    prop_assert_eq!(read.packet_id(), number);
                    prop_assert_eq!(read.payload().as_slice(), &payload[..]);
                    prop_assert!(read.props().is_empty());
                }
            }
        }
    }

    #[test]
    fn our_subscribe_and_unsubscribe_are_understood(
        number in some_id(),
        texts in vec_of((filter(), any::<bool>()), 1..6),
    ) {
        let filters: Vec<Filter> = texts.iter().map(|(text, _)| Filter::new(text).unwrap()).collect();
        let wanted: Vec<(&Filter, QoS)> = filters
            .iter()
            .zip(&texts)
            .map(|(filter, (_, qos1))| (filter, if *qos1 { QoS::AtLeastOnce } else { QoS::AtMostOnce }))
            .collect();
        let unwanted: Vec<&Filter> = filters.iter().collect();
        for version in BOTH {
            let mut out = BytesMut::new();
            encode::subscribe(version, id(number), &wanted, &mut out).unwrap();
            let (first, body) = take_apart(&out);
            prop_assert_eq!(first, 0x82);
            let (read_id, entries) = match version {
                V3_1_1 => {
                    let (read, len) = v3_1_1::Subscribe::parse(body).unwrap();
                    prop_assert_eq!(len, body.len());
                    (read.packet_id(), read.entries().to_vec())
                }
                V5 => {
                    let (read, len) = v5_0::Subscribe::parse(body).unwrap();
                    prop_assert_eq!(len, body.len());
                    (read.packet_id(), read.entries().to_vec())
                }
            };
            prop_assert_eq!(read_id, number);
            prop_assert_eq!(entries.len(), wanted.len());
            for (entry, (filter, qos)) in entries.iter().zip(&wanted) {
                prop_assert_eq!(entry.topic_filter(), filter.as_str());
                prop_assert_eq!(entry.sub_opts().to_buffer(), &[qos.bits()]);
            }

            out.clear();
            encode::unsubscribe(version, id(number), &unwanted, &mut out).unwrap();
            let (first, body) = take_apart(&out);
            prop_assert_eq!(first, 0xA2);
            let (read_id, entries) = match version {
                V3_1_1 => {
                    let (read, len) = v3_1_1::Unsubscribe::parse(body).unwrap();
                    prop_assert_eq!(len, body.len());
                    (read.packet_id(), read.entries().clone())
                }
                V5 => {
                    let (read, len) = v5_0::Unsubscribe::parse(body).unwrap();
                    prop_assert_eq!(len, body.len());
                    (read.packet_id(), read.entries().clone())
                }
            };
            prop_assert_eq!(read_id, number);
            let entries: Vec<&str> = entries.iter().map(|entry| entry.as_str()).collect();
            let expected: Vec<&str> = texts.iter().map(|(text, _)| text.as_str()).collect();
            prop_assert_eq!(entries, expected);
        }
    }
}

#[test]
fn our_packets_without_a_body_are_understood() {
    for version in BOTH {
        let mut out = BytesMut::new();
        encode::puback(version, id(0x1234), &mut out);
        assert_eq!(take_apart(&out), (0x40, &[0x12, 0x34][..]));
        let read = match version {
            V3_1_1 => v3_1_1::Puback::parse(&out[2..]).unwrap().0.packet_id(),
            V5 => v5_0::Puback::parse(&out[2..]).unwrap().0.packet_id(),
        };
        assert_eq!(read, 0x1234);

        out.clear();
        encode::pingreq(&mut out);
        assert_eq!(out, v5_0::Pingreq::new().to_continuous_buffer()[..]);

        out.clear();
        encode::disconnect(version, &mut out);
        assert_eq!(out, v3_1_1::Disconnect::new().to_continuous_buffer()[..]);
    }
    assert_eq!(v5_0::Disconnect::parse(&[]).unwrap().0.reason_code(), None);
}
