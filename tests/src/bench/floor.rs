//! The floor: a bare socket, batched writes, no session. No client that keeps what it sends can cost less.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;

use super::measure::{Measurement, Meter};
use super::order::{ATTRIBUTES, Order, Reading, TELEMETRY, Workload};
use super::wire::{self, Packet};

/// How much is collected before it is written when nothing has to be waited for.
const BATCH: usize = 64 * 1024;

/// Carries out an order.
pub(super) fn run(order: &Order) -> io::Result<Measurement> {
    match order.workload {
        Workload::Acknowledged => Floor::connect(order)?.acknowledged(),
        Workload::Unacknowledged => Floor::connect(order)?.unacknowledged(),
        Workload::Received => Floor::connect(order)?.received(),
        Workload::RoundTrip => Floor::connect(order)?.round_trips(),
        Workload::Idle => idle(order),
    }
}

fn idle(order: &Order) -> io::Result<Measurement> {
    let meter = Meter::start()?;
    let mut connections = Vec::new();
    for _ in 0..order.messages {
        connections.push(connect(order)?);
    }
    meter.stop_idle(order.messages)
}

fn connect(order: &Order) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(order.server)?;
    stream.set_nodelay(true)?;
    // MQTT 3.1.1, clean session, no keep alive, client identifier "floor".
    stream.write_all(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05floor")?;
    stream.read_exact(&mut [0; 4])?;
    Ok(stream)
}

struct Floor<'a> {
    order: &'a Order,
    stream: TcpStream,
    payload: Vec<u8>,
    out: Vec<u8>,
    input: Box<[u8]>,
    filled: usize,
    identifier: u16,
}

impl<'a> Floor<'a> {
    fn connect(order: &'a Order) -> io::Result<Self> {
        Ok(Self {
            order,
            stream: connect(order)?,
            payload: Vec::new(),
            out: Vec::new(),
            input: vec![0; 256 * 1024].into(),
            filled: 0,
            identifier: 0,
        })
    }

    fn acknowledged(&mut self) -> io::Result<Measurement> {
        let Order {
            messages, window, ..
        } = *self.order;
        let meter = Meter::start()?;
        let (mut sent, mut acknowledged) = (0, 0);
        while acknowledged < messages {
            while sent < messages && sent - acknowledged < u64::from(window) {
                self.publish(sent, true)?;
                sent += 1;
            }
            self.write()?;
            acknowledged += self.read(|_| Ok(()))?;
        }
        meter.stop(messages, Vec::new())
    }

    fn unacknowledged(&mut self) -> io::Result<Measurement> {
        let messages = self.order.messages;
        let meter = Meter::start()?;
        for number in 1..messages {
            self.publish(number, false)?;
            if self.out.len() >= BATCH {
                self.write()?;
            }
        }
        self.publish(messages, true)?;
        self.write()?;
        while self.read(|_| Ok(()))? == 0 {}
        meter.stop(messages, Vec::new())
    }

    fn received(&mut self) -> io::Result<Measurement> {
        let messages = self.order.messages;
        let meter = Meter::start()?;
        self.out.extend_from_slice(&[
            0x82,
            5 + ATTRIBUTES.len() as u8,
            0,
            1,
            0,
            ATTRIBUTES.len() as u8,
        ]);
        self.out.extend_from_slice(ATTRIBUTES.as_bytes());
        self.out.push(1);
        self.write()?;
        let mut received = 0;
        let mut acknowledgements = Vec::new();
        while received < messages {
            self.read(|packet| {
                if packet.kind() == wire::PUBLISH {
                    let ([high, low], payload) =
                        packet.identified().ok_or(io::ErrorKind::InvalidData)?;
                    let parsed: Value = serde_json::from_slice(payload)?;
                    core::hint::black_box(parsed);
                    acknowledgements.extend_from_slice(&[0x40, 2, high, low]);
                    received += 1;
                }
                Ok(())
            })?;
            self.out.append(&mut acknowledgements);
            self.write()?;
        }
        meter.stop(received, Vec::new())
    }

    fn round_trips(&mut self) -> io::Result<Measurement> {
        let messages = self.order.messages;
        let mut latencies = Vec::with_capacity(usize::try_from(messages).unwrap_or_default());
        let meter = Meter::start()?;
        for number in 0..messages {
            let from = Instant::now();
            self.publish(number, true)?;
            self.write()?;
            while self.read(|_| Ok(()))? == 0 {}
            latencies.push(from.elapsed());
        }
        meter.stop(messages, latencies)
    }

    fn publish(&mut self, number: u64, acknowledged: bool) -> io::Result<()> {
        self.payload.clear();
        serde_json::to_writer(&mut self.payload, &Reading::numbered(number))?;
        self.identifier = wire::next_identifier(self.identifier);
        let identifier = acknowledged.then_some(self.identifier);
        wire::publish(&mut self.out, TELEMETRY, identifier, &self.payload);
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// Waits for bytes and tells how many packets they complete.
    fn read(&mut self, mut each: impl FnMut(Packet<'_>) -> io::Result<()>) -> io::Result<u64> {
        let read = self.stream.read(&mut self.input[self.filled..])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.filled += read;
        let mut rest = &self.input[..self.filled];
        let mut packets = 0;
        while let Some((packet, behind)) = Packet::split(rest) {
            each(packet)?;
            packets += 1;
            rest = behind;
        }
        let consumed = self.filled - rest.len();
        self.input.copy_within(consumed..self.filled, 0);
        self.filled -= consumed;
        Ok(packets)
    }
}

#[cfg(test)]
mod tests {
    use super::super::peer::MinimalPeer;
    use super::*;

    #[test]
    fn the_floor_and_the_minimal_peer_finish_every_workload() {
        let peer = MinimalPeer::start().unwrap();
        for workload in Workload::WITH_MESSAGES {
            let order = Order {
                client: "floor".to_owned(),
                workload,
                server: peer.address(),
                messages: 70_000,
                window: 1_000,
            };
            let order = if workload == Workload::RoundTrip {
                Order {
                    messages: 50,
                    ..order
                }
            } else {
                order
            };
            let measured = run(&order).unwrap();
            assert!(measured.per_second > 0.0, "{workload}: {measured:?}");
            assert_eq!(measured.p50_us.is_some(), workload == Workload::RoundTrip);
        }
    }
}
