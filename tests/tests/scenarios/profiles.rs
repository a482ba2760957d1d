//! Devices on profiles of their own: custom topics, short topics, protobuf.

use serde_json::json;
use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{
    Attributes, Client, Completion, Config, Credentials, Event, Instant, InvalidConfig,
    InvalidPayload, InvalidTopics, InvalidTsField, PayloadFormat, QoS, RefusedReason, Rejection,
    RequestError, RpcReply, Telemetry, TopicFamily, Topics, UndeliveredCause, VersionPolicy,
};
use tb_tests::network::Cut;
use tb_tests::sim::{Control, ProfileSetup, Timestamp, TransportType};
use tb_tests::world::{Answering, Ending, Kind, TS_FIELD, World, protobuf_profile};

use crate::{ms, sec};

const PLAIN: PayloadFormat = PayloadFormat::Protobuf { ts_field: None };
const TIMED: PayloadFormat = PayloadFormat::Protobuf {
    ts_field: Some(TS_FIELD),
};

fn json_profile() -> ProfileSetup {
    ProfileSetup {
        name: "json".to_owned(),
        transport: TransportType::Mqtt,
        ..ProfileSetup::default()
    }
}

fn lab(profile: ProfileSetup) -> ProfileSetup {
    ProfileSetup {
        telemetry_topic: Some("lab/+/telemetry".to_owned()),
        attributes_topic: Some("lab/+/attributes".to_owned()),
        attributes_subscribe_topic: Some("lab/attributes".to_owned()),
        ..profile
    }
}

fn lab_topics() -> Topics {
    Topics::default()
        .telemetry("lab/7/telemetry")
        .attributes("lab/7/attributes")
        .attribute_updates("lab/attributes")
}

/// Ways to speak, each with a profile that takes it.
fn ways() -> Vec<(&'static str, Topics, PayloadFormat, ProfileSetup)> {
    let json = PayloadFormat::Json;
    let family = Topics::new;
    let json_downlink = ProfileSetup {
        json_compat: true,
        json_downlink: true,
        ..protobuf_profile()
    };
    vec![
        ("custom topics", lab_topics(), json, lab(json_profile())),
        ("v2", family(TopicFamily::V2), json, json_profile()),
        (
            "v2/j",
            family(TopicFamily::V2Explicit),
            json,
            json_profile(),
        ),
        (
            "v2 beside custom topics",
            family(TopicFamily::V2),
            json,
            lab(json_profile()),
        ),
        ("protobuf", Topics::default(), TIMED, protobuf_profile()),
        (
            "protobuf on v2",
            family(TopicFamily::V2),
            TIMED,
            protobuf_profile(),
        ),
        (
            "v2/p",
            family(TopicFamily::V2Explicit),
            TIMED,
            protobuf_profile(),
        ),
        (
            "protobuf on custom topics",
            lab_topics(),
            TIMED,
            lab(protobuf_profile()),
        ),
        (
            "protobuf up, JSON down",
            Topics::default(),
            TIMED,
            json_downlink,
        ),
    ]
}

fn world(topics: Topics, format: PayloadFormat, profile: ProfileSetup, config: Config) -> World {
    let config = config.topics(topics).payload_format(format);
    let mut world = World::on_profile(config, profile, 7);
    if format != PayloadFormat::Json {
        world.speak_protobuf();
    }
    world
}

/// A call whose parameter the default schema of a protobuf profile can hold.
fn call_device(world: &mut World) {
    world.control(Control::Rpc {
        call: "call".into(),
        device: "dev1".into(),
        method: "m".into(),
        params: Some(json!("text")),
        raw_params: None,
        oneway: false,
        timeout_ms: Some(30_000),
        persisted: false,
        request_id: None,
    });
}

#[test]
fn every_call_works_on_every_set_of_topics_in_every_format() {
    for version in [V5, V3_1_1] {
        for (name, topics, format, profile) in ways() {
            let config = World::config().version(VersionPolicy::Only(version));
            let mut world = world(topics, format, profile, config);
            world
                .follow_attributes()
                .serve_calls()
                .wait(sec(2))
                .send(3)
                .send_qos0(1)
                .send_attribute(0)
                .send_attribute(1)
                .set_shared(0)
                .request_attributes(sec(20))
                .claim();
            let number = world.call_method("echo", false, sec(20));
            call_device(&mut world);
            world.wait(sec(5));
            assert_eq!(world.arrivals().readings().count(), 4, "{name}");
            assert_eq!(world.arrivals().attributes().len(), 2, "{name}");
            assert_eq!(world.device().shared("s0"), Some(7), "{name}");
            assert_eq!(world.arrivals().calls(number), 1, "{name}");
            assert!(world.results()[0].ok, "{name}: {:?}", world.results());
            let answered = |kind: &Kind| {
                let ledger = world.device().ledger();
                let mut tickets = ledger.tickets().filter(|(_, ticket)| ticket.kind == *kind);
                tickets.any(|(_, ticket)| match &ticket.ending {
                    Some(Ending::Answered(answer)) => {
                        answer.contains("s0") || answer.contains(&format!("\"c\":{number}"))
                    }
                    _ => false,
                })
            };
            assert!(
                answered(&Kind::AttributeRequest) && answered(&Kind::RpcCall),
                "{name}"
            );
            world.settle();
            assert_eq!(world.device().stats().connects, 1, "{name}");
        }
    }
}

#[test]
fn lost_connections_lose_nothing_on_any_topics_in_any_format() {
    for (name, topics, format, profile) in ways() {
        let mut world = world(topics, format, profile, World::config());
        world.follow_attributes().serve_calls().wait(sec(1));
        for _ in 0..5 {
            world
                .send(5)
                .send_attribute(0)
                .send_attribute(0)
                .request_attributes(sec(60))
                .cut(Cut::Rst)
                .wait(sec(4));
        }
        world.wait(sec(90)).set_shared(1).wait(sec(5));
        assert!(
            world.device().shared("s1").is_some(),
            "{name}: pushes come again"
        );
        world.settle();
        assert_eq!(world.arrivals().readings().count(), 25, "{name}");
    }
}

#[test]
fn a_device_that_speaks_protobuf_sends_no_json() {
    for (name, topics, format, profile) in ways() {
        if format == PayloadFormat::Json {
            continue;
        }
        let mut world = world(topics, format, profile, World::config());
        world.trace().follow_attributes().serve_calls().wait(sec(2));
        world
            .send(2)
            .send_attribute(0)
            .request_attributes(sec(20))
            .call()
            .claim();
        call_device(&mut world);
        world.settle();
        let written = &world.device().trace().expect("it is traced").written;
        let payloads: Vec<_> = written.iter().flat_map(|bytes| payloads(bytes)).collect();
        assert!(payloads.len() >= 7, "{name}: {}", payloads.len());
        assert!(
            payloads
                .iter()
                .all(|payload| payload.first() != Some(&b'{')),
            "{name}"
        );
    }
}

/// The payloads of all PUBLISH packets of a connection that speaks MQTT 5.
fn payloads(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    while let [first, rest @ ..] = bytes {
        let (mut length, mut at) = (0_usize, 0);
        loop {
            length |= usize::from(rest[at] & 0x7F) << (7 * at);
            at += 1;
            if rest[at - 1] < 0x80 {
                break;
            }
        }
        let (body, after) = rest[at..].split_at(length);
        bytes = after;
        if first >> 4 == 3 {
            let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
            let identifier = if first & 0b0110 == 0 { 0 } else { 2 };
            payloads.push(body[2 + topic + identifier + 1..].to_vec());
        }
    }
    payloads
}

#[test]
fn a_message_keeps_the_time_at_which_it_was_accepted() {
    let mut world = world(
        Topics::default(),
        TIMED,
        protobuf_profile(),
        World::config(),
    );
    world
        .wait(sec(1))
        .ignore_dials()
        .cut(Cut::Rst)
        .wait(sec(30));
    let accepted = world.unix_ms();
    let number = world.try_send().unwrap();
    world.wait(sec(300)).accept_dials().settle();
    assert_eq!(
        world.arrivals().time_of(number),
        Some(Timestamp::Device(accepted))
    );
}

#[test]
fn a_message_whose_schema_has_no_time_gets_that_of_its_arrival() {
    let mut profile = protobuf_profile();
    profile.telemetry_proto = Some("message Reading { optional int64 n = 2; }".to_owned());
    let config = World::config().payload_format(PLAIN);
    let mut world = World::on_profile(config, profile, 7);
    let message = |number: u64| Telemetry::protobuf([0x10, number as u8]);
    let number = world.wait(sec(1)).send_made(message).unwrap();
    world.settle();
    let time = world.arrivals().time_of(number);
    assert!(matches!(time, Some(Timestamp::Server(_))), "{time:?}");
}

#[test]
fn without_a_wall_clock_a_message_stays_without_a_time_and_is_counted() {
    let now = Instant::from_micros(0);
    let config = World::config()
        .payload_format(TIMED)
        .wall_clock_wait(sec(10));
    let mut client = client(config);
    let message = Telemetry::protobuf(*b"\x12\0");
    assert!(client.send_telemetry(now, message).is_ok());
    client.handle_timeout(now + sec(10));
    let _ = client.disconnect(now + sec(10), now + sec(10));
    client.handle_timeout(now + sec(10));
    let mut unstamped = 0;
    let mut given_back = None;
    while let Some(event) = client.poll_event() {
        match event {
            Event::Unstamped { messages } => unstamped += messages,
            Event::Completed {
                completion: Completion::Delivery(Err(undelivered)),
                ..
            } => given_back = Some(undelivered.payload),
            _ => {}
        }
    }
    assert_eq!(
        (unstamped, given_back.as_deref()),
        (1, Some(&b"\x12\0"[..]))
    );
}

#[test]
fn the_limits_of_the_server_are_told_on_any_topics_in_any_format() {
    for (name, topics, format, profile) in ways() {
        let mut world = world(topics, format, profile, World::config());
        world.wait(sec(2));
        let told = world.device().notices().find_map(|event| match event {
            Event::LimitsTold {
                max_packet_size, ..
            } => *max_packet_size,
            _ => None,
        });
        assert_eq!(told, Some(65_536), "{name}");
    }
}

#[test]
fn protobuf_attributes_go_one_by_one_in_their_order() {
    let mut world = world(
        Topics::default(),
        PLAIN,
        protobuf_profile(),
        World::config(),
    );
    world.wait(sec(1));
    let before = world.device().wire().publishes;
    for _ in 0..10 {
        world.send_attribute(0).send_attribute(1);
    }
    world.settle();
    assert_eq!(world.device().wire().publishes - before, 20);
    assert_eq!(world.arrivals().attributes()["a0"], 19);
    assert_eq!(world.arrivals().attributes()["a1"], 20);
}

#[test]
fn a_custom_subscription_cannot_be_ended_and_what_it_brings_is_dropped() {
    for version in [V5, V3_1_1] {
        let config = World::config().version(VersionPolicy::Only(version));
        let mut world = world(
            lab_topics(),
            PayloadFormat::Json,
            lab(json_profile()),
            config,
        );
        world
            .follow_attributes()
            .wait(sec(1))
            .set_shared(0)
            .wait(sec(1));
        assert_eq!(world.device().shared("s0"), Some(1));
        world
            .unfollow_attributes()
            .wait(sec(1))
            .set_shared(0)
            .wait(sec(1));
        assert_eq!(world.device().shared("s0"), Some(1), "nobody wants it");
        world
            .follow_attributes()
            .wait(sec(1))
            .set_shared(0)
            .wait(sec(1));
        assert_eq!(world.device().shared("s0"), Some(3));
        world.settle();
        assert_eq!(world.device().stats().connects, 1);
    }
}

#[test]
fn a_device_that_speaks_the_wrong_format_is_told_so() {
    let config = World::config().version(VersionPolicy::Only(V5));
    let mut world = World::on_profile(config, protobuf_profile(), 7);
    world
        .wait(sec(2))
        .send(2)
        .request_attributes(sec(20))
        .wait(sec(5));
    let ledger = world.device().ledger();
    for position in 0..2 {
        assert!(
            matches!(
                ledger.ending(position),
                Some(Ending::Undelivered(UndeliveredCause::Rejected(
                    Rejection::Reason(_)
                )))
            ),
            "{:?}",
            ledger.ending(position)
        );
    }
    assert!(matches!(
        ledger.ending(2),
        Some(Ending::Failed(RequestError::Rejected(_)))
    ));
    assert_eq!(world.device().stats().connects, 1);
}

fn client(config: Config) -> Client {
    Client::new(config, Instant::from_micros(0), 1).unwrap()
}

#[test]
fn what_is_in_the_other_format_is_refused_and_comes_back() {
    let now = Instant::from_micros(0);
    let mut json = client(World::config());
    let mut protobuf = client(World::config().payload_format(PLAIN));
    let reading = Telemetry::new(&json!({ "t": 1 }));
    let refused = protobuf.send_telemetry(now, reading.clone()).unwrap_err();
    let expected = RefusedReason::Payload(InvalidPayload::JsonOnProtobuf);
    assert_eq!(
        (&*refused.item, refused.reason),
        (&reading.into(), expected.clone())
    );
    let attributes = Attributes::json("{\"a\":1}");
    let refused = protobuf
        .send_attributes(now, attributes.clone())
        .unwrap_err();
    assert_eq!(
        (&*refused.item, refused.reason),
        (&attributes.into(), expected)
    );

    let message = Telemetry::protobuf(*b"\x08\x01").qos(QoS::AtMostOnce);
    let refused = json.send_telemetry(now, message.clone()).unwrap_err();
    let expected = RefusedReason::Payload(InvalidPayload::ProtobufOnJson);
    assert_eq!(
        (&*refused.item, refused.reason),
        (&message.into(), expected.clone())
    );
    let attributes = Attributes::protobuf(*b"\x08\x01");
    let refused = json.send_attributes(now, attributes.clone()).unwrap_err();
    assert_eq!(
        (&*refused.item, refused.reason),
        (&attributes.into(), expected)
    );
    assert_eq!((json.stats().accepted, protobuf.stats().accepted), (0, 0));
}

#[test]
fn a_refused_reply_in_the_other_format_leaves_the_call_open() {
    let mut world = World::new(1);
    world.serve_calls().answering(Answering::WhenTold);
    world.wait(sec(1)).call_device().wait(sec(1));
    let refused = world.answer_with(RpcReply::protobuf(*b"\x08\x01"));
    assert_eq!(
        refused,
        Err(RefusedReason::Payload(InvalidPayload::ProtobufOnJson))
    );
    assert_eq!(world.device().unanswered_calls(), 1);
    world.answer_calls().wait(ms(500));
    assert!(world.results()[0].ok);
    world.settle();
}

#[test]
fn a_configuration_that_contradicts_itself_is_refused() {
    let refused = |config: Config| config.check().unwrap_err();
    let config = World::config;
    let same = Topics::default().telemetry("lab").attributes("lab");
    assert_eq!(
        refused(config().topics(same)),
        InvalidConfig::Topics(InvalidTopics::Same)
    );
    let two_formats = Topics::new(TopicFamily::V2Explicit).telemetry("lab");
    assert_eq!(
        refused(config().topics(two_formats)),
        InvalidConfig::Topics(InvalidTopics::ExplicitFormat)
    );
    for number in [0, 19_500, 1 << 29] {
        let format = PayloadFormat::Protobuf {
            ts_field: Some(number),
        };
        let invalid = refused(config().payload_format(format));
        assert_eq!(invalid, InvalidConfig::TsField(InvalidTsField { number }));
    }
    let endpoint = "mqtt://server".parse().unwrap();
    let nobody = Config::new(endpoint, Credentials::token(""));
    assert!(matches!(refused(nobody), InvalidConfig::Credentials(_)));
}
