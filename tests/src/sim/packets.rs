//! Reading packets of clients as strictly, and as leniently, as ThingsBoard's decoder does.

/// Which set of packet formats a connection speaks. MQTT 3.1 and 3.1.1 share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V3,
    V5,
}

/// A packet from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    Connect(Connect),
    Publish(Publish),
    PubAck {
        packet_id: u16,
    },
    Subscribe(Subscribe),
    Unsubscribe {
        packet_id: u16,
        filters: Vec<String>,
    },
    PingReq,
    Disconnect,
    /// Packets that the server reads and drops: PUBREC, PUBREL, PUBCOMP, AUTH and all that only a
    /// server may send.
    Ignored,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Connect {
    pub(super) version: Version,
    pub(super) clean: bool,
    pub(super) client_id: String,
    pub(super) user_name: Option<String>,
    pub(super) password: Option<Vec<u8>>,
    pub(super) will: Option<Will>,
    /// In seconds; MQTT 5 only.
    pub(super) session_expiry: Option<u32>,
}

/// Read, and never published (C-012).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Will {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) qos: u8,
    pub(super) retain: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Publish {
    pub(super) topic: String,
    /// `None` at QoS 0. At QoS 2 the server does as at QoS 1 (C-030).
    pub(super) packet_id: Option<u16>,
    pub(super) payload: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subscribe {
    pub(super) packet_id: u16,
    /// Filters with the requested QoS, 0 to 2.
    pub(super) filters: Vec<(String, u8)>,
}

/// A packet that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Packet {
    /// Reads the packet with this first byte and body.
    pub(super) fn decode(version: Version, first: u8, body: &[u8]) -> Result<Self, Malformed> {
        let flags = first & 0x0F;
        let mut reader = Reader { rest: body };
        let packet = match first >> 4 {
            1 => Self::Connect(connect(&mut reader)?),
            3 => return publish(version, flags, reader).map(Self::Publish),
            4 => {
                let packet_id = reader.packet_id()?;
                // On MQTT 5 a code and properties may follow; neither changes anything (C-088).
                reader.reason_and_properties(version)?;
                Self::PubAck { packet_id }
            }
            5 | 7 => {
                reader.packet_id()?;
                reader.reason_and_properties(version)?;
                Self::Ignored
            }
            6 => {
                require(flags == 0b0010)?;
                reader.packet_id()?;
                reader.reason_and_properties(version)?;
                Self::Ignored
            }
            8 => {
                require(flags == 0b0010)?;
                Self::Subscribe(subscribe(version, &mut reader)?)
            }
            10 => {
                require(flags == 0b0010)?;
                let packet_id = reader.packet_id()?;
                reader.properties_of(version)?;
                let mut filters = Vec::new();
                while !reader.rest.is_empty() {
                    filters.push(reader.text()?);
                }
                Self::Unsubscribe { packet_id, filters }
            }
            12 => Self::PingReq,
            14 => {
                reader.reason_and_properties(version)?;
                Self::Disconnect
            }
            // AUTH exists on MQTT 5 only.
            15 => {
                require(version == Version::V5)?;
                return Ok(Self::Ignored);
            }
            2 | 9 | 11 | 13 => return Ok(Self::Ignored),
            _ => return Err(Malformed),
        };
        require(reader.rest.is_empty())?;
        Ok(packet)
    }
}

fn connect(reader: &mut Reader<'_>) -> Result<Connect, Malformed> {
    let name = reader.binary()?;
    let level = reader.byte()?;
    let version = match (name, level) {
        (b"MQIsdp", 3) | (b"MQTT", 4) => Version::V3,
        (b"MQTT", 5) => Version::V5,
        _ => return Err(Malformed),
    };
    let flags = reader.byte()?;
    // 3.1 has no rule about this flag.
    require(level == 3 || flags & 1 == 0)?;
    let will_qos = flags >> 3 & 3;
    require(will_qos < 3)?;
    let _keep_alive = reader.two_bytes()?;
    let session_expiry = reader.properties_of(version)?.session_expiry;
    let client_id = reader.text()?;
    require(level != 3 || (1..=23).contains(&client_id.chars().count()))?;
    let will = if flags & 0b100 == 0 {
        None
    } else {
        reader.properties_of(version)?;
        Some(Will {
            topic: reader.text()?,
            payload: reader.binary()?.to_vec(),
            qos: will_qos,
            retain: flags & 0b10_0000 != 0,
        })
    };
    let user_name = if flags & 0x80 == 0 {
        None
    } else {
        Some(reader.text()?)
    };
    let password = if flags & 0x40 == 0 {
        None
    } else {
        Some(reader.binary()?.to_vec())
    };
    Ok(Connect {
        version,
        clean: flags & 0b10 != 0,
        client_id,
        user_name,
        password,
        will,
        session_expiry,
    })
}

fn publish(version: Version, flags: u8, mut reader: Reader<'_>) -> Result<Publish, Malformed> {
    let qos = flags >> 1 & 3;
    require(qos < 3)?;
    let topic = reader.text()?;
    require(!topic.contains(['#', '+']))?;
    let packet_id = if qos == 0 {
        None
    } else {
        Some(reader.packet_id()?)
    };
    reader.properties_of(version)?;
    Ok(Publish {
        topic,
        packet_id,
        payload: reader.rest.to_vec(),
    })
}

fn subscribe(version: Version, reader: &mut Reader<'_>) -> Result<Subscribe, Malformed> {
    let packet_id = reader.packet_id()?;
    reader.properties_of(version)?;
    let mut filters = Vec::new();
    while !reader.rest.is_empty() {
        let filter = reader.text()?;
        let qos = reader.byte()? & 3;
        require(qos < 3)?;
        filters.push((filter, qos));
    }
    Ok(Subscribe { packet_id, filters })
}

fn require(condition: bool) -> Result<(), Malformed> {
    if condition { Ok(()) } else { Err(Malformed) }
}

/// The properties that somebody looks at.
#[derive(Clone, Copy, Debug, Default)]
struct Properties {
    session_expiry: Option<u32>,
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(byte)
    }

    fn two_bytes(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    /// A packet identifier: zero is not one [MQTT-2.2.1-3].
    fn packet_id(&mut self) -> Result<u16, Malformed> {
        let packet_id = self.two_bytes()?;
        require(packet_id != 0)?;
        Ok(packet_id)
    }

    fn binary(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.two_bytes()?;
        self.take(usize::from(length))
    }

    /// Text; what is not UTF-8 becomes replacement characters, as in Java.
    fn text(&mut self) -> Result<String, Malformed> {
        Ok(String::from_utf8_lossy(self.binary()?).into_owned())
    }

    fn reason_and_properties(&mut self, version: Version) -> Result<(), Malformed> {
        if version == Version::V5 && !self.rest.is_empty() {
            self.byte()?;
            if !self.rest.is_empty() {
                self.properties_of(version)?;
            }
        }
        Ok(())
    }

    /// Skips the properties, which nearly all are ignored, but not before they made sense.
    fn properties_of(&mut self, version: Version) -> Result<Properties, Malformed> {
        let mut properties = Properties::default();
        if version == Version::V3 {
            return Ok(properties);
        }
        let length = self.variable_length()?;
        let mut inner = Reader {
            rest: self.take(length)?,
        };
        while !inner.rest.is_empty() {
            match inner.variable_length()? {
                0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => {
                    inner.take(1)?;
                }
                0x13 | 0x21 | 0x22 | 0x23 => {
                    inner.take(2)?;
                }
                0x11 => {
                    let (high, low) = (inner.two_bytes()?, inner.two_bytes()?);
                    properties.session_expiry = Some(u32::from(high) << 16 | u32::from(low));
                }
                0x02 | 0x18 | 0x27 => {
                    inner.take(4)?;
                }
                0x0B => {
                    inner.variable_length()?;
                }
                0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => {
                    inner.binary()?;
                }
                0x26 => {
                    inner.binary()?;
                    inner.binary()?;
                }
                _ => return Err(Malformed),
            }
        }
        Ok(properties)
    }

    fn variable_length(&mut self) -> Result<usize, Malformed> {
        let mut value = 0;
        for position in 0..4 {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7F) << (7 * position);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }
}
