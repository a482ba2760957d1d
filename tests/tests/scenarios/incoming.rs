//! What the server sends, at its worst.

use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{Cause, Event, UndeliveredCause, VersionPolicy};
use tb_tests::network::{Cut, Pieces};
use tb_tests::sim::{Control, Time};
use tb_tests::world::{Answering, Ending, World};

use crate::{ms, sec};

fn long_value(length: usize) -> Control {
    let mut values = serde_json::Map::new();
    values.insert("long".into(), "x".repeat(length).into());
    Control::SetShared {
        device: "dev1".into(),
        values,
    }
}

#[test]
fn an_attribute_that_is_too_large_is_skipped_and_reported_and_the_connection_lasts() {
    for pieces in [Pieces::Whole, Pieces::OneByte, Pieces::UpTo(50)] {
        let config = World::config().max_incoming_packet_size(1_024);
        let mut world = World::with(config, 1);
        world.follow_attributes().wait(sec(1)).pieces(pieces);
        world
            .control(long_value(5_000))
            .wait(sec(1))
            .set_shared(0)
            .wait(sec(1));
        let told = world.device().notices().find_map(|event| match event {
            Event::IncomingTooLarge { topic, size } => Some((topic.as_deref(), *size)),
            _ => None,
        });
        let (topic, size) = told.expect("it is reported");
        assert_eq!(topic, Some("v1/devices/me/attributes"));
        assert!(size > 5_000);
        assert_eq!(
            world.device().shared("s0"),
            Some(1),
            "and the next one arrives"
        );
        assert!(world.device().stats().buffered_bytes < 4_096);
        assert_eq!(world.device().stats().connects, 1);
        world.settle();
    }
}

#[test]
fn a_call_that_comes_again_is_given_once_and_answered_once() {
    let mut world = World::speaking(V5, 1);
    world
        .serve_calls()
        .answering(Answering::WhenTold)
        .wait(sec(1))
        .call_device()
        .wait(sec(1));
    // The server sends what is unanswered again at every SUBSCRIBE; the world fails if the
    // application gets it twice.
    world.cut(Cut::Rst).wait(sec(5)).cut(Cut::Rst).wait(sec(5));
    assert_eq!(world.device().unanswered_calls(), 1);
    assert_eq!(world.device().stats().repeated_calls, 2);
    world.answer_calls().wait(sec(1));
    assert!(world.results()[0].ok);
    world.settle();
}

#[test]
fn the_answer_to_a_call_that_got_lost_is_sent_again() {
    let mut world = World::speaking(V5, 1);
    world.serve_calls().wait(sec(1)).call_device();
    // The call arrives after 32 ms, the answer is lost on its way back.
    world.wait(ms(40)).cut(Cut::Rst).wait(sec(5));
    assert!(world.results()[0].ok, "{:?}", world.results());
    world.settle();
}

#[test]
fn a_call_that_was_answered_and_comes_again_gets_the_same_answer_again() {
    let config = World::config().version(VersionPolicy::Only(V5));
    let mut world = World::scripted(config, 1);
    world.serve_calls().expect(1);
    world.reply(&[0x20, 3, 0, 0, 0]).wait(sec(1));
    let topic = b"v1/devices/me/rpc/request/7";
    let payload = br#"{"method":"m","params":{"s":1}}"#;
    let mut call = vec![
        0x30,
        (2 + topic.len() + 1 + payload.len()) as u8,
        0,
        topic.len() as u8,
    ];
    call.extend_from_slice(topic);
    call.push(0);
    call.extend_from_slice(payload);
    let mut answers = Vec::new();
    for _ in 0..3 {
        world.reply(&call);
        let answer = world.expect(3);
        let [high, low] = answer.identifier().to_be_bytes();
        world.reply(&[0x40, 2, high, low]).wait(sec(1));
        assert_eq!(answer.topic(), "v1/devices/me/rpc/response/7");
        answers.push(answer.ends_with(r#"{"method":"m"}"#));
    }
    assert_eq!(answers, [true; 3]);
    let device = world.device();
    assert_eq!(
        (
            device.stats().repeated_calls,
            device.ledger().tickets().count()
        ),
        (2, 1)
    );
}

#[test]
fn a_call_with_another_body_under_the_same_number_is_another_call() {
    let mut world = World::speaking(V5, 1);
    world.serve_calls().wait(sec(1));
    for serial in [1, 2] {
        world.control(Control::Rpc {
            call: format!("{serial}"),
            device: "dev1".into(),
            method: "m".into(),
            params: Some(serde_json::json!({ "s": serial })),
            raw_params: None,
            oneway: false,
            timeout_ms: None,
            persisted: false,
            request_id: Some(5),
        });
        world.wait(sec(1));
    }
    assert!(
        world.results().iter().all(|result| result.ok),
        "{:?}",
        world.results()
    );
    assert_eq!(world.results().len(), 2);
    world.settle();
}

#[test]
fn calls_that_waited_at_the_server_come_with_the_first_subscription() {
    let mut world = World::speaking(V5, 1);
    world.serve_calls().call_device().call_device().wait(sec(2));
    assert_eq!(world.results().iter().filter(|result| result.ok).count(), 2);
    world.settle();
}

#[test]
fn more_calls_than_may_be_open_are_answered_with_an_error_and_counted() {
    let mut world = World::small(V5, 2);
    world
        .serve_calls()
        .answering(Answering::WhenTold)
        .wait(sec(1));
    for _ in 0..12 {
        world.call_device();
    }
    world.wait(sec(1));
    let refused = |event: &&Event| matches!(event, Event::RpcRefused { .. });
    assert_eq!(world.device().notices().filter(refused).count(), 4);
    assert_eq!(world.device().unanswered_calls(), 8);
    assert_eq!(
        world.results().len(),
        4,
        "whoever is refused does not wait for a time-out"
    );
    world.settle();
}

#[test]
fn a_flood_of_topics_that_mean_nothing_is_ignored_within_the_limits() {
    let config = World::config()
        .version(VersionPolicy::Only(V5))
        .max_incoming_packet_size(70_000);
    let mut world = World::scripted(config, 1);
    world.expect(1);
    world.reply(&[0x20, 3, 0, 0, 0]).wait(sec(1));
    let topic = "t".repeat(60_000);
    let length = 2 + topic.len() + 1;
    let mut packet = vec![
        0x30,
        (length % 128) as u8 | 0x80,
        (length / 128 % 128) as u8 | 0x80,
    ];
    packet.push((length / 16_384) as u8);
    packet.extend_from_slice(&(topic.len() as u16).to_be_bytes());
    packet.extend_from_slice(topic.as_bytes());
    packet.push(0);
    for _ in 0..100 {
        world.reply(&packet);
    }
    world.wait(sec(1));
    let longest = world.device().notices().filter_map(|event| match event {
        Event::IncomingIgnored { topic } => Some(topic.len()),
        _ => None,
    });
    assert!(
        longest.max().is_some_and(|length| length <= 1_024),
        "a report is not a copy"
    );
    assert_eq!(world.device().stats().connects, 1);
}

#[test]
fn a_server_that_sends_and_never_reads_is_left() {
    let config = World::config().version(VersionPolicy::Only(V5));
    let mut world = World::scripted(config, 1);
    world.expect(1);
    world
        .reply(&[0x20, 3, 0, 0, 0])
        .wait(sec(1))
        .stall(sec(1_000));
    // QoS 1 messages without end: each wants an acknowledgement.
    let message = [0x32, 6, 0, 1, b't', 0, 1, 0];
    for _ in 0..200 {
        world.reply(&message.repeat(500)).wait(ms(10));
    }
    let left = |event: &Event| {
        matches!(
            event,
            Event::Disconnected {
                cause: Cause::Stalled,
                ..
            }
        )
    };
    assert!(world.device().notices().any(left));
}

#[test]
fn calls_that_an_application_forgot_make_room_after_ten_minutes() {
    let mut world = World::small(V5, 2);
    world
        .serve_calls()
        .answering(Answering::WhenTold)
        .wait(sec(1));
    for _ in 0..8 {
        world.call_device();
    }
    world.wait(sec(60)).call_device().wait(sec(1));
    assert_eq!(
        world.device().unanswered_calls(),
        8,
        "they are remembered for a while"
    );
    world
        .answering(Answering::AtOnce)
        .wait(sec(600))
        .call_device()
        .wait(sec(1));
    let reply = world
        .results()
        .last()
        .and_then(|result| result.reply_text.clone());
    assert_eq!(
        reply.as_deref(),
        Some(r#"{"method":"m"}"#),
        "the device is not deaf"
    );
    assert_eq!(world.device().stats().connects, 1);
    world.settle();
}

/// A reply that makes the server hang up is sent again like any other: for half a minute, and no
/// more.
#[test]
fn a_reply_that_ends_connections_is_given_up_after_half_a_minute() {
    let config = World::config().version(VersionPolicy::Only(V3_1_1));
    let mut world = World::scripted(config, 1);
    let topic = b"v1/devices/me/rpc/request/7";
    let payload = br#"{"method":"m","params":{"s":1}}"#;
    let mut call = vec![
        0x30,
        (2 + topic.len() + payload.len()) as u8,
        0,
        topic.len() as u8,
    ];
    call.extend_from_slice(topic);
    call.extend_from_slice(payload);
    world.serve_calls();
    let mut called = false;
    while world.now() < Time::from_millis(300_000) {
        let Some(packet) = world.receive(sec(1)) else {
            continue;
        };
        match packet.kind() {
            1 => {
                world.reply(&[0x20, 2, 0, 0]);
                if !called {
                    called = true;
                    world.reply(&call);
                }
            }
            3 => {
                world.hang_up();
            }
            _ => {}
        }
    }
    let expired = Ending::Undelivered(UndeliveredCause::Expired);
    assert_eq!(world.device().ledger().ending(0), Some(&expired));
    assert!(
        world.device().stats().connects < 20,
        "{:?}",
        world.device().stats()
    );
}
