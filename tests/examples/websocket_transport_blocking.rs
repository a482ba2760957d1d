//! MQTT over WebSocket on threads: reading and writing go on at the same time, neither waits for the other.
//!
//! The WebSocket itself does no I/O here. Both threads share it for as long as it takes to move bytes through
//! memory, as `tb_blocking::Tls` does with TLS.

#[path = "websocket_transport.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "tests have both examples, and each is to be read by itself"
)]
#[expect(dead_code, reason = "here the device runs on threads")]
mod websocket_transport;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::mem;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use async_tungstenite::tungstenite::client::{IntoClientRequest, client_with_config};
use async_tungstenite::tungstenite::handshake::HandshakeError;
use async_tungstenite::tungstenite::http::HeaderValue;
use async_tungstenite::tungstenite::{self, Bytes, Error, Message};
use serde_json::json;
use tb_blocking::{Config, Connect, ConnectError, Connection, Credentials, Halves, Tcp};
use tb_proto::Endpoint;
use tb_tests::example::{self, PATIENCE};
use tb_tests::sim::Setup;
use tb_tests::sim::server::SimulatorServer;

pub(crate) use websocket_transport::Gateway;
use websocket_transport::{SUBPROTOCOL, failed, limits, refused};

/// Connects by WebSocket over the transport below: `WebSocket::over(Tcp)`.
#[derive(Clone, Debug)]
pub(crate) struct WebSocket<C> {
    below: C,
}

impl<C> WebSocket<C> {
    pub(crate) const fn over(below: C) -> Self {
        Self { below }
    }
}

impl<C: Connect> Connect for WebSocket<C> {
    fn connect(&mut self, target: &Endpoint) -> Result<Connection, ConnectError> {
        // mqtt://host:port becomes ws://host:port/mqtt, and mqtts becomes wss.
        let url = format!("{}/mqtt", target.to_string().replacen("mqtt", "ws", 1));
        let connection = self.below.connect(target)?;
        Ok(connection.then(move |halves| upgrade(&url, halves)))
    }
}

fn upgrade(url: &str, mut below: Halves) -> Result<Halves, ConnectError> {
    let mut request = url.into_client_request().map_err(refused)?;
    let protocol = HeaderValue::from_static(SUBPROTOCOL);
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", protocol);
    let mut attempt = client_with_config(request, Memory::default(), Some(limits()));
    let socket = loop {
        let mut unfinished = match attempt {
            Ok((socket, _)) => break socket,
            Err(HandshakeError::Failure(error)) => return Err(refused(error)),
            Err(HandshakeError::Interrupted(unfinished)) => unfinished,
        };
        let memory = unfinished.get_mut().get_mut();
        below.send(&mem::take(&mut memory.to_peer))?;
        receive(&mut *below.reader, memory)?;
        attempt = unfinished.handshake();
    };
    let shared = Arc::new(Shared {
        socket: Mutex::new(socket),
        to_peer: Mutex::new(below.writer),
    });
    let reader = Reader {
        shared: Arc::clone(&shared),
        below: below.reader,
        unread: Bytes::new(),
    };
    Ok(Halves {
        reader: Box::new(reader),
        writer: Box::new(Writer(shared)),
    })
}

/// What stands for the network: bytes that came from the peer, and bytes that are to go there.
#[derive(Default)]
struct Memory {
    from_peer: VecDeque<u8>,
    to_peer: Vec<u8>,
    /// Nothing more comes.
    ended: bool,
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.from_peer.is_empty() && !self.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.from_peer.read(buffer)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to_peer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits for bytes of the peer.
fn receive(from: &mut dyn Read, memory: &mut Memory) -> io::Result<()> {
    let mut buffer = [0; 2048];
    let read = read(from, &mut buffer)?;
    memory.take_in(&buffer[..read]);
    Ok(())
}

fn read(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

impl Memory {
    fn take_in(&mut self, bytes: &[u8]) {
        self.ended = bytes.is_empty();
        self.from_peer.extend(bytes);
    }
}

/// What both threads use. Who has `to_peer` may wait for `socket`, never the reverse.
struct Shared {
    socket: Mutex<tungstenite::WebSocket<Memory>>,
    to_peer: Mutex<Box<dyn Write + Send>>,
}

impl Shared {
    /// Sends what there is to send. Whoever does it goes on until there is no more, so that nobody else has to
    /// wait for the turn to send.
    fn send(&self, to_peer: MutexGuard<'_, Box<dyn Write + Send>>) -> io::Result<()> {
        let mut to_peer = Some(to_peer);
        while let Some(peer) = &mut to_peer {
            let mut socket = lock(&self.socket);
            let bytes = mem::take(&mut socket.get_mut().to_peer);
            if bytes.is_empty() {
                // Under the lock: who adds some after this finds the place to send free.
                to_peer = None;
                drop(socket);
            } else {
                drop(socket);
                peer.write_all(&bytes)?;
                peer.flush()?;
            }
        }
        Ok(())
    }
}

struct Reader {
    shared: Arc<Shared>,
    below: Box<dyn Read + Send>,
    /// What is left to read of the last message.
    unread: Bytes,
}

impl Reader {
    /// The next message, if all of it is there.
    fn next(&self) -> io::Result<Option<Message>> {
        let mut socket = lock(&self.shared.socket);
        let message = socket.read();
        // A ping is answered as it comes, unless the other thread is sending: then that sends the answer too.
        let answers = !socket.get_ref().to_peer.is_empty();
        let place = match self.shared.to_peer.try_lock() {
            Ok(place) if answers => Some(place),
            Err(TryLockError::Poisoned(place)) if answers => Some(place.into_inner()),
            _ => None,
        };
        drop(socket);
        if let Some(place) = place {
            self.shared.send(place)?;
        }
        match message {
            Ok(message) => Ok(Some(message)),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(Error::ConnectionClosed) => Ok(Some(Message::Close(None))),
            Err(error) => Err(failed(error)),
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.unread.is_empty() {
            match self.next()? {
                Some(Message::Binary(bytes)) => self.unread = bytes,
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                Some(Message::Close(_)) => return Ok(0),
                // MQTT travels in binary messages alone [MQTT-6.0.0-1].
                Some(_) => return Err(io::ErrorKind::InvalidData.into()),
                None => {
                    let mut bytes = [0; 2048];
                    let count = read(&mut *self.below, &mut bytes)?;
                    lock(&self.shared.socket).get_mut().take_in(&bytes[..count]);
                }
            }
        }
        let count = buffer.len().min(self.unread.len());
        buffer[..count].copy_from_slice(&self.unread.split_to(count));
        Ok(count)
    }
}

struct Writer(Arc<Shared>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let message = Message::binary(Bytes::copy_from_slice(bytes));
        lock(&self.0.socket).send(message).map_err(failed)?;
        self.0.send(lock(&self.0.to_peer))?;
        Ok(bytes.len())
    }

    /// Nothing waits in memory after a write.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says goodbye.
impl Drop for Writer {
    fn drop(&mut self) {
        let _ = lock(&self.0.socket).close(None);
        let _ = self.0.send(lock(&self.0.to_peer));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn device(gateway: &Gateway) -> Result<(), tb_blocking::Error> {
    let endpoint = format!("mqtt://{}", gateway.address())
        .as_str()
        .try_into()?;
    let config = Config::new(endpoint, Credentials::token("A1_TEST_TOKEN"));
    let (client, driver) = tb_blocking::Driver::new(config, WebSocket::over(Tcp))?;
    driver.start()?;
    client.connected_wait(PATIENCE)?;
    let reading = client.send_telemetry(&json!({ "temperature": 21.5 }))?;
    println!("telemetry: {}", reading.wait_timeout(PATIENCE)?);
    client.disconnect(PATIENCE).wait_timeout(PATIENCE)?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|_| {
        let server = SimulatorServer::start(Setup::one_device("A1_TEST_TOKEN"))?;
        let gateway = Gateway::start(server.address())?;
        Ok(device(&gateway)?)
    })
}
