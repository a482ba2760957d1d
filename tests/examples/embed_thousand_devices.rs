//! A thousand devices on one thread, without any driver: `tb-proto` alone on the readiness of their sockets.
//! The steps are the six of that crate's page, for each device.
//!
//! It brings a simulated ThingsBoard along, which knows the devices.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token};
use serde_json::json;
use tb_proto::{
    Client, Completion, Config, Credentials, Event, LinkId, LinkLost, LinkRequest, State,
};
use tb_tests::example::{self, PATIENCE};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{DeviceSetup, Setup};

const DEVICES: usize = 1_000;

/// What all of them have in common.
struct Place {
    poll: Poll,
    epoch: Instant,
    server: SocketAddr,
    buffer: Vec<u8>,
}

struct Device {
    token: Token,
    client: Client,
    transport: Transport,
    /// What is left to write.
    unsent: Bytes,
    delivered: bool,
}

enum Transport {
    Down,
    Opening(LinkId, TcpStream),
    Up(LinkId, TcpStream),
}

impl Place {
    fn now(&self) -> tb_proto::Instant {
        let micros = self.epoch.elapsed().as_micros();
        tb_proto::Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

impl Device {
    fn new(index: usize, place: &Place) -> Result<Self, Box<dyn Error>> {
        let endpoint = format!("mqtt://{}", place.server).parse()?;
        let credentials = Credentials::token(token(index));
        // The times are the server's here: none of the devices needs a wall clock.
        let config = Config::new(endpoint, credentials).stamp(false);
        let mut client = Client::new(config, place.now(), index as u64)?;
        let _ticket = client.send_telemetry(place.now(), &json!({ "device": index }))?;
        Ok(Self {
            token: Token(index),
            client,
            transport: Transport::Down,
            unsent: Bytes::new(),
            delivered: false,
        })
    }

    /// Steps 1 to 3, until there is nothing left to do; tells the next deadline.
    fn turn(&mut self, place: &Place) -> io::Result<Option<tb_proto::Instant>> {
        loop {
            if self.unsent.is_empty()
                && let Some(bytes) = self.client.poll_transmit()
            {
                self.unsent = bytes;
                self.write(place);
            } else if let Some(request) = self.client.poll_link() {
                self.transport = match request {
                    LinkRequest::Open { link, .. } => {
                        self.open(link, place.poll.registry(), place)?
                    }
                    _ => Transport::Down,
                };
                self.unsent = Bytes::new();
            } else if let Some(event) = self.client.poll_event() {
                self.hear(event, place);
            } else {
                return Ok(self.client.poll_timeout());
            }
        }
    }

    fn open(&self, link: LinkId, registry: &Registry, place: &Place) -> io::Result<Transport> {
        let mut stream = TcpStream::connect(place.server)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, self.token, both)?;
        Ok(Transport::Opening(link, stream))
    }

    fn hear(&mut self, event: Event, place: &Place) {
        if let Event::Completed {
            completion: Completion::Delivery(outcome),
            ..
        } = event
        {
            self.delivered = outcome.is_ok();
            let now = place.now();
            let _drained = self.client.disconnect(now, now + PATIENCE);
        }
    }

    /// Step 5: the socket is ready for something.
    fn ready(&mut self, place: &mut Place) {
        if let Transport::Opening(..) = self.transport {
            self.opened(place);
        }
        self.write(place);
        self.read(place);
    }

    fn opened(&mut self, place: &Place) {
        let Transport::Opening(link, stream) =
            std::mem::replace(&mut self.transport, Transport::Down)
        else {
            return;
        };
        match (stream.take_error(), stream.peer_addr()) {
            (Ok(None), Ok(_)) => {
                self.transport = Transport::Up(link, stream);
                self.client.handle_connected(place.now(), link);
            }
            // Not yet.
            (Ok(None), Err(error)) if error.kind() == ErrorKind::NotConnected => {
                self.transport = Transport::Opening(link, stream);
            }
            _ => self
                .client
                .handle_disconnected(place.now(), link, LinkLost::Unreachable),
        }
    }

    fn write(&mut self, place: &Place) {
        while let Transport::Up(link, stream) = &mut self.transport
            && !self.unsent.is_empty()
        {
            let link = *link;
            match stream.write(&self.unsent) {
                Ok(count) => self.unsent.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.lost(link, LinkLost::Reset, place),
            }
        }
    }

    fn read(&mut self, place: &mut Place) {
        while let Transport::Up(link, stream) = &mut self.transport {
            let link = *link;
            match stream.read(&mut place.buffer) {
                Ok(0) => self.lost(link, LinkLost::Closed, place),
                Ok(count) => self
                    .client
                    .handle_input(place.now(), link, &place.buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.lost(link, LinkLost::Reset, place),
            }
        }
    }

    fn lost(&mut self, link: LinkId, why: LinkLost, place: &Place) {
        self.transport = Transport::Down;
        self.unsent = Bytes::new();
        self.client.handle_disconnected(place.now(), link, why);
    }
}

fn token(index: usize) -> String {
    format!("TOKEN-{index}")
}

fn run() -> Result<(), Box<dyn Error>> {
    // Each connection has an end here and an end in the simulator.
    example::allow_sockets(2 * DEVICES as u64 + 100)?;
    let device = |index| DeviceSetup::with_token(&format!("device {index}"), &token(index));
    let server = SimulatorServer::start(Setup {
        devices: (0..DEVICES).map(device).collect(),
        ..Setup::default()
    })?;
    let mut place = Place {
        poll: Poll::new()?,
        epoch: Instant::now(),
        server: server.address(),
        buffer: vec![0; 16 * 1024],
    };
    let mut devices = Vec::with_capacity(DEVICES);
    let mut deadlines = BTreeSet::new();
    for index in 0..DEVICES {
        devices.push(Device::new(index, &place)?);
        deadlines.insert((place.now(), index));
    }
    let mut due_of = vec![Some(place.now()); DEVICES];
    let mut events = Events::with_capacity(DEVICES);
    while devices
        .iter()
        .any(|device| device.client.state() != State::Closed)
    {
        // 4. One wait for all of them, until the earliest deadline.
        let now = place.now();
        let wait = deadlines
            .first()
            .map_or(PATIENCE, |(due, _)| due.duration_since(now));
        let wait = wait + Duration::from_millis(1);
        place.poll.poll(&mut events, Some(wait))?;
        let mut touched: BTreeSet<usize> = events.iter().map(|event| event.token().0).collect();
        for index in &touched {
            devices[*index].ready(&mut place);
        }
        // 6. Time has passed for those that are due.
        let now = place.now();
        let due = deadlines.iter().take_while(|(due, _)| *due <= now);
        touched.extend(due.map(|(_, index)| *index));
        for index in touched {
            devices[index].client.handle_timeout(now);
            let due = devices[index].turn(&place)?;
            if let Some(due) = std::mem::replace(&mut due_of[index], due) {
                deadlines.remove(&(due, index));
            }
            deadlines.extend(due.map(|due| (due, index)));
        }
    }
    let delivered = devices.iter().filter(|device| device.delivered).count();
    println!(
        "{delivered} readings of {DEVICES} devices in {:?}",
        place.epoch.elapsed()
    );
    if delivered == DEVICES {
        Ok(())
    } else {
        Err("some were not delivered".into())
    }
}

pub(crate) fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}
