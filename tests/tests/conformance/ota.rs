//! C-116 to C-124: firmware and software packages.

use serde_json::{Value, json};
use tb_tests::sim::{ChecksumAlgorithm, ConnectionId, UpdateKind};

use crate::wire::{
    PINGREQ, Version, disconnect, puback, puback_with, publish, publish_with_id, suback, subscribe,
};
use crate::world::World;

const ATTRIBUTES: &str = "v1/devices/me/attributes";
const TELEMETRY: &str = "v1/devices/me/telemetry";
const ERROR: &str = "v2/fw/error";

/// Byte i of the package `pump`.
fn pump(range: core::ops::Range<u32>) -> Vec<u8> {
    range.map(|i| (31 * i + 7) as u8).collect()
}

/// With the packages `pump` of 1000 bytes and `panel`, and nothing assigned.
fn packages() -> World {
    World::with(json!({
        "devices": [
            {"name": "dev1", "token": "DEV1_TOKEN"},
            {"name": "dev2", "token": "DEV2_TOKEN"},
        ],
        "packages": {"pump": {"length": 1000}, "panel": {"text": "<panel>"}},
    }))
}

fn set_fw(package: &str) -> Value {
    json!({"do": "set_fw", "device": "dev1", "package": package, "title": package, "version": "1.4"})
}

fn set_sw(package: &str) -> Value {
    json!({"do": "set_sw", "device": "dev1", "package": package, "title": package, "version": "2"})
}

/// A session of `dev1`, which has the firmware `pump`.
fn assigned(version: Version) -> (World, ConnectionId) {
    let mut world = packages();
    world.control(set_fw("pump"));
    let peer = world.connected(version);
    (world, peer)
}

/// A chunk is requested and comes after the PUBACK of its request.
#[track_caller]
fn expect_chunk(
    world: &mut World,
    peer: ConnectionId,
    version: Version,
    topic: &str,
    size: &str,
    (downlink, chunk): (u16, &[u8]),
) {
    world.send(peer, &publish(version, topic, 5, size));
    let response = topic.replace("/request/", "/response/");
    let chunk = publish_with_id(version, &response, Some(downlink), chunk);
    world.expect(peer, &[puback(5), chunk]);
}

#[track_caller]
fn expect_refused(world: &mut World, peer: ConnectionId, version: Version, text: &str) {
    let error = publish(version, ERROR, 1, text);
    if version.is_v5() {
        world.expect_closed(peer, &[error, disconnect(0x83)]);
    } else {
        world.expect_closed(peer, &[error]);
    }
}

#[test]
fn c_116_a_chunk_is_its_share_of_the_package_and_follows_the_puback() {
    for version in Version::BOTH {
        let (mut world, peer) = assigned(version);
        world.control(set_sw("panel"));
        for (downlink, number, bytes) in [
            (1, 0, pump(0..300)),
            (2, 3, pump(900..1000)),
            (3, 1, pump(300..600)),
        ] {
            let topic = format!("v2/fw/request/7/chunk/{number}");
            expect_chunk(&mut world, peer, version, &topic, "300", (downlink, &bytes));
        }
        let topic = "v2/sw/request/8/chunk/1";
        expect_chunk(&mut world, peer, version, topic, "4", (4, b"el>"));
        // QoS 0 is answered, too, and a subscription gives the chunk its QoS.
        world.send(
            peer,
            &subscribe(version, 3, &[("v2/fw/response/+/chunk/+", 0)]),
        );
        world.expect(peer, &[suback(version, 3, &[0])]);
        world.send(peer, &publish(version, "v2/fw/request/7/chunk/2", 0, "300"));
        let chunk = publish_with_id(version, "v2/fw/response/7/chunk/2", None, &pump(600..900));
        world.expect(peer, &[chunk]);
    }
}

#[test]
fn c_117_an_empty_payload_asks_for_the_size_of_before() {
    for version in Version::BOTH {
        let (mut world, peer) = assigned(version);
        let topic = "v2/fw/request/1/chunk/0";
        expect_chunk(&mut world, peer, version, topic, "400", (1, &pump(0..400)));
        for (downlink, size) in [(2, ""), (3, "0"), (4, "-5")] {
            let topic = "v2/fw/request/1/chunk/1";
            let chunk = (downlink, &pump(400..800)[..]);
            expect_chunk(&mut world, peer, version, topic, size, chunk);
        }
        // The size belongs to the identifier.
        let topic = "v2/fw/request/2/chunk/1";
        expect_chunk(&mut world, peer, version, topic, "", (5, &pump(0..1000)));
    }
}

#[test]
fn c_118_without_a_size_the_whole_package_comes_whatever_the_chunk() {
    for version in Version::BOTH {
        for size in ["", "0", "-1"] {
            let (mut world, peer) = assigned(version);
            let topic = "v2/fw/request/1/chunk/3";
            expect_chunk(&mut world, peer, version, topic, size, (1, &pump(0..1000)));
        }
    }
}

#[test]
fn c_119_behind_the_end_there_are_empty_chunks() {
    for version in Version::BOTH {
        let (mut world, peer) = assigned(version);
        for (downlink, number) in [(1, 2), (2, 3), (3, i32::MAX)] {
            let topic = format!("v2/fw/request/1/chunk/{number}");
            expect_chunk(&mut world, peer, version, &topic, "500", (downlink, b""));
        }
    }
}

#[test]
fn c_120_a_size_or_chunk_that_is_no_number_is_class_u() {
    for version in Version::BOTH {
        for (topic, size) in [
            ("v2/fw/request/1/chunk/0", "many"),
            ("v2/fw/request/1/chunk/0", " 5"),
            ("v2/fw/request/1/chunk/0", "2147483648"),
            ("v2/fw/request/1/chunk/2147483648", "300"),
        ] {
            let (mut world, peer) = assigned(version);
            world.send(peer, &publish(version, topic, 5, size));
            world.expect_class_u(peer, version);
        }
        // No digits at all make it another topic.
        let (mut world, peer) = assigned(version);
        for topic in ["v2/fw/request/a/chunk/0", "v2/fw/request/1/chunk/-1"] {
            world.send(peer, &publish(version, topic, 5, "300"));
            let answer = if version.is_v5() {
                puback_with(5, 0x90)
            } else {
                puback(5)
            };
            world.expect(peer, &[answer]);
        }
    }
}

#[test]
fn c_121_a_size_over_the_packet_limit_is_too_large_although_larger_packets_are_sent() {
    for version in Version::BOTH {
        let (mut world, peer) = assigned(version);
        let topic = "v2/fw/request/1/chunk/0";
        expect_chunk(
            &mut world,
            peer,
            version,
            topic,
            "65536",
            (1, &pump(0..1000)),
        );
        let (mut world, peer) = assigned(version);
        world.send(peer, &publish(version, topic, 5, "65537"));
        expect_refused(&mut world, peer, version, "PAYLOAD_TOO_LARGE");
    }
}

#[test]
fn c_122_without_a_package_the_error_comes_on_the_firmware_topic() {
    for version in Version::BOTH {
        for topic in ["v2/fw/request/1/chunk/0", "v2/sw/request/1/chunk/0"] {
            let mut world = packages();
            let peer = world.connected(version);
            let filters = [("v2/fw/error", 1), ("v2/sw/error", 1)];
            world.send(peer, &subscribe(version, 3, &filters));
            world.expect(peer, &[suback(version, 3, &[1, 1])]);
            world.send(peer, &publish(version, topic, 5, "300"));
            expect_refused(&mut world, peer, version, "NOT_FOUND");
        }
        // A package at a URL cannot be fetched in chunks.
        let mut world = packages();
        let mut at_url = set_fw("pump");
        at_url["url"] = json!("http://example.invalid/pump");
        world.control(at_url);
        let peer = world.connected(version);
        world.send(peer, &publish(version, "v2/fw/request/1/chunk/0", 5, "300"));
        expect_refused(&mut world, peer, version, "FAILURE");
    }
}

#[test]
fn c_123_an_identifier_serves_its_first_package_for_ever() {
    for version in Version::BOTH {
        let (mut world, peer) = assigned(version);
        let firmware = "v2/fw/request/1/chunk/0";
        expect_chunk(&mut world, peer, version, firmware, "9", (1, &pump(0..9)));
        world.control(set_fw("panel"));
        expect_chunk(&mut world, peer, version, firmware, "9", (2, &pump(0..9)));
        let software = "v2/sw/request/1/chunk/0";
        expect_chunk(&mut world, peer, version, software, "9", (3, &pump(0..9)));
        let fresh = "v2/fw/request/2/chunk/0";
        expect_chunk(&mut world, peer, version, fresh, "9", (4, b"<panel>"));
    }
}

#[test]
fn c_124_an_assignment_pushes_a_deletion_and_the_new_attributes() {
    for version in Version::BOTH {
        let mut world = packages();
        let peer = world.subscribed(version, ATTRIBUTES, 1);
        let push = |id, text: &str| publish(version, ATTRIBUTES, id, text);

        let crc32 = ChecksumAlgorithm::Crc32.checksum(&pump(0..1000));
        let mut assignment = set_fw("pump");
        assignment["checksum_algorithm"] = json!("CRC32");
        world.control(assignment.clone());
        let announced = format!(
            r#"{{"fw_checksum":"{crc32}","fw_checksum_algorithm":"CRC32","fw_size":1000,"fw_title":"pump","fw_version":"1.4"}}"#
        );
        let deleted = r#"{"deleted":["fw_tag","fw_url"]}"#;
        world.expect(peer, &[push(1, deleted), push(2, &announced)]);
        // Once more is no change.
        world.control(assignment);
        world.expect_nothing(peer);

        // What nobody entered of a package at a URL is deleted.
        world.control(json!({
            "do": "set_sw", "device": "dev1", "title": "panel", "version": "2", "tag": "t",
            "url": "http://example.invalid", "size": 7,
        }));
        let deleted = r#"{"deleted":["sw_checksum_algorithm","sw_checksum"]}"#;
        let announced = r#"{"sw_size":7,"sw_tag":"t","sw_title":"panel","sw_url":"http://example.invalid","sw_version":"2"}"#;
        world.expect(peer, &[push(3, deleted), push(4, announced)]);

        world.control(json!({"do": "set_fw", "device": "dev1"}));
        let deleted = r#"{"deleted":["fw_title","fw_version","fw_ts","fw_state","fw_size","fw_checksum","fw_checksum_algorithm","fw_url","fw_tag"]}"#;
        world.expect(peer, &[push(5, deleted)]);
        world.send(
            peer,
            &publish(
                version,
                "v1/devices/me/attributes/request/1",
                0,
                "{\"sharedKeys\":\"fw_title,fw_size,sw_title\"}",
            ),
        );
        world.expect(
            peer,
            &[publish(
                version,
                "v1/devices/me/attributes/response/1",
                6,
                "{\"shared\":{\"sw_title\":\"panel\"}}",
            )],
        );
    }
}

#[test]
fn the_deletion_of_an_assignment_may_come_late() {
    let mut world = packages();
    world.simulator.faults_mut().late_ota_deletion = true;
    let peer = world.subscribed(Version::V5, ATTRIBUTES, 0);
    world.control(set_sw("panel"));
    world.pass_ms(50);
    let pushes = String::from_utf8_lossy(&world.take(peer)).into_owned();
    assert!(pushes.find("sw_version") < pushes.find("deleted"));
}

#[test]
fn a_package_of_the_profile_is_for_the_devices_without_one_of_their_own() {
    let mut world = packages();
    world.control(set_fw("panel"));
    world.control(json!({
        "do": "set_fw", "profile": "default", "package": "pump", "title": "all", "version": "1",
    }));
    let one = world.connected(Version::V5);
    let two = world.connected_as(Version::V5, "DEV2_TOKEN");
    let topic = "v2/fw/request/1/chunk/0";
    expect_chunk(&mut world, one, Version::V5, topic, "9", (1, b"<panel>"));
    expect_chunk(&mut world, two, Version::V5, topic, "9", (1, &pump(0..9)));
    // Without its own it gets that of the profile.
    world.control(json!({"do": "set_fw", "device": "dev1"}));
    let topic = "v2/fw/request/2/chunk/0";
    expect_chunk(&mut world, one, Version::V5, topic, "9", (2, &pump(0..9)));
    let reports = world.simulator.update_reports().iter();
    let initiated: Vec<_> = reports
        .filter(|report| report.state.as_deref() == Some("INITIATED"))
        .map(|report| (report.device.as_str(), report.title.as_deref().unwrap()))
        .collect();
    assert_eq!(
        initiated,
        [("dev1", "panel"), ("dev2", "all"), ("dev1", "all")]
    );
}

#[test]
fn an_evicted_package_gives_empty_chunks_until_a_new_identifier_asks() {
    for version in Version::BOTH {
        let (mut world, peer) = assigned(version);
        let topic = "v2/fw/request/1/chunk/0";
        expect_chunk(&mut world, peer, version, topic, "9", (1, &pump(0..9)));
        world.control(json!({"do": "evict_packages"}));
        expect_chunk(&mut world, peer, version, topic, "9", (2, b""));
        let fresh = "v2/fw/request/2/chunk/0";
        expect_chunk(&mut world, peer, version, fresh, "9", (3, &pump(0..9)));
    }
}

#[test]
fn chunk_requests_are_not_activity_and_pings_keep_the_session() {
    let (mut world, peer) = assigned(Version::V5);
    let request = publish(Version::V5, "v2/fw/request/1/chunk/0", 0, "9");
    for _ in 0..9 {
        world.pass_ms(60_000);
        world.send(peer, &request);
    }
    world.send(peer, &PINGREQ);
    for _ in 0..9 {
        world.pass_ms(60_000);
        world.send(peer, &request);
    }
    assert!(!world.is_closed(peer));
    world.take(peer);
    world.pass_ms(64_000);
    world.expect_end(peer, Version::V5, 0x83);
}

#[test]
fn the_first_request_of_an_identifier_waits_for_the_look_up() {
    let (mut world, peer) = assigned(Version::V5);
    world.control(json!({"do": "service_delay", "delay_ms": 500}));
    let topic = "v2/fw/request/1/chunk/0";
    world.send(peer, &publish(Version::V5, topic, 5, "9"));
    world.expect_nothing(peer);
    world.pass_ms(500);
    let chunk = publish_with_id(
        Version::V5,
        "v2/fw/response/1/chunk/0",
        Some(1),
        &pump(0..9),
    );
    world.expect(peer, &[puback(5), chunk]);
    expect_chunk(&mut world, peer, Version::V5, topic, "9", (2, &pump(0..9)));
}

#[test]
fn reports_of_updates_are_recorded_beside_the_telemetry_that_carried_them() {
    let (mut world, peer) = assigned(Version::V311);
    for (id, text) in [
        (
            1,
            r#"{"current_fw_title":"pump","current_fw_version":"1.3","fw_state":"DOWNLOADING"}"#,
        ),
        (2, r#"{"fw_state":"FAILED","fw_error":"checksum mismatch"}"#),
        (3, r#"{"temperature":5}"#),
        (4, r#"{"sw_state":"UPDATED"}"#),
    ] {
        world.send(peer, &publish(Version::V311, TELEMETRY, id, text));
        world.expect(peer, &[puback(id)]);
    }
    let reports: Vec<_> = (world.simulator.update_reports().iter())
        .map(|report| {
            let text = |part: &Option<String>| part.clone().unwrap_or_default();
            let (title, version) = (text(&report.title), text(&report.version));
            let (state, error) = (text(&report.state), text(&report.error));
            (report.kind, format!("{title} {version} {state} {error}"))
        })
        .collect();
    let firmware = |text: &str| (UpdateKind::Firmware, text.to_owned());
    assert_eq!(
        reports,
        [
            firmware("pump 1.4 QUEUED "),
            firmware("pump 1.4 INITIATED "),
            firmware("pump 1.3 DOWNLOADING "),
            firmware("  FAILED checksum mismatch"),
            (UpdateKind::Software, "  UPDATED ".to_owned()),
        ]
    );
    assert_eq!(world.telemetry().len(), 7);
}
