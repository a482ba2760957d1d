//! C-106 to C-115: provisioning sessions.

use serde_json::json;
use tb_tests::sim::{ConnectionId, Stored};

use crate::wire::{
    self, Connect, Version, connack, puback, puback_with, publish, suback, subscribe,
};
use crate::world::World;

const REQUEST: &str = "/provision/request";
const RESPONSE: &str = "/provision/response";

const NOT_FOUND: &str = r#"{"errorMsg":"Provision data was not found!","status":"NOT_FOUND"}"#;
const FAILURE: &str = r#"{"errorMsg":"Failed to provision device!","status":"FAILURE"}"#;

/// A world with two provisioning keys and a session that is for provisioning.
fn provisioning(version: Version) -> (World, ConnectionId) {
    let mut world = World::with(json!({
        "devices": [
            {"name": "dev1", "token": "DEV1_TOKEN"},
            {"name": "predev", "token": "PRE_TOKEN", "profile": "preprov"},
        ],
        "provision_profiles": [
            {"strategy": "allow create new devices", "key": "K", "secret": "S"},
            {"strategy": "check pre-provisioned devices", "key": "PK", "secret": "PS",
             "profile": "preprov"},
            {"strategy": "disabled", "key": "DK", "secret": "DS"},
            {"strategy": "x509 certificate chain", "key": "XK", "secret": "XS"},
        ],
    }));
    let peer = world.dial(&Connect::new(version).user_name("provision").bytes());
    world.expect(peer, &[connack(version, false, 0)]);
    (world, peer)
}

/// The request at QoS 0 is answered with this, and the downlink with this identifier.
#[track_caller]
fn expect_answer(
    world: &mut World,
    peer: ConnectionId,
    version: Version,
    downlink: u16,
    request: &str,
    answer: &str,
) {
    world.send(peer, &publish(version, REQUEST, 0, request));
    world.expect(peer, &[publish(version, RESPONSE, downlink, answer)]);
}

#[test]
fn c_106_user_name_or_client_id_provision_needs_no_credentials() {
    for version in Version::ALL {
        for connect in [
            Connect::new(version).user_name("provision"),
            Connect::new(version).client_id("provision"),
        ] {
            let mut world = World::new();
            let peer = world.dial(&connect.bytes());
            world.expect(peer, &[connack(version, false, 0)]);
            world.expect_alive(peer);
        }
    }
}

#[test]
fn c_107_a_provision_session_subscribes_to_the_response_only() {
    for version in Version::BOTH {
        let (mut world, peer) = provisioning(version);
        let refused = version.code(0x80, 0x8F);
        let filters = [(RESPONSE, 2), ("v1/devices/me/attributes", 1), ("#", 0)];
        world.send(peer, &subscribe(version, 3, &filters));
        world.expect(peer, &[suback(version, 3, &[1, refused, refused])]);
    }
}

#[test]
fn c_108_a_provision_session_that_publishes_elsewhere_is_closed() {
    for version in Version::BOTH {
        for topic in ["v1/devices/me/telemetry", "/provision"] {
            let (mut world, peer) = provisioning(version);
            world.send(peer, &publish(version, topic, 7, "{\"a\":1}"));
            if version.is_v5() {
                world.expect_closed(peer, &[puback_with(7, 0x90), wire::disconnect(0x90)]);
            } else {
                world.expect_closed(peer, &[puback(7)]);
            }
        }
    }
}

#[test]
fn c_109_success_returns_the_credentials_and_they_work() {
    for version in Version::BOTH {
        let (mut world, peer) = provisioning(version);
        expect_answer(
            &mut world,
            peer,
            version,
            1,
            r#"{"provisionDeviceKey":"K","provisionDeviceSecret":"S","deviceName":" pump ","credentialsType":"ACCESS_TOKEN","token":"T7"}"#,
            r#"{"credentialsValue":"T7","credentialsType":"ACCESS_TOKEN","status":"SUCCESS"}"#,
        );
        world.connected_as(version, "T7");
        expect_answer(
            &mut world,
            peer,
            version,
            2,
            r#"{"provisionDeviceKey":"K","provisionDeviceSecret":"S","deviceName":"b","credentialsType":"MQTT_BASIC","username":"u7","password":"p7"}"#,
            r#"{"credentialsValue":{"clientId":"","userName":"u7","password":"p7"},"credentialsType":"MQTT_BASIC","status":"SUCCESS"}"#,
        );
        let basic = world.dial(&Connect::new(version).user_name("u7").password("p7").bytes());
        world.expect(basic, &[connack(version, false, 0)]);
        expect_answer(
            &mut world,
            peer,
            version,
            3,
            r#"{"provisionDeviceKey":"K","provisionDeviceSecret":"S","deviceName":"x","credentialsType":"X509_CERTIFICATE","hash":"MIIB"}"#,
            r#"{"credentialsValue":"MIIB","credentialsType":"X509_CERTIFICATE","status":"SUCCESS"}"#,
        );
    }
}

#[test]
fn c_110_an_unknown_key_or_a_wrong_secret_is_not_found() {
    for version in Version::BOTH {
        let (mut world, peer) = provisioning(version);
        for (downlink, key, secret) in [(1, "bad", "S"), (2, "K", "bad"), (3, "", "")] {
            let request =
                format!(r#"{{"provisionDeviceKey":"{key}","provisionDeviceSecret":"{secret}"}}"#);
            expect_answer(&mut world, peer, version, downlink, &request, NOT_FOUND);
        }
    }
}

#[test]
fn c_111_a_missing_or_null_member_is_class_g() {
    for version in Version::BOTH {
        for request in [
            "{}",
            r#"{"provisionDeviceKey":"K"}"#,
            r#"{"provisionDeviceSecret":"S"}"#,
            r#"{"provisionDeviceKey":"K","provisionDeviceSecret":null}"#,
            r#"{"provisionDeviceKey":"K","provisionDeviceSecret":"S","token":null}"#,
            r#"{"provisionDeviceKey":"K","provisionDeviceSecret":"S","credentialsType":"FOO"}"#,
        ] {
            let (mut world, peer) = provisioning(version);
            world.send(peer, &publish(version, REQUEST, 7, request));
            if version.is_v5() {
                world.expect_closed(peer, &[puback_with(7, 0x83), wire::disconnect(0x83)]);
            } else {
                world.expect_closed(peer, &[puback(7)]);
            }
        }
    }
}

#[test]
fn c_112_the_response_needs_no_subscribe_and_the_session_ends_a_minute_later() {
    for version in Version::BOTH {
        let (mut world, peer) = provisioning(version);
        let request = r#"{"provisionDeviceKey":"K","provisionDeviceSecret":"bad"}"#;
        expect_answer(&mut world, peer, version, 1, request, NOT_FOUND);
        world.pass_ms(59_000);
        world.expect_alive(peer);
        world.pass_ms(1_000);
        world.expect_closed(peer, &[]);
    }
}

#[test]
fn c_113_several_requests_on_one_session_are_served() {
    for version in Version::BOTH {
        let (mut world, peer) = provisioning(version);
        for (downlink, name) in [(1, "p1"), (2, "p2")] {
            let request = format!(
                r#"{{"provisionDeviceKey":"K","provisionDeviceSecret":"S","deviceName":"{name}","token":"{name}"}}"#
            );
            let answer = format!(
                r#"{{"credentialsValue":"{name}","credentialsType":"ACCESS_TOKEN","status":"SUCCESS"}}"#
            );
            expect_answer(&mut world, peer, version, downlink, &request, &answer);
        }
    }
}

#[test]
fn c_114_a_name_or_token_that_is_taken_is_a_failure() {
    for version in Version::BOTH {
        let (mut world, peer) = provisioning(version);
        for (downlink, more) in [
            (1, r#""deviceName":"dev1""#),
            (2, r#""deviceName":"new","token":"DEV1_TOKEN""#),
            (3, r#""deviceName":"   ""#),
        ] {
            let request =
                format!(r#"{{"provisionDeviceKey":"K","provisionDeviceSecret":"S",{more}}}"#);
            expect_answer(&mut world, peer, version, downlink, &request, FAILURE);
        }
    }
}

#[test]
fn c_115_a_pre_provisioned_device_is_provisioned_once() {
    for version in Version::BOTH {
        let (mut world, peer) = provisioning(version);
        let request = |name: &str| {
            format!(
                r#"{{"provisionDeviceKey":"PK","provisionDeviceSecret":"PS","deviceName":"{name}"}}"#
            )
        };
        let success = r#"{"credentialsValue":"PRE_TOKEN","credentialsType":"ACCESS_TOKEN","status":"SUCCESS"}"#;
        expect_answer(&mut world, peer, version, 1, &request("predev"), success);
        expect_answer(&mut world, peer, version, 2, &request("predev"), FAILURE);
        expect_answer(&mut world, peer, version, 3, &request("nobody"), FAILURE);
        expect_answer(&mut world, peer, version, 4, &request("dev1"), FAILURE);
    }
}

#[test]
fn a_disabled_strategy_is_not_found() {
    for version in Version::BOTH {
        let (mut world, peer) = provisioning(version);
        let request = r#"{"provisionDeviceKey":"DK","provisionDeviceSecret":"DS"}"#;
        expect_answer(&mut world, peer, version, 1, request, NOT_FOUND);
    }
}

#[test]
fn a_service_that_does_not_answer_is_class_g() {
    for version in Version::BOTH {
        let request = |key: &str, secret: &str| {
            let text = format!(
                r#"{{"provisionDeviceKey":"{key}","provisionDeviceSecret":"{secret}","token":"T9"}}"#
            );
            publish(version, REQUEST, 7, &text)
        };
        let end = |world: &mut World, peer| {
            if version.is_v5() {
                world.expect_closed(peer, &[puback_with(7, 0x83), wire::disconnect(0x83)]);
            } else {
                world.expect_closed(peer, &[puback(7)]);
            }
        };
        // The strategy for certificates throws, and the transport waits for ten seconds.
        let (mut world, peer) = provisioning(version);
        world.send(peer, &request("XK", "XS"));
        world.pass_ms(9_900);
        world.expect_alive(peer);
        end(&mut world, peer);
        let (mut world, peer) = provisioning(version);
        world.control(json!({"do": "service_error"}));
        world.send(peer, &request("K", "S"));
        end(&mut world, peer);
        assert_eq!(world.simulator.stored(), []);
    }
}

#[test]
fn the_puback_comes_with_the_response_of_a_slow_service() {
    let (mut world, peer) = provisioning(Version::V5);
    world.control(json!({"do": "service_delay", "delay_ms": 500}));
    let request = r#"{"provisionDeviceKey":"K","provisionDeviceSecret":"bad"}"#;
    world.send(peer, &publish(Version::V5, REQUEST, 7, request));
    world.expect_nothing(peer);
    world.pass_ms(500);
    let response = publish(Version::V5, RESPONSE, 1, NOT_FOUND);
    world.expect(peer, &[puback(7), response]);
}

#[test]
fn credentials_that_the_server_cannot_store_are_a_failure() {
    let (mut world, peer) = provisioning(Version::V5);
    for (downlink, more) in [
        (1, r#""credentialsType":"MQTT_BASIC""#),
        (
            2,
            r#""credentialsType":"MQTT_BASIC","clientId":"c","password":"p""#,
        ),
        // A lone user name and a token share their names.
        (
            3,
            r#""credentialsType":"MQTT_BASIC","username":"DEV1_TOKEN","password":"p""#,
        ),
        (4, r#""credentialsType":"X509_CERTIFICATE""#),
    ] {
        let request = format!(
            r#"{{"provisionDeviceKey":"K","provisionDeviceSecret":"S","deviceName":"new",{more}}}"#
        );
        expect_answer(&mut world, peer, Version::V5, downlink, &request, FAILURE);
    }
    // The same pair is taken, whatever the password.
    let pair = r#""credentialsType":"MQTT_BASIC","clientId":"c","username":"u","password":"#;
    let request = |name: &str, password: &str| {
        format!(
            r#"{{"provisionDeviceKey":"K","provisionDeviceSecret":"S","deviceName":"{name}",{pair}"{password}"}}"#
        )
    };
    let success = r#"{"credentialsValue":{"clientId":"c","userName":"u","password":"1"},"credentialsType":"MQTT_BASIC","status":"SUCCESS"}"#;
    expect_answer(
        &mut world,
        peer,
        Version::V5,
        5,
        &request("a", "1"),
        success,
    );
    expect_answer(
        &mut world,
        peer,
        Version::V5,
        6,
        &request("b", "2"),
        FAILURE,
    );
}

#[test]
fn a_tenant_that_may_have_no_more_devices_is_a_failure() {
    let mut world = World::with(json!({
        "provision_profiles":
            [{"strategy": "allow create new devices", "key": "K", "secret": "S"}],
        "max_devices": 2,
    }));
    let peer = world.dial(&Connect::new(Version::V5).user_name("provision").bytes());
    world.expect(peer, &[connack(Version::V5, false, 0)]);
    let request = r#"{"provisionDeviceKey":"K","provisionDeviceSecret":"S","token":"T"}"#;
    let success = r#"{"credentialsValue":"T","credentialsType":"ACCESS_TOKEN","status":"SUCCESS"}"#;
    expect_answer(&mut world, peer, Version::V5, 1, request, success);
    let request = r#"{"provisionDeviceKey":"K","provisionDeviceSecret":"S","token":"U"}"#;
    expect_answer(&mut world, peer, Version::V5, 2, request, FAILURE);
}

#[test]
fn a_request_in_protobuf_is_answered_in_protobuf_and_so_are_all_after_it() {
    let (mut world, peer) = provisioning(Version::V5);
    let response = |id, body: &[u8]| wire::publish_with_id(Version::V5, RESPONSE, Some(id), body);
    let send = |world: &mut World, body: &[u8]| {
        let request = wire::publish_with_id(Version::V5, REQUEST, None, body);
        world.send(peer, &request);
    };
    // Device name, key and secret, and a token; `gateway` is set.
    send(
        &mut world,
        b"\x0a\x01p\x1a\x06\x0a\x01K\x12\x01S\x22\x05\x0a\x03\x0a\x01T\x28\x01",
    );
    world.expect(peer, &[response(1, b"\x08\x01\x1a\x01T")]);
    // MQTT_BASIC: the value is JSON text.
    send(
        &mut world,
        b"\x0a\x01q\x10\x02\x1a\x06\x0a\x01K\x12\x01S\x22\x08\x1a\x06\x0a\x01c\x12\x01u",
    );
    let value = r#"{"clientId":"c","userName":"u","password":""}"#;
    let body = [
        b"\x08\x01\x10\x02\x1a",
        &[value.len() as u8][..],
        value.as_bytes(),
    ]
    .concat();
    world.expect(peer, &[response(2, &body)]);
    // Empty is a message, too, and the name of before is taken.
    send(&mut world, b"");
    world.expect(peer, &[response(3, b"\x08\x02")]);
    send(&mut world, b"\x0a\x01p\x1a\x06\x0a\x01K\x12\x01S");
    world.expect(peer, &[response(4, b"\x08\x03")]);
    let json = br#"{"provisionDeviceKey":"K","provisionDeviceSecret":"bad"}"#;
    send(&mut world, json);
    world.expect(peer, &[response(5, b"\x08\x02")]);
    let gateways = world.simulator.stored().iter().filter(|fact| {
        matches!(fact, Stored::Provision { gateway: true, status, .. } if status == "SUCCESS")
    });
    assert_eq!(gateways.count(), 1);
    let certificate = b"\x10\x01\x1a\x06\x0a\x01K\x12\x01S\x22\x06\x12\x04\x0a\x02MI";
    send(&mut world, certificate);
    world.expect(peer, &[response(6, b"\x08\x01\x10\x01\x1a\x02MI")]);
}

#[test]
fn what_is_neither_json_nor_protobuf_is_class_a() {
    for version in Version::BOTH {
        let (mut world, peer) = provisioning(version);
        world.send(peer, &publish(version, REQUEST, 7, "{bad"));
        world.expect_class_a(peer, version, 7);
    }
}
