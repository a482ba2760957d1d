//! Whatever bytes a client sends, however they are cut, the simulator stays a machine.

use proptest::prelude::*;
use tb_tests::sim::{Output, Setup, Simulator, Time};

use crate::wire::{Connect, PINGREQ, Version, packet, publish, subscribe, unsubscribe};
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
        Just("v2/r/req/p/1"),
        Just("some/topic"),
    ];
    let payload = prop_oneof![
        Just("{\"a\":1}".to_owned()),
        Just("{\"method\":\"slow\",\"params\":{\"delayMs\":5}}".to_owned()),
        Just("[]".to_owned()),
        "[\\[\\]{}\":,0-9eE.+\\-a-z'#/*\\\\ \u{e9}]{0,24}",
    ];
    prop_oneof![
        8 => (topic, 0_u16..4, payload)
            .prop_map(|(topic, id, payload)| publish(Version::V5, topic, id, &payload)),
        1 => Just(subscribe(Version::V5, 1, &[("v1/devices/me/rpc/request/+", 1), ("#", 0)])),
        1 => Just(unsubscribe(Version::V5, 2, &["v1/devices/me/rpc/request/+", "a[b"])),
        1 => Just(PINGREQ.to_vec()),
        1 => Just(Connect::token(Version::V5, TOKEN).bytes()),
    ]
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
    let mut simulator = Simulator::new(Setup::one_device(TOKEN));
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
