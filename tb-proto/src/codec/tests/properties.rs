//! The properties of MQTT 5, against the table in section 2.2.2.2 of its specification.

use super::*;
use Malformed::*;
use ProtocolVersion::V5;

/// Packets that carry properties to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    SubAck,
    UnsubAck,
    Disconnect,
    Auth,
}

use Carrier::*;

const CARRIERS: [Carrier; 8] = [
    ConnAck, Publish, PubAck, PubRec, SubAck, UnsubAck, Disconnect, Auth,
];

/// Each property that a server can send: its identifier, a value, and what it can be in. Topic Alias
/// is missing, because a client that allows none gets none.
const TABLE: [(u8, &str, &[Carrier]); 24] = [
    (0x01, "01", &[Publish]),
    (0x02, "00000000", &[Publish]),
    (0x03, "00026162", &[Publish]),
    (0x08, "00026162", &[Publish]),
    (0x09, "0002ff00", &[Publish]),
    (0x0B, "8001", &[Publish]),
    (0x11, "ffffffff", &[ConnAck]),
    (0x12, "00026162", &[ConnAck]),
    (0x13, "0000", &[ConnAck]),
    (0x15, "00026162", &[ConnAck, Auth]),
    (0x16, "0002ff00", &[ConnAck, Auth]),
    (0x1A, "00026162", &[ConnAck]),
    (0x1C, "00026162", &[ConnAck, Disconnect]),
    (
        0x1F,
        "00026162",
        &[ConnAck, PubAck, PubRec, SubAck, UnsubAck, Disconnect, Auth],
    ),
    (0x21, "0001", &[ConnAck]),
    (0x22, "0000", &[ConnAck]),
    (0x24, "00", &[ConnAck]),
    (0x25, "01", &[ConnAck]),
    (0x26, "00026162 00026162", &CARRIERS),
    (0x27, "00000001", &[ConnAck]),
    (0x28, "00", &[ConnAck]),
    (0x29, "01", &[ConnAck]),
    (0x2A, "00", &[ConnAck]),
    // Of CONNECT and its will alone: Request Problem Information.
    (0x17, "01", &[]),
];

/// What comes of a packet with these properties.
fn read(carrier: Carrier, properties: &[u8]) -> Result<(), Malformed> {
    let (first, before, after) = match carrier {
        ConnAck => (0x20, "0000", ""),
        Publish => (0x30, "000161", "ffff"),
        PubAck => (0x40, "000180", ""),
        PubRec => (0x50, "000180", ""),
        SubAck => (0x90, "0001", "00"),
        UnsubAck => (0xB0, "0001", "00"),
        Disconnect => (0xE0, "80", ""),
        Auth => (0xF0, "18", ""),
    };
    let len = u8::try_from(properties.len()).expect("few properties");
    let body = [&hex(before)[..], &[len], properties, &hex(after)].concat();
    let mut bytes = alloc::vec![first, u8::try_from(body.len()).expect("a short packet")];
    bytes.extend(body);
    let (packets, end) = receive(V5, 1 << 20, [&bytes[..]]);
    match end {
        Some(why) => Err(why),
        None => {
            assert_eq!(packets.len(), 1, "{bytes:02x?}");
            Ok(())
        }
    }
}

fn property(id: u8, value: &str) -> Vec<u8> {
    [&[id], &hex(value)[..]].concat()
}

#[test]
fn a_packet_takes_its_own_properties_and_no_others() {
    for (id, value, carriers) in TABLE {
        for carrier in CARRIERS {
            let expected = if carriers.contains(&carrier) {
                Ok(())
            } else {
                Err(Property(id))
            };
            let outcome = read(carrier, &property(id, value));
            assert_eq!(outcome, expected, "{id:#04x} in {carrier:?}");
        }
    }
}

#[test]
fn an_identifier_that_does_not_exist_is_malformed_in_every_packet() {
    for id in (0..=u8::MAX).filter(|id| *id != 0x23 && TABLE.iter().all(|row| row.0 != *id)) {
        for carrier in CARRIERS {
            let outcome = read(carrier, &property(id, "00000000"));
            assert_eq!(outcome, Err(Property(id)), "{carrier:?}");
        }
    }
}

#[test]
fn a_property_comes_once_unless_it_is_a_list() {
    for (id, value, carriers) in TABLE {
        for &carrier in carriers {
            let expected = match id {
                0x0B | 0x26 => Ok(()),
                _ => Err(RepeatedProperty(id)),
            };
            let outcome = read(carrier, &property(id, value).repeat(2));
            assert_eq!(outcome, expected, "{id:#04x} in {carrier:?}");
        }
    }
}

#[test]
fn a_property_is_complete_inside_the_properties() {
    for (id, value, carriers) in TABLE {
        for &carrier in carriers {
            let whole = property(id, value);
            for len in 1..whole.len() {
                let outcome = read(carrier, &whole[..len]);
                assert_eq!(
                    outcome,
                    Err(CutShort),
                    "{id:#04x} cut to {len} in {carrier:?}"
                );
            }
        }
    }
}

#[test]
fn a_property_has_a_value_that_it_can_have() {
    for (id, value, why) in [
        (0x01, "02", PropertyValue(0x01)),
        (0x03, "0001ff", Text),
        (0x03, "000100", Text),
        (0x08, "0000", PropertyValue(0x08)),
        (0x0B, "00", PropertyValue(0x0B)),
        (0x0B, "8000", VariableByteInteger),
        (0x0B, "ffffffff01", VariableByteInteger),
        (0x26, "0001ff 0000", Text),
        (0x26, "0000 0001ff", Text),
    ] {
        assert_eq!(read(Publish, &property(id, value)), Err(why), "{id:#04x}");
    }
    for (id, value, why) in [
        (0x12, "000100", Text),
        (0x15, "0001ff", Text),
        (0x21, "0000", PropertyValue(0x21)),
        (0x24, "02", PropertyValue(0x24)),
        (0x25, "02", PropertyValue(0x25)),
        (0x27, "00000000", PropertyValue(0x27)),
        (0x28, "ff", PropertyValue(0x28)),
        (0x29, "02", PropertyValue(0x29)),
        (0x2A, "02", PropertyValue(0x2A)),
    ] {
        assert_eq!(read(ConnAck, &property(id, value)), Err(why), "{id:#04x}");
    }
}
