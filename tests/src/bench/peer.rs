//! A server that costs almost nothing: it acknowledges, in batches, and floods whoever subscribes.

use core::net::{Ipv4Addr, SocketAddr};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::order::{ATTRIBUTES, Reading};
use super::wire::{self, Packet};

/// How many publishes a flooded subscriber may leave unacknowledged.
const FLOOD_WINDOW: u64 = 1_000;

/// Serves any number of clients until the process ends, in MQTT 5 or 3.1.1 as each asks.
#[derive(Debug, Clone, Copy)]
pub struct MinimalPeer {
    address: SocketAddr,
}

impl MinimalPeer {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn start() -> io::Result<Self> {
        Self::serve(None)
    }

    /// The same over TLS.
    ///
    /// # Errors
    ///
    /// When there is no free port.
    pub fn start_tls(tls: Arc<ServerConfig>) -> io::Result<Self> {
        Self::serve(Some(tls))
    }

    fn serve(tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        thread::Builder::new()
            .name("minimal peer".to_owned())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    let tls = tls.clone();
                    // A client that ends without DISCONNECT is none of the peer's business.
                    thread::spawn(move || drop(accept(stream, tls)));
                }
            })?;
        Ok(Self { address })
    }

    /// Where clients connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn accept(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match tls {
        None => Connection::serve(stream),
        Some(tls) => {
            let session = ServerConnection::new(tls).map_err(io::Error::other)?;
            Connection::serve(StreamOwned::new(session, stream))
        }
    }
}

struct Connection<S> {
    stream: S,
    out: Vec<u8>,
    version_5: bool,
    flood: Option<Flood>,
}

impl<S: Read + Write> Connection<S> {
    fn serve(stream: S) -> io::Result<()> {
        let mut connection = Self {
            stream,
            out: Vec::new(),
            version_5: false,
            flood: None,
        };
        let mut buffer = vec![0; 256 * 1024];
        let mut filled = 0;
        loop {
            let read = connection.stream.read(&mut buffer[filled..])?;
            if read == 0 {
                return Ok(());
            }
            filled += read;
            let mut rest = &buffer[..filled];
            while let Some((packet, behind)) = Packet::split(rest) {
                connection.handle(packet);
                rest = behind;
            }
            let consumed = filled - rest.len();
            buffer.copy_within(consumed..filled, 0);
            filled -= consumed;
            if let Some(flood) = &mut connection.flood {
                flood.fill(&mut connection.out, connection.version_5);
            }
            connection.stream.write_all(&connection.out)?;
            connection.out.clear();
        }
    }

    fn handle(&mut self, packet: Packet<'_>) {
        match packet.kind() {
            wire::CONNECT => {
                // Length and name of the protocol come first.
                self.version_5 = packet.body.get(6) == Some(&5);
                let connack: &[u8] = if self.version_5 {
                    &[0x20, 3, 0, 0, 0]
                } else {
                    &[0x20, 2, 0, 0]
                };
                self.out.extend_from_slice(connack);
            }
            wire::PUBLISH if packet.qos() == 1 => {
                if let Some(([high, low], _)) = packet.identified() {
                    self.out.extend_from_slice(&[0x40, 2, high, low]);
                }
            }
            wire::PUBACK => {
                if let Some(flood) = &mut self.flood {
                    flood.acknowledged += 1;
                }
            }
            wire::SUBSCRIBE => self.subscribed(packet),
            wire::PINGREQ => self.out.extend_from_slice(&[0xd0, 0]),
            _ => {}
        }
    }

    fn subscribed(&mut self, packet: Packet<'_>) {
        let Some(([high, low], mut filters)) = packet.identified() else {
            return;
        };
        if self.version_5 {
            // Properties: their length, which no client of ours makes longer than a byte can tell.
            let length = filters.first().map_or(0, |length| usize::from(*length));
            filters = filters.get(1 + length..).unwrap_or_default();
        }
        let mut granted = Vec::new();
        while let Some((length, behind)) = filters.split_first_chunk() {
            let length = usize::from(u16::from_be_bytes(*length));
            let Some((filter, options)) = behind.split_at_checked(length) else {
                break;
            };
            if filter == ATTRIBUTES.as_bytes() {
                self.flood = Some(Flood::default());
            }
            granted.push(1);
            filters = options.get(1..).unwrap_or_default();
        }
        let properties: &[u8] = if self.version_5 { &[0] } else { &[] };
        let length = (2 + properties.len() + granted.len()) as u8;
        self.out.extend_from_slice(&[0x90, length, high, low]);
        self.out.extend_from_slice(properties);
        self.out.extend_from_slice(&granted);
    }
}

#[derive(Debug, Default)]
struct Flood {
    sent: u64,
    acknowledged: u64,
    identifier: u16,
    payload: Vec<u8>,
}

impl Flood {
    fn fill(&mut self, out: &mut Vec<u8>, version_5: bool) {
        while self.sent - self.acknowledged < FLOOD_WINDOW {
            self.payload.clear();
            if version_5 {
                // No properties.
                self.payload.push(0);
            }
            // Writing into memory fails for no reading.
            let _written = serde_json::to_writer(&mut self.payload, &Reading::numbered(self.sent));
            self.identifier = wire::next_identifier(self.identifier);
            wire::publish(out, ATTRIBUTES, Some(self.identifier), &self.payload);
            self.sent += 1;
        }
    }
}
