//! Whatever bytes a client sends, however they are cut, the simulator stays a machine.

use proptest::prelude::*;
use serde_json::json;
use tb_tests::sim::{Assignment, Control, Output, Setup, Simulator, Time};

use crate::wire::{Connect, PINGREQ, Version, packet, publish_with_id, subscribe, unsubscribe};
use crate::world::TOKEN;

/// Packets that make sense on their own.
fn sensible() -> impl Strategy<Value = Vec<u8>> {
    let topic = prop_oneof![
        Just("v1/devices/me/telemetry"),
        Just("v1/devices/me/attributes"),
        Just("v1/devices/me/attributes/request/1"),
        Just("v1/devices/me/rpc/request/1"),
        Just("v1/devices/me/rpc/response/0"),
        Just("v1/devices/me/claim"),
        Just("v2/fw/request/1/chunk/0"),
        Just("v2/sw/request/1/chunk/1"),
        Just("v2/r/req/p/1"),
        Just("v2/t/p"),
        Just("/provision/request"),
        Just("v1/gateway/connect"),
        Just("v1/gateway/telemetry"),
        Just("v1/gateway/attributes"),
        Just("v1/gateway/attributes/request"),
        Just("v1/gateway/rpc"),
        Just("v1/gateway/claim"),
        Just("some/topic"),
    ];
    let payload = prop_oneof![
        Just("{\"a\":1}".to_owned()),
        Just("{\"method\":\"slow\",\"params\":{\"delayMs\":5}}".to_owned()),
        Just("[]".to_owned()),
        Just("{\"provisionDeviceKey\":\"K\",\"provisionDeviceSecret\":\"S\"}".to_owned()),
        Just("{\"device\":\"c\",\"id\":1,\"client\":true,\"key\":\"k\",\"data\":1}".to_owned()),
        Just("{\"c\":[{\"a\":1}],\"d\":{\"a\":1}}".to_owned()),
        Just("300".to_owned()),
        "[\\[\\]{}\":,0-9eE.+\\-a-z'#/*\\\\ \u{e9}]{0,24}",
    ];
    let payload = prop_oneof![
        3 => payload.prop_map(String::into_bytes),
        1 => protobuf(3),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop_oneof![
        8 => (topic, 0_u16..4, payload)
            .prop_map(|(topic, id, payload)| {
                publish_with_id(Version::V5, topic, (id != 0).then_some(id), &payload)
            }),
        1 => Just(subscribe(Version::V5, 1, &[("v1/devices/me/rpc/request/+", 1), ("#", 0)])),
        1 => Just(unsubscribe(Version::V5, 2, &["v1/devices/me/rpc/request/+", "a[b"])),
        1 => Just(PINGREQ.to_vec()),
        1 => Just(Connect::token(Version::V5, TOKEN).bytes()),
        1 => Just(Connect::token(Version::V5, "GATEWAY").bytes()),
        1 => Just(Connect::token(Version::V5, "provision").bytes()),
    ]
}

/// Messages within messages, so many deep.
fn protobuf(depth: u32) -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        (1_u8..8, any::<u8>()).prop_map(|(field, value)| vec![field << 3, value & 0x7F]),
        (1_u8..8, "[a-z{}\"]{0,4}").prop_map(|(field, text)| [
            &[field << 3 | 2, text.len() as u8],
            text.as_bytes()
        ]
        .concat()),
    ];
    leaf.prop_recursive(depth, 12, 3, |inner| {
        (1_u8..8, prop::collection::vec(inner, 0..3)).prop_map(|(field, parts)| {
            let message = parts.concat();
            [&[field << 3 | 2, message.len() as u8 & 0x7F], &message[..]].concat()
        })
    })
}

/// A device on JSON, a gateway on protobuf, packages for both, and a key for new ones.
fn setup() -> Setup {
    serde_json::from_value(json!({
        "devices": [
            {"name": "dev1", "token": TOKEN},
            {"name": "gw", "token": "GATEWAY", "gateway": true, "profile": "proto"},
        ],
        "profiles": [{"name": "proto", "transport": "MQTT", "payload": "PROTOBUF",
            "telemetry_proto": "message M { M inner = 1; repeated M list = 2; map<string, M> map = 3; \
                sint64 number = 4; oneof x { string text = 5; M other = 6; } E e = 7; enum E { A = 0; } }"}],
        "packages": {"pump": {"length": 1000}},
        "provision_profiles":
            [{"strategy": "allow create new devices", "key": "K", "secret": "S"}],
    }))
    .unwrap()
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => sensible(),
        1 => (any::<u8>(), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(first, body)| packet(first, &body)),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

/// What comes out when these bytes go in behind a CONNECT, cut at these places.
fn outcome(bytes: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut simulator = Simulator::new(setup());
    for device in ["dev1", "gw"] {
        let assignment = Assignment::of_package(device, "pump", "pump", "1");
        simulator.control(Time(0), Control::SetFw(assignment));
    }
    let peer = simulator.open(Time(0), None);
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.push(0);
    cuts.push(bytes.len());
    cuts.sort_unstable();
    for chunk in cuts.windows(2) {
        simulator.handle_input(Time(0), peer, &bytes[chunk[0]..chunk[1]]);
    }
    let mut received = Vec::new();
    let mut closed = false;
    loop {
        while let Some(output) = simulator.poll_output() {
            assert!(!closed, "output after the close");
            match output {
                Output::Send { bytes, .. } => received.extend(bytes),
                Output::Close { .. } => closed = true,
            }
        }
        match simulator
            .poll_timeout()
            .filter(|&due| due < Time::from_millis(100_000))
        {
            Some(due) => simulator.handle_timeout(due),
            None => return received,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_make_it_panic_and_no_cut_changes_its_answer(
        packets in prop::collection::vec(anything(), 0..20),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let mut bytes = Connect::token(Version::V5, TOKEN).bytes();
        bytes.extend(packets.concat());
        prop_assert_eq!(outcome(&bytes, &[]), outcome(&bytes, &cuts));
    }
}
