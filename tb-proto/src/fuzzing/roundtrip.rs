//! What we encode, read by `mqttbytes`, whose readers are not the code that wrote it, and by our own
//! decoder where a server may send the same.

use alloc::vec::Vec;

use bytes::BytesMut;
use mqttbytes::{v4, v5};

use super::input::Input;
use crate::codec::{
    Connect, Decoder, Filter, Incoming, PacketIdentifier, ProtocolVersion, QoS, Topic, encode,
};

/// Bytes that stand in the buffer before a packet is appended: they stay what they are.
const BEFORE: &[u8] = &[0xC0, 0x00, 0xC0];

/// Packets of a client, as many as the bytes describe.
pub fn roundtrip(data: &[u8]) {
    let mut input = Input::new(data);
    for _ in 0..16 {
        if input.rest().is_empty() {
            break;
        }
        let choice = input.byte();
        let version = if choice & 1 == 0 {
            ProtocolVersion::V5
        } else {
            ProtocolVersion::V3_1_1
        };
        match (choice >> 1) % 5 {
            0 | 1 => publish(version, &mut input),
            2 => connect(version, &mut input),
            3 => subscribe(version, &mut input),
            _ => short(version, &mut input),
        }
    }
}

/// A packet as `mqttbytes` reads it; one at a time, so its size costs nothing.
#[expect(clippy::large_enum_variant, reason = "read, compared and dropped")]
enum Read {
    Old(v4::Packet),
    New(v5::Packet),
}

/// Reads back the only packet behind [`BEFORE`].
fn read(version: ProtocolVersion, out: &BytesMut) -> Read {
    let mut packet = BytesMut::from(out.strip_prefix(BEFORE).expect("what was there stays"));
    let most = packet.len();
    let read = match version {
        ProtocolVersion::V3_1_1 => {
            Read::Old(v4::read(&mut packet, most).expect("mqttbytes reads what we write"))
        }
        ProtocolVersion::V5 => {
            Read::New(v5::read(&mut packet, most).expect("mqttbytes reads what we write"))
        }
    };
    assert!(
        packet.is_empty(),
        "{} bytes behind the packet",
        packet.len()
    );
    read
}

fn publish(version: ProtocolVersion, input: &mut Input<'_>) {
    let name = input.text();
    let Ok(topic) = Topic::new(name) else { return };
    let id = PacketIdentifier::new(input.u16());
    let first = input.field();
    // A long payload is a short one many times over.
    let second = input.field().repeat(1 + usize::from(input.byte()));
    let payload = [first, &second].concat();

    let mut out = BytesMut::from(BEFORE);
    let written = encode::publish(version, &topic, id, &[first, &second], &mut out);
    let written = written.expect("far below the longest packet");
    assert_eq!(written, out.len() - BEFORE.len());
    let told = encode::publish_len(version, &topic, id.is_some(), payload.len());
    assert_eq!(told, Some(written));

    let number = id.map_or(0, PacketIdentifier::get);
    let qos = if id.is_some() {
        mqttbytes::QoS::AtLeastOnce
    } else {
        mqttbytes::QoS::AtMostOnce
    };
    match read(version, &out) {
        Read::Old(v4::Packet::Publish(read)) => {
            assert_eq!(
                (read.topic.as_str(), read.pkid, read.qos),
                (name, number, qos)
            );
            assert_eq!(
                (&read.payload[..], read.dup, read.retain),
                (&payload[..], false, false)
            );
        }
        Read::New(v5::Packet::Publish(read)) => {
            assert_eq!(
                (read.topic.as_str(), read.pkid, read.qos),
                (name, number, qos)
            );
            assert_eq!(
                (&read.payload[..], read.dup, read.retain),
                (&payload[..], false, false)
            );
            assert_eq!(read.properties, None);
        }
        _ => panic!("a PUBLISH is read as another packet"),
    }
    match decoded(version, &out) {
        Incoming::Publish(read) => {
            assert_eq!((&*read.topic, read.packet_id), (name, number));
            assert_eq!(read.qos == QoS::AtLeastOnce, id.is_some());
            assert_eq!(
                (&read.payload[..], read.dup, read.retain),
                (&payload[..], false, false)
            );
        }
        other => panic!("a PUBLISH is decoded as {other:?}"),
    }
}

fn connect(version: ProtocolVersion, input: &mut Input<'_>) {
    let choice = input.byte();
    let client_id = input.text();
    let username = (choice & 1 != 0).then(|| input.text());
    let password = (choice & 2 != 0).then(|| input.text());
    let connect = Connect {
        version,
        keep_alive_secs: input.u16(),
        clean_start: choice & 4 == 0,
        client_id,
        username,
        password,
        receive_maximum: (choice & 8 != 0).then(|| input.u16()),
        maximum_packet_size: (choice & 16 != 0).then(|| input.u32()),
    };
    let mut out = BytesMut::from(BEFORE);
    if encode::connect(&connect, &mut out).is_err() {
        assert_eq!(out, BEFORE, "an error leaves nothing behind");
        return;
    }
    let login = (username.unwrap_or_default(), password.unwrap_or_default());
    match read(version, &out) {
        Read::Old(v4::Packet::Connect(read)) => {
            assert_eq!((read.keep_alive, read.clean_session), terms(&connect));
            assert_eq!((read.client_id.as_str(), read.last_will), (client_id, None));
            let read = read.login.unwrap_or_else(|| v4::Login::new("", ""));
            assert_eq!((read.username.as_str(), read.password.as_str()), login);
        }
        Read::New(v5::Packet::Connect(read)) => {
            assert_eq!((read.keep_alive, read.clean_session), terms(&connect));
            assert_eq!((read.client_id.as_str(), read.last_will), (client_id, None));
            let limits = read
                .properties
                .map(|read| (read.receive_maximum, read.max_packet_size));
            assert_eq!(
                limits.unwrap_or_default(),
                (connect.receive_maximum, connect.maximum_packet_size)
            );
            let read = read.login.unwrap_or_else(|| v5::Login::new("", ""));
            assert_eq!((read.username.as_str(), read.password.as_str()), login);
        }
        _ => panic!("a CONNECT is read as another packet"),
    }
}

const fn terms(connect: &Connect<'_>) -> (u16, bool) {
    (connect.keep_alive_secs, connect.clean_start)
}

fn subscribe(version: ProtocolVersion, input: &mut Input<'_>) {
    let id = PacketIdentifier::new(input.u16()).unwrap_or_else(one);
    let count = input.byte() % 8;
    let texts: Vec<&str> = (0..count).map(|_| input.text()).collect();
    let filters: Vec<Filter> = texts
        .iter()
        .filter_map(|text| Filter::new(text).ok())
        .collect();
    let wanted: Vec<(&Filter, QoS)> = filters
        .iter()
        .map(|filter| (filter, QoS::AtLeastOnce))
        .collect();
    let unwanted: Vec<&Filter> = filters.iter().collect();
    let names: Vec<&str> = filters.iter().map(Filter::as_str).collect();

    let mut out = BytesMut::from(BEFORE);
    if encode::subscribe(version, id, &wanted, &mut out).is_err() {
        assert!(filters.is_empty(), "filters that fit are refused");
        assert_eq!(out, BEFORE, "an error leaves nothing behind");
        assert!(encode::unsubscribe(version, id, &unwanted, &mut out).is_err());
        return;
    }
    let (number, read_names): (u16, Vec<_>) = match read(version, &out) {
        Read::Old(v4::Packet::Subscribe(read)) => (
            read.pkid,
            read.filters.into_iter().map(|filter| filter.path).collect(),
        ),
        Read::New(v5::Packet::Subscribe(read)) => (
            read.pkid,
            read.filters.into_iter().map(|filter| filter.path).collect(),
        ),
        _ => panic!("a SUBSCRIBE is read as another packet"),
    };
    assert_eq!(number, id.get());
    assert_eq!(read_names, names);

    let mut out = BytesMut::from(BEFORE);
    encode::unsubscribe(version, id, &unwanted, &mut out).expect("shorter than the SUBSCRIBE");
    if version == ProtocolVersion::V5 {
        // The reader of mqttbytes prints to the standard error here, so the bytes are compared.
        assert!(
            out.ends_with(&unsubscribe_body(id, &names)),
            "an UNSUBSCRIBE with another body"
        );
        return;
    }
    match read(version, &out) {
        Read::Old(v4::Packet::Unsubscribe(read)) => {
            assert_eq!((read.pkid, read.topics), (id.get(), read_names));
        }
        _ => panic!("an UNSUBSCRIBE is read as another packet"),
    }
}

/// What follows the fixed header of an UNSUBSCRIBE of MQTT 5.
fn unsubscribe_body(id: PacketIdentifier, names: &[&str]) -> Vec<u8> {
    let mut body = id.get().to_be_bytes().to_vec();
    body.push(0);
    for name in names {
        body.extend((name.len() as u16).to_be_bytes());
        body.extend(name.as_bytes());
    }
    body
}

fn short(version: ProtocolVersion, input: &mut Input<'_>) {
    let id = PacketIdentifier::new(input.u16()).unwrap_or_else(one);
    let mut out = BytesMut::from(BEFORE);
    encode::puback(version, id, &mut out);
    assert_eq!(decoded(version, &out), Incoming::PubAck { id, reason: 0 });
    let number = match read(version, &out) {
        Read::Old(v4::Packet::PubAck(read)) => read.pkid,
        Read::New(v5::Packet::PubAck(read)) => read.pkid,
        _ => panic!("a PUBACK is read as another packet"),
    };
    assert_eq!(number, id.get());

    let mut out = BytesMut::from(BEFORE);
    encode::pingreq(&mut out);
    let ping = matches!(
        read(version, &out),
        Read::Old(v4::Packet::PingReq) | Read::New(v5::Packet::PingReq)
    );
    assert!(ping, "a PINGREQ is read as another packet");
}

/// The only packet behind [`BEFORE`], by our own decoder.
fn decoded(version: ProtocolVersion, out: &BytesMut) -> Incoming {
    let mut decoder = Decoder::new(version, 1 << 20);
    decoder.push(out.strip_prefix(BEFORE).expect("what was there stays"));
    let packet = decoder
        .poll()
        .expect("our own packet is good")
        .expect("it is complete");
    assert_eq!(decoder.poll(), Ok(None));
    packet
}

fn one() -> PacketIdentifier {
    PacketIdentifier::new(1).expect("not zero")
}
