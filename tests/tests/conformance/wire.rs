//! Packets as bytes, written down here once more so that no codec under test is trusted.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V31,
    V311,
    V5,
}

impl Version {
    pub(crate) const ALL: [Self; 3] = [Self::V31, Self::V311, Self::V5];

    /// MQTT 3.1 behaves as 3.1.1 in all that follows CONNACK.
    pub(crate) const BOTH: [Self; 2] = [Self::V311, Self::V5];

    pub(crate) fn is_v5(self) -> bool {
        self == Self::V5
    }

    /// The code of the version: 3.1.1's or MQTT 5's.
    pub(crate) fn code(self, v3: u8, v5: u8) -> u8 {
        if self.is_v5() { v5 } else { v3 }
    }
}

/// A CONNECT under construction; keep alive is 60 s, clean start is set.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    version: Version,
    clean: bool,
    keep_alive: u16,
    client_id: String,
    will: Option<(String, String)>,
    /// The QoS and RETAIN bits of the will.
    will_flags: u8,
    session_expiry: Option<u32>,
    user_name: Option<String>,
    password: Option<String>,
}

impl Connect {
    pub(crate) fn new(version: Version) -> Self {
        // 3.1 requires a client identifier.
        let client_id = if version == Version::V31 { "any" } else { "" };
        Self {
            version,
            clean: true,
            keep_alive: 60,
            client_id: client_id.to_owned(),
            will: None,
            will_flags: 0,
            session_expiry: None,
            user_name: None,
            password: None,
        }
    }

    pub(crate) fn token(version: Version, token: &str) -> Self {
        Self::new(version).user_name(token)
    }

    pub(crate) fn user_name(mut self, user_name: &str) -> Self {
        self.user_name = Some(user_name.to_owned());
        self
    }

    pub(crate) fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    pub(crate) fn client_id(mut self, client_id: &str) -> Self {
        self.client_id = client_id.to_owned();
        self
    }

    pub(crate) fn will(mut self, topic: &str, payload: &str) -> Self {
        self.will = Some((topic.to_owned(), payload.to_owned()));
        self
    }

    pub(crate) fn will_flags(mut self, qos: u8, retain: bool) -> Self {
        self.will_flags = qos << 3 | u8::from(retain) << 5;
        self
    }

    pub(crate) fn session_expiry(mut self, seconds: u32) -> Self {
        self.session_expiry = Some(seconds);
        self
    }

    pub(crate) fn keep_alive(mut self, seconds: u16) -> Self {
        self.keep_alive = seconds;
        self
    }

    pub(crate) fn keeping_the_session(mut self) -> Self {
        self.clean = false;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut body = match self.version {
            Version::V31 => b"\0\x06MQIsdp\x03".to_vec(),
            Version::V311 => b"\0\x04MQTT\x04".to_vec(),
            Version::V5 => b"\0\x04MQTT\x05".to_vec(),
        };
        body.push(
            u8::from(self.clean) << 1
                | u8::from(self.will.is_some()) << 2
                | self.will_flags
                | u8::from(self.password.is_some()) << 6
                | u8::from(self.user_name.is_some()) << 7,
        );
        body.extend(self.keep_alive.to_be_bytes());
        match self.session_expiry {
            Some(seconds) => {
                body.extend([5, 0x11]);
                body.extend(seconds.to_be_bytes());
            }
            None => no_properties(&mut body, self.version),
        }
        text(&mut body, &self.client_id);
        if let Some((topic, payload)) = &self.will {
            no_properties(&mut body, self.version);
            text(&mut body, topic);
            text(&mut body, payload);
        }
        for element in [&self.user_name, &self.password].into_iter().flatten() {
            text(&mut body, element);
        }
        packet(0x10, &body)
    }
}

pub(crate) const PINGREQ: [u8; 2] = [0xC0, 0];
pub(crate) const PINGRESP: [u8; 2] = [0xD0, 0];

pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let more = if length > 0x7F { 0x80 } else { 0 };
        bytes.push((length & 0x7F) as u8 | more);
        length >>= 7;
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

pub(crate) fn connack(version: Version, session_present: bool, code: u8) -> Vec<u8> {
    let mut body = vec![u8::from(session_present), code];
    no_properties(&mut body, version);
    packet(0x20, &body)
}

/// QoS 1 with a packet identifier, QoS 0 with 0.
pub(crate) fn publish(version: Version, topic: &str, packet_id: u16, payload: &str) -> Vec<u8> {
    publish_with_id(
        version,
        topic,
        (packet_id != 0).then_some(packet_id),
        payload.as_bytes(),
    )
}

pub(crate) fn publish_with_id(
    version: Version,
    topic: &str,
    packet_id: Option<u16>,
    payload: &[u8],
) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    if let Some(packet_id) = packet_id {
        body.extend(packet_id.to_be_bytes());
    }
    no_properties(&mut body, version);
    body.extend(payload);
    packet(if packet_id.is_some() { 0x32 } else { 0x30 }, &body)
}

pub(crate) fn puback(packet_id: u16) -> Vec<u8> {
    packet(0x40, &packet_id.to_be_bytes())
}

pub(crate) fn puback_with(packet_id: u16, code: u8) -> Vec<u8> {
    let [high, low] = packet_id.to_be_bytes();
    packet(0x40, &[high, low, code, 0])
}

pub(crate) fn subscribe(version: Version, packet_id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    no_properties(&mut body, version);
    for (filter, qos) in filters {
        text(&mut body, filter);
        body.push(*qos);
    }
    packet(0x82, &body)
}

pub(crate) fn suback(version: Version, packet_id: u16, codes: &[u8]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    no_properties(&mut body, version);
    body.extend(codes);
    packet(0x90, &body)
}

pub(crate) fn unsubscribe(version: Version, packet_id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    no_properties(&mut body, version);
    for filter in filters {
        text(&mut body, filter);
    }
    packet(0xA2, &body)
}

/// On 3.1.1 there are no codes.
pub(crate) fn unsuback(version: Version, packet_id: u16, codes: &[u8]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    if version.is_v5() {
        body.push(0);
        body.extend(codes);
    }
    packet(0xB0, &body)
}

pub(crate) fn disconnect(code: u8) -> Vec<u8> {
    packet(0xE0, &[code, 0])
}

fn no_properties(body: &mut Vec<u8>, version: Version) {
    if version.is_v5() {
        body.push(0);
    }
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend((text.len() as u16).to_be_bytes());
    body.extend(text.as_bytes());
}
