//! The client under test chooses its own identifiers: the recorded answers have to carry these.

use super::super::exchange::Protocol;
use super::super::packet::{Framing, Kind, PacketView, split_packet};
use super::frame;

/// Identifiers on one connection, those that were recorded beside those that the client chose: the
/// first recorded publish corresponds to its first publish, and so on.
#[derive(Debug, Default)]
pub(crate) struct Identifiers {
    publishes: Pairs<u16>,
    subscribes: Pairs<Filters>,
    unsubscribes: Pairs<Filters>,
    attribute_requests: Pairs<String>,
    calls: Pairs<String>,
}

/// A SUBSCRIBE or UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filters {
    pub(crate) packet_id: u16,
    pub(crate) count: usize,
}

#[derive(Debug)]
struct Pairs<T> {
    recorded: Vec<T>,
    own: Vec<T>,
}

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self {
            recorded: Vec::new(),
            own: Vec::new(),
        }
    }
}

impl<T> Pairs<T> {
    /// The client's counterpart of the latest recorded one that `is_it`.
    fn own_of(&self, is_it: impl Fn(&T) -> bool) -> Option<&T> {
        self.own.get(self.recorded.iter().rposition(is_it)?)
    }
}

/// Prefixes of request and response, family by family; those that name a format come first.
const ATTRIBUTES: [(&str, &str); 4] = [
    (
        "v1/devices/me/attributes/request/",
        "v1/devices/me/attributes/response/",
    ),
    ("v2/a/req/j/", "v2/a/res/j/"),
    ("v2/a/req/p/", "v2/a/res/p/"),
    ("v2/a/req/", "v2/a/res/"),
];
const CALLS: [(&str, &str); 4] = [
    ("v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"),
    ("v2/r/req/j/", "v2/r/res/j/"),
    ("v2/r/req/p/", "v2/r/res/p/"),
    ("v2/r/req/", "v2/r/res/"),
];

impl Identifiers {
    /// The recorded client sent this.
    pub(crate) fn note_recorded(&mut self, packet: &[u8], protocol: Protocol) {
        if split_packet(packet) != Framing::Whole(packet.len()) {
            return;
        }
        let view = PacketView::new(packet, protocol);
        match view.kind() {
            Kind::Publish => {
                self.publishes.recorded.extend(view.packet_id());
                let (attributes, call) = request_ids(&view);
                self.attribute_requests.recorded.extend(attributes);
                self.calls.recorded.extend(call);
            }
            Kind::Subscribe => self.subscribes.recorded.extend(filters(&view, protocol)),
            Kind::Unsubscribe => self.unsubscribes.recorded.extend(filters(&view, protocol)),
            _ => {}
        }
    }

    /// The client under test sent this.
    pub(crate) fn note_own(&mut self, packet: &[u8], protocol: Protocol) {
        let view = PacketView::new(packet, protocol);
        match view.kind() {
            Kind::Publish => {
                self.publishes.own.extend(view.packet_id());
                let (attributes, call) = request_ids(&view);
                self.attribute_requests.own.extend(attributes);
                self.calls.own.extend(call);
            }
            Kind::Subscribe => self.subscribes.own.extend(filters(&view, protocol)),
            Kind::Unsubscribe => self.unsubscribes.own.extend(filters(&view, protocol)),
            _ => {}
        }
    }

    /// A recorded packet of the server with the client's identifiers in it. Where the client sent
    /// nothing that it could answer, it stays as it was.
    pub(crate) fn fill_in(&self, packet: &[u8], protocol: Protocol) -> Vec<u8> {
        let view = PacketView::new(packet, protocol);
        let recorded = view.packet_id();
        match view.kind() {
            Kind::PubAck | Kind::PubRec | Kind::PubComp => {
                let own = self.publishes.own_of(|id| Some(*id) == recorded);
                own.map_or_else(|| packet.to_vec(), |own| with_packet_id(packet, *own))
            }
            Kind::SubAck => {
                let own = self
                    .subscribes
                    .own_of(|each| Some(each.packet_id) == recorded);
                own.map_or_else(|| packet.to_vec(), |own| with_codes(&view, own, protocol))
            }
            Kind::UnsubAck => {
                let own = self
                    .unsubscribes
                    .own_of(|each| Some(each.packet_id) == recorded);
                own.map_or_else(|| packet.to_vec(), |own| with_codes(&view, own, protocol))
            }
            Kind::Publish => self
                .with_request_id(&view)
                .unwrap_or_else(|| packet.to_vec()),
            _ => packet.to_vec(),
        }
    }

    fn with_request_id(&self, view: &PacketView<'_>) -> Option<Vec<u8>> {
        let publish = view.publish()?;
        let topic = core::str::from_utf8(publish.topic).ok()?;
        let response = |families: &[(&'static str, &'static str); 4]| {
            let mut prefixes = families.iter().map(|(_, response)| *response);
            prefixes.find_map(|prefix| Some((prefix, topic.strip_prefix(prefix)?)))
        };
        let (prefix, id, own) = if let Some((prefix, id)) = response(&ATTRIBUTES) {
            let own = self.attribute_requests.own_of(|recorded| recorded == id)?;
            (prefix, id, own)
        } else {
            let (prefix, id) = response(&CALLS)?;
            (prefix, id, self.calls.own_of(|recorded| recorded == id)?)
        };
        let topic = format!("{prefix}{own}");
        let mut body = u16::try_from(topic.len()).ok()?.to_be_bytes().to_vec();
        body.extend(topic.as_bytes());
        let rest = view.body().get(2 + publish.topic.len()..)?;
        let (head, payload) = rest.split_at_checked(rest.len() - publish.payload.len())?;
        body.extend(head);
        body.extend(with_number(payload, id, own));
        Some(frame(0x30 | publish.flags, &body))
    }
}

/// A protobuf answer also carries the number of its request, in its first field.
fn with_number(payload: &[u8], recorded: &str, own: &str) -> Vec<u8> {
    let mut payload = payload.to_vec();
    if let [0x08, number, ..] = &mut payload[..]
        && recorded.parse() == Ok(*number)
        && let Ok(own @ 0..0x80) = own.parse()
    {
        *number = own;
    }
    payload
}

/// The packet identifier and the number of filters of a SUBSCRIBE or UNSUBSCRIBE.
pub(crate) fn filters(view: &PacketView<'_>, protocol: Protocol) -> Option<Filters> {
    let packet_id = view.packet_id()?;
    let mut rest = view.body().get(2..)?;
    if protocol.has_properties() {
        rest = rest.get(1 + usize::from(*rest.first()?)..)?;
    }
    let options = usize::from(view.kind() == Kind::Subscribe);
    let mut count = 0;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        rest = after.get(usize::from(u16::from_be_bytes(*length)) + options..)?;
        count += 1;
    }
    Some(Filters { packet_id, count })
}

/// The request numbers in the topic of a publish: of an attribute request, of a client-side RPC.
fn request_ids(view: &PacketView<'_>) -> (Option<String>, Option<String>) {
    let publish = view.publish();
    let topic = publish
        .and_then(|publish| core::str::from_utf8(publish.topic).ok())
        .unwrap_or("");
    let number = |families: &[(&str, &str); 4]| {
        let mut prefixes = families.iter().map(|(request, _)| *request);
        prefixes.find_map(|prefix| Some(topic.strip_prefix(prefix)?.to_owned()))
    };
    (number(&ATTRIBUTES), number(&CALLS))
}

/// The identifier stands behind a fixed header of two bytes: acknowledgements are short.
fn with_packet_id(packet: &[u8], own: u16) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if let Some(id) = packet.get_mut(2..4) {
        id.copy_from_slice(&own.to_be_bytes());
    }
    packet
}

/// The recorded codes, over again where the client named more filters than the recorded one.
fn with_codes(view: &PacketView<'_>, own: &Filters, protocol: Protocol) -> Vec<u8> {
    let mut body = own.packet_id.to_be_bytes().to_vec();
    let rest = view.body().get(2..).unwrap_or_default();
    let properties = match rest.first() {
        Some(&length) if protocol.has_properties() => rest.len().min(1 + usize::from(length)),
        _ => 0,
    };
    let (properties, codes) = rest.split_at(properties);
    body.extend(properties);
    body.extend(codes.iter().cycle().take(own.count));
    frame(
        if view.kind() == Kind::SubAck {
            0x90
        } else {
            0xb0
        },
        &body,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const V311: Protocol = Protocol::V311;

    #[test]
    fn acknowledgements_out_of_order_find_their_publishes() {
        let mut identifiers = Identifiers::default();
        for (recorded, own) in [(1, 21), (2, 22)] {
            identifiers.note_recorded(&[0x32, 5, 0, 1, b't', 0, recorded], V311);
            identifiers.note_own(&[0x32, 5, 0, 1, b't', 0, own], V311);
        }
        assert_eq!(
            identifiers.fill_in(&[0x40, 2, 0, 2], V311),
            [0x40, 2, 0, 22]
        );
        assert_eq!(
            identifiers.fill_in(&[0x40, 2, 0, 1], V311),
            [0x40, 2, 0, 21]
        );
        assert_eq!(identifiers.fill_in(&[0x40, 2, 0, 9], V311), [0x40, 2, 0, 9]);
    }

    #[test]
    fn a_suback_gets_as_many_codes_as_the_client_has_filters() {
        let mut identifiers = Identifiers::default();
        identifiers.note_recorded(&[0x82, 7, 0, 10, 0, 0, 1, b'a', 1], Protocol::V5);
        let own = [0x82, 11, 0, 3, 0, 0, 1, b'a', 1, 0, 1, b'b', 1];
        identifiers.note_own(&own, Protocol::V5);
        let filled = identifiers.fill_in(&[0x90, 4, 0, 10, 0, 1], Protocol::V5);
        assert_eq!(filled, [0x90, 5, 0, 3, 0, 1, 1]);
    }

    #[test]
    fn an_answer_goes_to_the_clients_own_request() {
        let publish = |topic: &str, rest: &[u8]| {
            let mut body = vec![0, topic.len() as u8];
            body.extend(topic.as_bytes());
            body.extend(rest);
            frame(0x32, &body)
        };
        let mut identifiers = Identifiers::default();
        identifiers.note_recorded(
            &publish("v1/devices/me/attributes/request/7", &[0, 1]),
            V311,
        );
        identifiers.note_own(
            &publish("v1/devices/me/attributes/request/1", &[0, 9]),
            V311,
        );
        let answer = publish("v1/devices/me/attributes/response/7", b"\0\x01{}");
        let filled = identifiers.fill_in(&answer, V311);
        assert_eq!(
            filled,
            publish("v1/devices/me/attributes/response/1", b"\0\x01{}")
        );
    }
}
