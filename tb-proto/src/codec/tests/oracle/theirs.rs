//! We read what it writes.

use alloc::boxed::Box;
use alloc::vec;

use mqtt_protocol_core::mqtt::packet::{self, Property, Qos, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::{
    AuthReasonCode, ConnectReasonCode, ConnectReturnCode, DisconnectReasonCode, PubackReasonCode,
    SubackReasonCode, SubackReturnCode, UnsubackReasonCode,
};
use proptest::collection::vec as vec_of;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::packet as read;
use super::*;
use ProtocolVersion::{V3_1_1, V5};

fn user_properties() -> impl Strategy<Value = Vec<Property>> {
    vec_of((text(), text()), 0..3).prop_map(|pairs| {
        pairs
            .into_iter()
            .map(|(key, value)| packet::UserProperty::new(key, value).unwrap().into())
            .collect()
    })
}

/// Properties of an acknowledgement: perhaps a reason string, some user properties.
fn acknowledgement_properties() -> impl Strategy<Value = Vec<Property>> {
    (option::of(text()), user_properties()).prop_map(|(reason, mut properties)| {
        properties.extend(reason.map(|text| packet::ReasonString::new(text).unwrap().into()));
        properties
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn we_understand_a_message_of_either_version(
        name in topic(),
        number in option::of(some_id()),
        payload in vec_of(any::<u8>(), 0..200),
        retain in any::<bool>(),
        dup in any::<bool>(),
        subscriptions in vec_of(1u32..268_435_455, 0..3),
        response_topic in option::of(topic()),
        content_type in option::of(text()),
        correlation in option::of(vec_of(any::<u8>(), 0..9)),
        expiry in option::of(any::<u32>()),
        mut properties in user_properties(),
    ) {
        for id in subscriptions {
            properties.push(packet::SubscriptionIdentifier::new(id).unwrap().into());
        }
        properties.extend(response_topic.map(|v| packet::ResponseTopic::new(v).unwrap().into()));
        properties.extend(content_type.map(|v| packet::ContentType::new(v).unwrap().into()));
        properties.extend(correlation.map(|v| packet::CorrelationData::new(v).unwrap().into()));
        properties.extend(expiry.map(|v| packet::MessageExpiryInterval::new(v).unwrap().into()));
        let (qos, our_qos) = match number {
            Some(_) => (Qos::AtLeastOnce, QoS::AtLeastOnce),
            None => (Qos::AtMostOnce, QoS::AtMostOnce),
        };
        let dup = dup && number.is_some();
        let expected = Incoming::Publish(Publish {
            topic: ReceivedTopic::checked(&name),
            payload: bytes::Bytes::copy_from_slice(&payload),
            qos: our_qos,
            packet_id: number.unwrap_or(0),
            retain,
            dup,
        });

        let builder = v3_1_1::Publish::builder().topic_name(&name).unwrap().qos(qos);
        let builder = builder.retain(retain).dup(dup).payload(payload.clone());
        let builder = match number {
            Some(number) => builder.packet_id(number),
            None => builder,
        };
        let bytes = builder.build().unwrap().to_continuous_buffer();
        prop_assert_eq!(&read(V3_1_1, &bytes), &expected);

        let builder = v5_0::Publish::builder().topic_name(&name).unwrap().qos(qos);
        let builder = builder.retain(retain).dup(dup).payload(payload).props(properties);
        let builder = match number {
            Some(number) => builder.packet_id(number),
            None => builder,
        };
        let bytes = builder.build().unwrap().to_continuous_buffer();
        prop_assert_eq!(&read(V5, &bytes), &expected);
    }

    #[test]
    fn we_understand_connack_with_every_property(
        session_present in any::<bool>(),
        receive_maximum in option::of(some_id()),
        maximum_packet_size in option::of(1..=u32::MAX),
        maximum_qos in option::of(0u8..=1),
        server_keep_alive in option::of(any::<u16>()),
        assigned in option::of(text()),
        reason in option::of(text()),
        mut properties in user_properties(),
        other in any::<[bool; 10]>(),
    ) {
        properties.extend(receive_maximum.map(|v| packet::ReceiveMaximum::new(v).unwrap().into()));
        properties.extend(maximum_packet_size.map(|v| packet::MaximumPacketSize::new(v).unwrap().into()));
        properties.extend(maximum_qos.map(|v| packet::MaximumQos::new(v).unwrap().into()));
        properties.extend(server_keep_alive.map(|v| packet::ServerKeepAlive::new(v).unwrap().into()));
        properties.extend(assigned.clone().map(|v| packet::AssignedClientIdentifier::new(v).unwrap().into()));
        properties.extend(reason.clone().map(|v| packet::ReasonString::new(v).unwrap().into()));
        let rest: [Property; 10] = [
            packet::SessionExpiryInterval::new(60).unwrap().into(),
            packet::RetainAvailable::new(0).unwrap().into(),
            packet::TopicAliasMaximum::new(10).unwrap().into(),
            packet::WildcardSubscriptionAvailable::new(1).unwrap().into(),
            packet::SubscriptionIdentifierAvailable::new(0).unwrap().into(),
            packet::SharedSubscriptionAvailable::new(1).unwrap().into(),
            packet::ResponseInformation::new("info").unwrap().into(),
            packet::ServerReference::new("elsewhere").unwrap().into(),
            packet::AuthenticationMethod::new("method").unwrap().into(),
            packet::AuthenticationData::new(b"data").unwrap().into(),
        ];
        properties.extend(rest.into_iter().zip(other).filter(|(_, wanted)| *wanted).map(|(p, _)| p));
        let bytes = v5_0::Connack::builder()
            .session_present(session_present)
            .reason_code(ConnectReasonCode::Success)
            .props(properties)
            .build()
            .unwrap()
            .to_continuous_buffer();
        let expected = Incoming::ConnAck(Box::new(ConnAck {
            session_present,
            code: 0,
            properties: ConnAckProperties {
                receive_maximum,
                maximum_packet_size,
                maximum_qos,
                server_keep_alive,
                assigned_client_identifier: assigned,
                reason_string: reason,
            },
        }));
        prop_assert_eq!(read(V5, &bytes), expected);
    }

    #[test]
    fn we_understand_acknowledgements_with_properties(
        number in some_id(),
        properties in acknowledgement_properties(),
        puback in select(&[
            PubackReasonCode::Success,
            PubackReasonCode::NoMatchingSubscribers,
            PubackReasonCode::QuotaExceeded,
            PubackReasonCode::PayloadFormatInvalid,
        ][..]),
        suback in vec_of(select(&[
            SubackReasonCode::GrantedQos0,
            SubackReasonCode::GrantedQos1,
            SubackReasonCode::NotAuthorized,
            SubackReasonCode::WildcardSubscriptionsNotSupported,
        ][..]), 1..20),
        unsuback in vec_of(select(&[
            UnsubackReasonCode::Success,
            UnsubackReasonCode::NoSubscriptionExisted,
            UnsubackReasonCode::TopicFilterInvalid,
        ][..]), 1..20),
    ) {
        let id = id(number);
        let bytes = v5_0::Puback::builder()
            .packet_id(number)
            .reason_code(puback)
            .props(properties.clone())
            .build()
            .unwrap()
            .to_continuous_buffer();
        prop_assert_eq!(read(V5, &bytes), Incoming::PubAck { id, reason: puback as u8 });

        let codes = suback.iter().map(|code| *code as u8).collect();
        let bytes = v5_0::Suback::builder()
            .packet_id(number)
            .reason_codes(suback)
            .props(properties.clone())
            .build()
            .unwrap()
            .to_continuous_buffer();
        prop_assert_eq!(read(V5, &bytes), Incoming::SubAck { id, codes });

        let codes = unsuback.iter().map(|code| *code as u8).collect();
        let bytes = v5_0::Unsuback::builder()
            .packet_id(number)
            .reason_codes(unsuback)
            .props(properties)
            .build()
            .unwrap()
            .to_continuous_buffer();
        prop_assert_eq!(read(V5, &bytes), Incoming::UnsubAck { id, codes });
    }

    #[test]
    fn we_understand_disconnect_and_its_reason_string(
        code in select(&[
            DisconnectReasonCode::NormalDisconnection,
            DisconnectReasonCode::ServerShuttingDown,
            DisconnectReasonCode::SessionTakenOver,
            DisconnectReasonCode::MaximumConnectTime,
        ][..]),
        reason_string in option::of(text()),
        reference in option::of(text()),
        mut properties in user_properties(),
    ) {
        properties.extend(reason_string.clone().map(|v| packet::ReasonString::new(v).unwrap().into()));
        properties.extend(reference.map(|v| packet::ServerReference::new(v).unwrap().into()));
        let bytes = v5_0::Disconnect::builder()
            .reason_code(code)
            .props(properties)
            .build()
            .unwrap()
            .to_continuous_buffer();
        let expected = Incoming::Disconnect { reason: code as u8, reason_string };
        prop_assert_eq!(read(V5, &bytes), expected);
    }
}

#[test]
fn we_understand_the_small_packets_of_a_server() {
    let id = id(0x1234);
    let rows: [(ProtocolVersion, Vec<u8>, Incoming); 16] = [
        (
            V3_1_1,
            v3_1_1::Connack::builder()
                .session_present(false)
                .return_code(ConnectReturnCode::NotAuthorized)
                .build()
                .unwrap()
                .to_continuous_buffer(),
            connack(false, 5),
        ),
        (
            V3_1_1,
            v3_1_1::Connack::builder()
                .session_present(true)
                .return_code(ConnectReturnCode::Accepted)
                .build()
                .unwrap()
                .to_continuous_buffer(),
            connack(true, 0),
        ),
        (
            V3_1_1,
            v3_1_1::Puback::builder()
                .packet_id(0x1234u16)
                .build()
                .unwrap()
                .to_continuous_buffer(),
            Incoming::PubAck { id, reason: 0 },
        ),
        (
            V5,
            v5_0::Puback::builder()
                .packet_id(0x1234u16)
                .build()
                .unwrap()
                .to_continuous_buffer(),
            Incoming::PubAck { id, reason: 0 },
        ),
        (
            V5,
            v5_0::Puback::builder()
                .packet_id(0x1234u16)
                .reason_code(PubackReasonCode::QuotaExceeded)
                .build()
                .unwrap()
                .to_continuous_buffer(),
            Incoming::PubAck { id, reason: 0x97 },
        ),
        (
            V3_1_1,
            v3_1_1::Suback::builder()
                .packet_id(0x1234u16)
                .return_codes(vec![
                    SubackReturnCode::SuccessMaximumQos1,
                    SubackReturnCode::Failure,
                ])
                .build()
                .unwrap()
                .to_continuous_buffer(),
            Incoming::SubAck {
                id,
                codes: vec![1, 0x80],
            },
        ),
        (
            V3_1_1,
            v3_1_1::Unsuback::builder()
                .packet_id(0x1234u16)
                .build()
                .unwrap()
                .to_continuous_buffer(),
            Incoming::UnsubAck { id, codes: vec![] },
        ),
        (
            V3_1_1,
            v3_1_1::Pingresp::new().to_continuous_buffer(),
            Incoming::PingResp,
        ),
        (
            V5,
            v5_0::Pingresp::new().to_continuous_buffer(),
            Incoming::PingResp,
        ),
        (
            V3_1_1,
            v3_1_1::Pubrec::builder()
                .packet_id(0x1234u16)
                .build()
                .unwrap()
                .to_continuous_buffer(),
            Incoming::Qos2 {
                kind: Qos2::Received,
                id,
            },
        ),
        (
            V5,
            v5_0::Pubrel::builder()
                .packet_id(0x1234u16)
                .build()
                .unwrap()
                .to_continuous_buffer(),
            Incoming::Qos2 {
                kind: Qos2::Release,
                id,
            },
        ),
        (
            V5,
            v5_0::Pubcomp::builder()
                .packet_id(0x1234u16)
                .build()
                .unwrap()
                .to_continuous_buffer(),
            Incoming::Qos2 {
                kind: Qos2::Complete,
                id,
            },
        ),
        (
            V5,
            v5_0::Disconnect::builder()
                .build()
                .unwrap()
                .to_continuous_buffer(),
            disconnect(0),
        ),
        (
            V5,
            v5_0::Disconnect::builder()
                .reason_code(DisconnectReasonCode::ServerShuttingDown)
                .build()
                .unwrap()
                .to_continuous_buffer(),
            disconnect(0x8B),
        ),
        (
            V5,
            v5_0::Auth::builder()
                .build()
                .unwrap()
                .to_continuous_buffer(),
            Incoming::Auth,
        ),
        (
            V5,
            v5_0::Auth::builder()
                .reason_code(AuthReasonCode::ContinueAuthentication)
                .props(vec![packet::AuthenticationMethod::new("m").unwrap().into()])
                .build()
                .unwrap()
                .to_continuous_buffer(),
            Incoming::Auth,
        ),
    ];
    for (version, bytes, expected) in rows {
        assert_eq!(read(version, &bytes), expected, "{bytes:02x?} on {version}");
    }
}
