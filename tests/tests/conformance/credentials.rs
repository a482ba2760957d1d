//! C-001 to C-009, C-026 and C-027: who may connect.

use serde_json::{Value, json};
use tb_tests::sim::{ClientCertificate, Stored};

use crate::wire::{self, Connect, Version, connack};
use crate::world::{TOKEN, World};

/// The server refuses with these codes and closes; on MQTT 5 a DISCONNECT of the same code follows.
#[track_caller]
fn expect_refused(mut world: World, connect: &Connect, version: Version, v3: u8, v5: u8) {
    let peer = world.dial(&connect.bytes());
    let code = version.code(v3, v5);
    let mut answer = vec![connack(version, false, code)];
    if version.is_v5() {
        answer.push(wire::disconnect(code));
    }
    world.expect_closed(peer, &answer);
}

#[track_caller]
fn expect_accepted(mut world: World, connect: &Connect, version: Version) {
    let peer = world.dial(&connect.bytes());
    world.expect(peer, &[connack(version, false, 0)]);
    world.expect_alive(peer);
}

fn basic(credentials: Value) -> World {
    World::with(json!({"devices": [{"name": "dev1", "basic": credentials}]}))
}

#[test]
fn c_001_a_valid_token_is_accepted_on_every_version() {
    for version in Version::ALL {
        expect_accepted(World::new(), &Connect::token(version, TOKEN), version);
    }
}

#[test]
fn c_002_with_a_valid_token_password_and_client_id_do_not_matter() {
    for version in Version::BOTH {
        let connect = Connect::token(version, TOKEN);
        expect_accepted(World::new(), &connect.clone().password("whatever"), version);
        expect_accepted(World::new(), &connect.client_id(&"c".repeat(300)), version);
    }
}

#[test]
fn c_003_an_unknown_user_name_is_refused() {
    for version in Version::ALL {
        let connect = Connect::token(version, "NO_SUCH_TOKEN");
        expect_refused(World::new(), &connect, version, 0x05, 0x86);
        expect_refused(World::new(), &connect.password("pw"), version, 0x05, 0x86);
    }
}

#[test]
fn c_004_an_unknown_client_id_alone_is_refused() {
    for version in Version::BOTH {
        let connect = Connect::new(version).client_id("nobody");
        expect_refused(World::new(), &connect, version, 0x02, 0x85);
    }
}

#[test]
fn c_005_nothing_at_all_is_refused() {
    for version in Version::BOTH {
        expect_refused(World::new(), &Connect::new(version), version, 0x05, 0x87);
    }
}

#[test]
fn c_006_mqtt_3_1_takes_client_ids_of_1_to_23_characters() {
    let connect = Connect::token(Version::V31, TOKEN);
    expect_accepted(
        World::new(),
        &connect.clone().client_id(&"a".repeat(23)),
        Version::V31,
    );
    for client_id in [String::new(), "a".repeat(24)] {
        let mut world = World::new();
        let peer = world.dial(&connect.clone().client_id(&client_id).bytes());
        world.expect_closed(peer, &[]);
    }
}

#[test]
fn c_007_an_unknown_protocol_level_or_name_is_closed_without_connack() {
    let level_6 = b"\x10\x18\0\x04MQTT\x06\x82\0\x3c\0\0\0\x0aDEV1_TOKEN".as_slice();
    let name = b"\x10\x18\0\x04MQTX\x04\x82\0\x3c\0\0\0\x0aDEV1_TOKEN".as_slice();
    let reserved_flag = b"\x10\x18\0\x04MQTT\x04\x83\0\x3c\0\0\0\x0aDEV1_TOKEN".as_slice();
    let five_byte_length = b"\x10\xff\xff\xff\xff\x01".as_slice();
    let not_mqtt = b"GET /api/v1/T/telemetry HTTP/1.1\r\nHost: localhost:1883\r\nAccept: application/json\r\n\r\n"
        .as_slice();
    for bytes in [level_6, name, reserved_flag, five_byte_length, not_mqtt] {
        let mut world = World::new();
        let peer = world.dial(bytes);
        world.expect_closed(peer, &[]);
    }
}

#[test]
fn c_008_a_wrong_basic_password_is_final() {
    for version in Version::BOTH {
        let both = || {
            World::with(json!({"devices": [
                {"name": "dev1", "basic": {"clientId": "c", "userName": "u", "password": "p"}},
                {"name": "dev2", "token": "u"},
            ]}))
        };
        let connect = Connect::token(version, "u").client_id("c");
        expect_accepted(both(), &connect.clone().password("p"), version);
        expect_refused(
            both(),
            &connect.clone().password("bad"),
            version,
            0x05,
            0x86,
        );
        expect_refused(both(), &connect, version, 0x05, 0x86);
        // Another client identifier is no match, and the user name counts as a token again.
        expect_accepted(
            both(),
            &Connect::token(version, "u").client_id("other"),
            version,
        );
    }
}

#[test]
fn c_009_a_client_id_alone_can_authenticate_but_not_beside_a_user_name() {
    for version in Version::BOTH {
        let world = || basic(json!({"clientId": "only"}));
        let connect = Connect::new(version).client_id("only");
        expect_accepted(world(), &connect, version);
        expect_accepted(world(), &connect.clone().password("zzz"), version);
        expect_refused(world(), &connect.user_name("someone"), version, 0x05, 0x86);
    }
}

#[test]
fn c_026_an_unknown_certificate_is_refused_even_with_a_valid_token() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.simulator.open(
            world.now,
            Some(ClientCertificate::new("unknown certificate")),
        );
        world.send(peer, &Connect::token(version, TOKEN).bytes());
        let code = version.code(0x05, 0x87);
        let mut answer = vec![connack(version, false, code)];
        if version.is_v5() {
            answer.push(wire::disconnect(code));
        }
        world.expect_closed(peer, &answer);
    }
}

#[test]
fn c_027_a_known_certificate_makes_user_name_and_password_irrelevant() {
    for version in Version::BOTH {
        let mut world =
            World::with(json!({"devices": [{"name": "dev1", "x509": "certificate of dev1"}]}));
        let peer = world.simulator.open(
            world.now,
            Some(ClientCertificate::new("certificate of dev1")),
        );
        world.send(
            peer,
            &Connect::token(version, "nonsense").password("x").bytes(),
        );
        world.expect(peer, &[connack(version, false, 0)]);
    }
}

#[test]
fn c_028_a_certificate_below_that_of_a_profile_gives_its_device_a_name() {
    for version in Version::BOTH {
        let mut world = World::with(json!({
            "devices": [
                {"name": "old", "token": "OLD", "profile": "pumps"},
                {"name": "valve", "token": "VALVE", "profile": "valves"},
            ],
            "provision_profiles": [{
                "strategy": "x509 certificate chain", "key": "CA of pumps", "secret": "",
                "profile": "pumps", "common_name_pattern": "^(.+)\\.pumps$", "creates_devices": true,
            }],
        }));
        let shown = |text: &str, common_name: &str| {
            let leaf = ClientCertificate::new(text).common_name(common_name);
            leaf.issued_by("CA of a site").issued_by("CA of pumps")
        };
        // Whose readings these are that come under this certificate.
        let mut device_of = |certificate: ClientCertificate| {
            let peer = world.simulator.open(world.now, Some(certificate));
            world.send(peer, &Connect::token(version, "nobody").bytes());
            let reading = wire::publish(version, "v1/devices/me/telemetry", 0, r#"{"k":1}"#);
            let stored = world.simulator.stored().len();
            world.send(peer, &reading);
            world.pass_ms(1_000);
            world.simulator.stored()[stored..]
                .iter()
                .find_map(|fact| match fact {
                    Stored::Telemetry { device, .. } => Some(device.clone()),
                    _ => None,
                })
        };
        let device = |name: &str| Some(name.to_owned());
        assert_eq!(
            device_of(shown("new", "new.pumps")),
            device("new"),
            "created"
        );
        assert_eq!(device_of(shown("old", "old.pumps")), device("old"), "found");
        let renewed = shown("new, renewed", "new.pumps");
        assert_eq!(
            device_of(renewed),
            device("new"),
            "its certificate is replaced"
        );
        let before = ClientCertificate::new("new");
        assert_eq!(
            device_of(before),
            None,
            "the one before it is worth nothing any more"
        );
        let known = ClientCertificate::new("new, renewed");
        assert_eq!(
            device_of(known),
            device("new"),
            "what is known needs no chain"
        );
        assert_eq!(
            device_of(shown("another", "new.valves")),
            None,
            "no name is found"
        );
        assert_eq!(
            device_of(shown("another", "valve.pumps")),
            None,
            "of another profile"
        );
    }
}

#[test]
fn c_028_no_device_is_created_where_the_profile_does_not_allow_it() {
    for version in Version::BOTH {
        let mut world = World::with(json!({
            "provision_profiles": [{
                "strategy": "x509 certificate chain", "key": "CA", "secret": "",
                "common_name_pattern": "(.*)",
            }],
        }));
        let certificate = ClientCertificate::new("leaf").common_name("new");
        let peer = world
            .simulator
            .open(world.now, Some(certificate.issued_by("CA")));
        world.send(peer, &Connect::token(version, "nobody").bytes());
        let code = version.code(0x05, 0x87);
        let mut answer = vec![connack(version, false, code)];
        if version.is_v5() {
            answer.push(wire::disconnect(code));
        }
        world.expect_closed(peer, &answer);
    }
}
