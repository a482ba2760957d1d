//! A server that grants, acknowledges and answers everything at once.

use super::super::exchange::Protocol;
use super::super::packet::{Kind, PacketView};
use super::{frame, identifiers};

/// What it answers to one packet.
pub(crate) fn answers(packet: &[u8], protocol: Protocol) -> Vec<Vec<u8>> {
    let view = PacketView::new(packet, protocol);
    let v5 = protocol.has_properties();
    match view.kind() {
        Kind::Connect => vec![frame(0x20, if v5 { &[0, 0, 0] } else { &[0, 0] })],
        Kind::PingReq => vec![frame(0xd0, &[])],
        Kind::Subscribe | Kind::Unsubscribe => {
            let Some(asked) = identifiers::filters(&view, protocol) else {
                return Vec::new();
            };
            let mut body = asked.packet_id.to_be_bytes().to_vec();
            body.extend(v5.then_some(0));
            let subscribe = view.kind() == Kind::Subscribe;
            if subscribe || v5 {
                body.extend(core::iter::repeat_n(u8::from(subscribe), asked.count));
            }
            vec![frame(if subscribe { 0x90 } else { 0xb0 }, &body)]
        }
        Kind::Publish => {
            let acknowledgement = view.packet_id().map(|id| frame(0x40, &id.to_be_bytes()));
            acknowledgement
                .into_iter()
                .chain(response(&view, protocol))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The answer to an attribute request or a client-side RPC, at QoS 0.
fn response(view: &PacketView<'_>, protocol: Protocol) -> Option<Vec<u8>> {
    let publish = view.publish()?;
    let topic = core::str::from_utf8(publish.topic).ok()?;
    let requests = [
        "v1/devices/me/attributes/request/",
        "v1/devices/me/rpc/request/",
        "v2/a/req/",
        "v2/r/req/",
    ];
    if !requests.iter().any(|prefix| topic.starts_with(prefix)) {
        return None;
    }
    let topic = topic
        .replace("/request/", "/response/")
        .replace("/req/", "/res/");
    let mut body = u16::try_from(topic.len()).ok()?.to_be_bytes().to_vec();
    body.extend(topic.as_bytes());
    body.extend(protocol.has_properties().then_some(0));
    body.extend(b"{}");
    Some(frame(0x30, &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_is_granted() {
        let subscribe = [0x82, 11, 0, 3, 0, 0, 1, b'a', 1, 0, 1, b'b', 1];
        assert_eq!(
            answers(&subscribe, Protocol::V5),
            [[0x90, 5, 0, 3, 0, 1, 1]]
        );
        let unsubscribe = [0xa2, 5, 0, 4, 0, 1, b'a'];
        assert_eq!(answers(&unsubscribe, Protocol::V311), [[0xb0, 2, 0, 4]]);
    }

    #[test]
    fn a_request_is_acknowledged_and_answered() {
        let topic = b"v1/devices/me/rpc/request/5";
        let mut body = vec![0, topic.len() as u8];
        body.extend(topic);
        body.extend(b"\0\x07{}");
        let answers = answers(&frame(0x32, &body), Protocol::V311);
        assert_eq!(answers[0], [0x40, 2, 0, 7]);
        assert!(String::from_utf8_lossy(&answers[1]).ends_with("v1/devices/me/rpc/response/5{}"));
    }
}
