//! The simulator served over TCP, TLS or a Unix socket, in real time, by plain threads.
//!
//! For examples, for adapters, and for clients that others wrote. One thread accepts, one keeps the
//! timers, one reads each connection and writes what its bytes caused.

mod link;

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpListener, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
#[cfg(unix)]
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustls::ServerConfig;

use link::Link;

use super::socket::{Door, Listener, Socket};
use super::tls::ServerTls;
use super::{CallResult, ConnectionId, Control, Output, Setup, Simulator, Stored, Time};

/// How often a reader looks whether its connection was closed from this side meanwhile. Until then it
/// goes on reading, so that the last bytes written are not lost to a reset (reference §14.2,
/// `MQTT_DISCONNECT_TIMEOUT`).
const LINGER: Duration = Duration::from_secs(1);

/// A client that reads nothing for so long is cut off.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A [`Simulator`] behind a TCP port.
///
/// Dropping it closes the port and every connection, and waits for its threads.
#[derive(Debug)]
pub struct SimulatorServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    doors: Vec<Door>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The timers' thread waits here.
    timer: Condvar,
    /// Those who wait for facts wait here.
    progress: Condvar,
    started: Instant,
    /// Every connection speaks TLS.
    tls: Option<Arc<ServerConfig>>,
}

#[derive(Debug)]
struct State {
    simulator: Simulator,
    links: HashMap<ConnectionId, Arc<Link>>,
    results: Vec<CallResult>,
    /// When the timers' thread will wake by itself.
    alarm: Option<Time>,
    waiting: usize,
    stopping: bool,
}

impl SimulatorServer {
    /// Serves on a free port of the loopback interface. The simulator's wall clock is set to the
    /// system's.
    ///
    /// # Errors
    ///
    /// When the port cannot be opened or a thread cannot be started.
    pub fn start(setup: Setup) -> io::Result<Self> {
        Self::bind(setup, (Ipv4Addr::LOCALHOST, 0))
    }

    /// Serves over TLS on a free port of the loopback interface. A client that shows a certificate is
    /// known by it.
    ///
    /// # Errors
    ///
    /// When the port cannot be opened or a thread cannot be started.
    pub fn start_tls(setup: Setup, tls: Arc<ServerConfig>) -> io::Result<Self> {
        Self::bind_with(setup, (Ipv4Addr::LOCALHOST, 0), Some(tls))
    }

    /// Serves on this address.
    ///
    /// # Errors
    ///
    /// When the port cannot be opened or a thread cannot be started.
    pub fn bind(setup: Setup, address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_with(setup, address, None)
    }

    fn bind_with(
        mut setup: Setup,
        address: impl ToSocketAddrs,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        if let Ok(since_1970) = SystemTime::now().duration_since(UNIX_EPOCH) {
            setup.server.unix_ms_at_start =
                i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX);
        }
        let listener = TcpListener::bind(address)?;
        let mut server = Self {
            address: listener.local_addr()?,
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    simulator: Simulator::new(setup),
                    links: HashMap::new(),
                    results: Vec::new(),
                    alarm: None,
                    waiting: 0,
                    stopping: false,
                }),
                timer: Condvar::new(),
                progress: Condvar::new(),
                started: Instant::now(),
                tls,
            }),
            doors: Vec::new(),
            threads: Vec::new(),
        };
        let shared = Arc::clone(&server.shared);
        let timers = thread::Builder::new().name("simulator-timers".to_owned());
        server
            .threads
            .push(timers.spawn(move || shared.keep_time())?);
        let door = Door::Tcp(server.address);
        server.open(Listener::Tcp(listener), door)?;
        Ok(server)
    }

    /// Serves on the socket of the file system at this path as well. The file is there until somebody
    /// removes it.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made or a thread cannot be started.
    #[cfg(unix)]
    pub fn bind_unix(&mut self, path: &Path) -> io::Result<()> {
        let listener = UnixListener::bind(path)?;
        self.open(Listener::Unix(listener), Door::Unix(path.to_owned()))
    }

    fn open(&mut self, listener: Listener, door: Door) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let acceptor = thread::Builder::new().name("simulator-accept".to_owned());
        let acceptor = acceptor.spawn(move || shared.accept(&listener))?;
        self.threads.push(acceptor);
        self.doors.push(door);
        Ok(())
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes something happen at the back-end.
    pub fn control(&self, control: Control) {
        self.with(|simulator, now| simulator.control(now, control));
    }

    /// Works on the simulator. Do not poll its outputs here; they are sent when `work` returns.
    pub fn with<R>(&self, work: impl FnOnce(&mut Simulator, Time) -> R) -> R {
        self.shared.drive(work)
    }

    /// What reached the back-end so far.
    #[must_use]
    pub fn stored(&self) -> Vec<Stored> {
        self.with(|simulator, _| simulator.stored().to_vec())
    }

    /// Blocks until the condition holds, or `patience` is over; tells which.
    pub fn wait_until(
        &self,
        patience: Duration,
        mut condition: impl FnMut(&Simulator) -> bool,
    ) -> bool {
        self.shared
            .wait(patience, |state| condition(&state.simulator).then_some(()))
            .is_some()
    }

    /// Blocks until the RPC call of this name has its outcome, and takes it; `None` after `patience`.
    #[must_use]
    pub fn wait_for_result(&self, patience: Duration, call: &str) -> Option<CallResult> {
        self.shared.wait(patience, |state| {
            let position = state
                .results
                .iter()
                .position(|result| result.call == call)?;
            Some(state.results.swap_remove(position))
        })
    }

    /// Closes every connection without a word; the port stays open.
    pub fn drop_connections(&self) {
        self.with(Simulator::drop_connections);
    }
}

impl Drop for SimulatorServer {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.drop_connections();
        for link in self.shared.lock().links.values() {
            link.stream.shutdown(Shutdown::Both);
        }
        self.shared.timer.notify_all();
        self.doors.iter().for_each(Door::knock);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        Time(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn drive<R>(&self, work: impl FnOnce(&mut Simulator, Time) -> R) -> R {
        let mut state = self.lock();
        let result = work(&mut state.simulator, self.now());
        let touched = state.drain();
        if state.simulator.poll_timeout() < state.alarm || state.alarm.is_none() {
            self.timer.notify_one();
        }
        if state.waiting > 0 {
            self.progress.notify_all();
        }
        drop(state);
        for link in touched {
            link.flush();
        }
        result
    }

    fn wait<R>(
        &self,
        patience: Duration,
        mut ready: impl FnMut(&mut State) -> Option<R>,
    ) -> Option<R> {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        state.waiting += 1;
        let result = loop {
            if let Some(result) = ready(&mut state) {
                break Some(result);
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                break None;
            };
            state = self
                .progress
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        };
        state.waiting -= 1;
        result
    }

    fn keep_time(&self) {
        loop {
            self.drive(|simulator, now| simulator.handle_timeout(now));
            let mut state = self.lock();
            if state.stopping {
                return;
            }
            state.alarm = state.simulator.poll_timeout();
            let idle = state.alarm.map_or(Duration::from_secs(3_600), |at| {
                Duration::from_micros(at.0.saturating_sub(self.now().0))
            });
            drop(
                self.timer
                    .wait_timeout(state, idle)
                    .unwrap_or_else(PoisonError::into_inner),
            );
        }
    }

    fn accept(self: &Arc<Self>, listener: &Listener) {
        let mut readers = Vec::new();
        loop {
            let stream = listener.accept();
            if self.lock().stopping {
                break;
            }
            let Ok(stream) = stream else { continue };
            let shared = Arc::clone(self);
            let reader = thread::Builder::new().name("simulator-read".to_owned());
            if let Ok(handle) = reader.spawn(move || shared.serve(stream)) {
                readers.push(handle);
            }
            readers.retain(|reader: &JoinHandle<()>| !reader.is_finished());
        }
        for reader in readers {
            drop(reader.join());
        }
    }

    fn serve(&self, stream: Box<dyn Socket>) {
        let Ok(link) = Link::new(stream, self.tls.clone()) else {
            return;
        };
        let link = Arc::new(link);
        let certificate = link.tls.as_ref().and_then(ServerTls::client);
        let mut state = self.lock();
        if state.stopping {
            return;
        }
        let connection = state.simulator.open(self.now(), certificate);
        state.links.insert(connection, Arc::clone(&link));
        drop(state);
        // Sends what accepting alone has caused, which may be the close of a refused connection.
        self.drive(|_, _| ());
        // A client may go on right behind its handshake: that has been read already.
        match link.decrypt(&[]) {
            Ok(Some(data)) if !data.is_empty() => {
                self.drive(|simulator, now| simulator.handle_input(now, connection, &data));
            }
            _ => {}
        }
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match link.stream.read(&mut buffer) {
                Ok(count) if count > 0 => {
                    let Some(data) = buffer.get(..count) else {
                        break;
                    };
                    let Ok(Some(data)) = link.decrypt(data) else {
                        break;
                    };
                    self.drive(|simulator, now| simulator.handle_input(now, connection, &data));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) && !link.is_closed() => {}
                _ => break,
            }
        }
        self.drive(|simulator, now| simulator.handle_closed(now, connection));
        self.lock().links.remove(&connection);
    }
}

impl State {
    /// Moves the simulator's outputs to the links; the links that now have something to write.
    fn drain(&mut self) -> Vec<Arc<Link>> {
        let mut touched: Vec<Arc<Link>> = Vec::new();
        while let Some(result) = self.simulator.poll_result() {
            self.results.push(result);
        }
        while let Some(output) = self.simulator.poll_output() {
            let (Output::Send { connection, .. } | Output::Close { connection }) = output;
            let Some(link) = self.links.get(&connection) else {
                continue;
            };
            link.add(output);
            if !touched.iter().any(|known| Arc::ptr_eq(known, link)) {
                touched.push(Arc::clone(link));
            }
        }
        touched
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpStream;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn connect(server: &SimulatorServer) -> TcpStream {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(b"\x10\x10\0\x04MQTT\x04\x82\0\x3c\0\0\0\x02T1")
            .unwrap();
        assert_eq!(read(&mut stream, 4), [0x20, 2, 0, 0]);
        stream
    }

    fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_reading_sent_over_tcp_is_acknowledged_and_stored() {
        let server = SimulatorServer::start(Setup::one_device("T1")).unwrap();
        let mut stream = connect(&server);
        stream
            .write_all(b"\x32\x0f\0\x04v2/t\0\x07{\"a\":1}")
            .unwrap();
        assert_eq!(read(&mut stream, 4), [0x40, 2, 0, 7]);
        assert!(server.wait_until(PATIENCE, |simulator| simulator.stored().len() == 1));
    }

    #[test]
    fn what_the_core_sends_later_arrives_without_further_input() {
        let server = SimulatorServer::start(Setup::one_device("T1")).unwrap();
        let mut stream = connect(&server);
        stream.write_all(b"\x82\x09\0\x01\0\x04v2/a\0").unwrap();
        assert_eq!(read(&mut stream, 5), [0x90, 3, 0, 1, 0]);
        server.control(Control::DeleteShared {
            device: "dev1".to_owned(),
            keys: vec!["k".to_owned()],
        });
        assert_eq!(
            read(&mut stream, 25),
            b"\x30\x17\0\x04v2/a{\"deleted\":[\"k\"]}"
        );
    }

    #[test]
    fn dropping_the_server_closes_its_connections_and_its_port() {
        let server = SimulatorServer::start(Setup::one_device("T1")).unwrap();
        let address = server.address();
        let stream = connect(&server);
        drop(server);
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        assert!(TcpStream::connect(address).is_err());
    }
}
