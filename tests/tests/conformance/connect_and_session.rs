//! C-010 to C-025: what a session is, and how it ends.

use serde_json::json;

use crate::wire::{self, Connect, Version, connack, puback, publish, suback, subscribe};
use crate::world::{TOKEN, World};

const ATTRIBUTES: &str = "v1/devices/me/attributes";
const TELEMETRY: &str = "v1/devices/me/telemetry";

#[test]
fn c_010_session_present_is_the_opposite_of_clean_although_nothing_is_kept() {
    for version in Version::ALL {
        let mut world = World::new();
        let peer = world.dial(&Connect::token(version, TOKEN).keeping_the_session().bytes());
        world.expect(peer, &[connack(version, true, 0)]);
    }
}

#[test]
fn c_011_subscriptions_are_gone_after_a_reconnect_without_clean_start() {
    for version in Version::BOTH {
        let mut world = World::new();
        let connect = Connect::token(version, TOKEN).keeping_the_session().bytes();
        let peer = world.dial(&connect);
        world.send(peer, &subscribe(version, 1, &[(ATTRIBUTES, 1)]));
        world.expect(peer, &[connack(version, true, 0), suback(version, 1, &[1])]);
        world.client_closes(peer);

        let peer = world.dial(&connect);
        world.expect(peer, &[connack(version, true, 0)]);
        world.control(json!({"do": "set_shared", "device": "dev1", "values": {"a": 1}}));
        world.expect_nothing(peer);
    }
}

#[test]
fn c_012_a_will_is_never_published() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.dial(
            &Connect::token(version, TOKEN)
                .will(TELEMETRY, "{\"a\":1}")
                .bytes(),
        );
        world.expect(peer, &[connack(version, false, 0)]);
        world.client_closes(peer);
        world.pass_ms(60_000);
        assert_eq!(world.telemetry(), [""; 0]);
    }
}

#[test]
fn c_013_silence_beyond_the_keep_alive_does_not_close() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.dial(&Connect::token(version, TOKEN).keep_alive(1).bytes());
        world.expect(peer, &[connack(version, false, 0)]);
        world.pass_ms(300_000);
        world.expect_alive(peer);
    }
}

#[test]
fn c_014_a_ping_is_answered_and_is_activity() {
    for version in Version::BOTH {
        let mut world = World::with(json!({"server": {"inactivity_timeout_ms": 10_000}}));
        let peer = world.connected(version);
        for _ in 0..5 {
            world.pass_ms(8_000);
            world.expect_alive(peer);
        }
    }
}

#[test]
fn c_015_packets_behind_connect_are_processed_after_connack_in_order() {
    for version in Version::BOTH {
        let mut world = World::new();
        world.control(json!({"do": "service_delay", "delay_ms": 50}));
        let together = [
            Connect::token(version, TOKEN).bytes(),
            publish(version, TELEMETRY, 5, "{\"p\":1}"),
            subscribe(version, 6, &[(ATTRIBUTES, 1)]),
            wire::PINGREQ.to_vec(),
        ];
        let peer = world.dial(&together.concat());
        assert_eq!(world.take(peer), [0; 0]);
        world.expect(
            peer,
            &[
                connack(version, false, 0),
                puback(5),
                suback(version, 6, &[1]),
                wire::PINGRESP.to_vec(),
            ],
        );
        assert_eq!(world.telemetry(), ["p LONG 1"]);
    }
}

#[test]
fn c_016_the_packet_after_a_hundred_waiting_ones_closes() {
    for version in Version::BOTH {
        let mut world = World::new();
        world.control(json!({"do": "service_delay", "delay_ms": 50}));
        let peer = world.dial(&Connect::token(version, TOKEN).bytes());
        world.send(peer, &wire::PINGREQ.repeat(100));
        let hundred = vec![wire::PINGRESP.to_vec(); 100];
        world.expect(peer, &[vec![connack(version, false, 0)], hundred].concat());

        let peer = world.dial(&Connect::token(version, TOKEN).bytes());
        world.send(peer, &wire::PINGREQ.repeat(101));
        world.expect_end(peer, version, 0x97);

        let never_greeted = world.dial(&wire::PINGREQ.repeat(101));
        world.expect_closed(never_greeted, &[]);
    }
}

#[test]
fn c_017_a_second_connection_of_a_device_closes_the_first() {
    for version in Version::BOTH {
        let mut world = World::new();
        let older = world.connected(version);
        let newer = world.connected(version);
        world.expect_end(older, version, 0x8E);
        world.expect_alive(newer);
    }
}

#[test]
fn c_018_changed_credentials_close_the_session() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        world.control(json!({"do": "set_credentials", "device": "dev1", "token": "NEW_TOKEN"}));
        world.expect_end(peer, version, 0x98);
        world.connected_as(version, "NEW_TOKEN");
        let old = world.dial(&Connect::token(version, TOKEN).bytes());
        world.pass_ms(1);
        assert!(world.is_closed(old));
    }
}

#[test]
fn c_019_deleting_the_device_closes_its_session() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        world.control(json!({"do": "delete_device", "device": "dev1"}));
        world.expect_end(peer, version, 0x98);
    }
}

#[test]
fn c_020_a_session_without_activity_is_closed() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        world.pass_ms(599_000);
        assert!(!world.is_closed(peer));
        world.pass_ms(5_000);
        world.expect_end(peer, version, 0x83);
    }
}

#[test]
fn c_021_a_disconnect_is_echoed_on_mqtt_5_and_closes_on_both() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        world.send(peer, &[0xE0, 0]);
        let echo = if version.is_v5() {
            vec![vec![0xE0, 0]]
        } else {
            vec![]
        };
        world.expect_closed(peer, &echo);
    }
}

#[test]
fn c_022_a_device_of_another_transport_is_refused_as_if_the_server_were_unavailable() {
    for version in Version::BOTH {
        let mut world = World::with(json!({
            "devices": [{"name": "dev1", "token": TOKEN, "profile": "meters"}],
            "profiles": [{"name": "meters", "transport": "LWM2M"}],
        }));
        let peer = world.dial(&Connect::token(version, TOKEN).bytes());
        let mut answer = vec![connack(version, false, version.code(0x03, 0x88))];
        if version.is_v5() {
            answer.push(wire::disconnect(0x89));
        }
        world.expect_closed(peer, &answer);
    }
}

#[test]
fn c_023_connect_over_the_message_limit_is_refused() {
    for version in Version::BOTH {
        let mut world =
            World::with(json!({"tenant_limits": {"transportDeviceMsgRateLimit": "1:3600"}}));
        let peer = world.connected(version);
        world.client_closes(peer);
        let peer = world.dial(&Connect::token(version, TOKEN).bytes());
        let mut answer = vec![connack(version, false, version.code(0x03, 0x9F))];
        if version.is_v5() {
            answer.push(wire::disconnect(0x96));
        }
        world.expect_closed(peer, &answer);
    }
}

#[test]
fn c_024_connack_of_mqtt_5_carries_no_properties() {
    let mut world = World::new();
    let peer = world.dial(&Connect::token(Version::V5, TOKEN).bytes());
    world.expect(peer, &[vec![0x20, 3, 0, 0, 0]]);
}

#[test]
fn c_025_a_second_connect_on_a_connection_is_answered_again() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        world.send(peer, &Connect::token(version, TOKEN).bytes());
        world.expect(peer, &[connack(version, false, 0)]);
        world.expect_alive(peer);

        world.send(peer, &Connect::token(version, "NO_SUCH_TOKEN").bytes());
        let mut answer = vec![connack(version, false, version.code(0x05, 0x86))];
        if version.is_v5() {
            answer.push(wire::disconnect(0x86));
        }
        world.expect_closed(peer, &answer);
    }
}

/// Observed trap 10: the credential check of a dead connection still opens a session.
#[test]
fn a_connection_that_dies_while_it_is_checked_throws_out_its_successor() {
    for version in Version::BOTH {
        let mut world = World::new();
        world.control(json!({"do": "service_delay", "delay_ms": 400}));
        let dead = world.dial(&Connect::token(version, TOKEN).bytes());
        world.pass_ms(50);
        world.client_closes(dead);
        world.control(json!({"do": "service_delay", "off": true}));
        let successor = world.connected(version);
        world.pass_ms(200);
        world.expect_end(successor, version, 0x8E);
        assert_eq!(world.take(dead), [0; 0]);
    }
}
