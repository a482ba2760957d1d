//! A TCP proxy on loopback that cuts connections: the faults of a network, for clients and servers that
//! know only sockets.
//!
//! The simulated network reproduces faults byte for byte in virtual time; this one exists for programs that
//! others wrote, which cannot be run inside it.

mod pair;
mod schedule;

use core::net::{Ipv4Addr, SocketAddr};
use core::ops::Range;
use core::time::Duration;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use pair::Pair;
use schedule::Schedule;

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Both ends see an orderly end; what they still send goes nowhere.
    Fin,
    /// Both ends see a reset.
    Reset,
    /// Both ends see nothing: the connection stays open and every byte vanishes, until the client closes it.
    Stall,
}

/// Forwards every connection made to [`address`](Self::address) to one server, until told to cut.
///
/// Dropping it closes everything and waits for its threads.
#[derive(Debug)]
pub struct CuttingProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<thread::JoinHandle<()>>,
}

impl CuttingProxy {
    /// Listens on a free loopback port. The same `seed` cuts at the same byte counts.
    ///
    /// # Errors
    ///
    /// When no loopback port can be had. A server that refuses is no error here: the client's connection is
    /// then closed, as a proxy without a server does.
    pub fn start(upstream: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                schedule: Schedule::new(seed),
                pairs: Vec::new(),
                connections: 0,
                cuts: 0,
                stopping: false,
            }),
            changed: Condvar::new(),
        });
        let acceptor = thread::Builder::new()
            .name("cutting proxy".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || accept(&listener, upstream, &shared)
            })?;
        Ok(Self {
            address,
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// Where clients connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection that is open now. Counts one cut for each.
    pub fn cut(&self, cut: Cut) {
        let pairs: Vec<Arc<Pair>> = self
            .shared
            .lock()
            .pairs
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        for pair in pairs {
            pair.cut(cut, &self.shared);
        }
    }

    /// Lets `bytes` more bytes through, both directions of all connections added up, then cuts the connection
    /// that the next byte belongs to. Replaces what was planned before.
    pub fn cut_after(&self, bytes: u64, cut: Cut) {
        self.shared.lock().schedule.plan_one(bytes, cut);
    }

    /// Plans `cuts` cuts, each after a number of bytes drawn from `bytes` and of a kind drawn from `kinds`;
    /// afterwards everything passes. An empty range or no kinds plans nothing.
    pub fn cut_at_random(&self, cuts: u64, bytes: Range<u64>, kinds: &[Cut]) {
        self.shared.lock().schedule.plan_random(cuts, bytes, kinds);
    }

    /// How many connections have been cut.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.shared.lock().cuts
    }

    /// How many connections reached the server.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.lock().connections
    }

    /// Waits until at least `cuts` connections have been cut; false when that took longer than `at_most`.
    #[must_use]
    pub fn wait_for_cuts(&self, cuts: u64, at_most: Duration) -> bool {
        let state = self.shared.lock();
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, at_most, |state| state.cuts < cuts)
            .unwrap_or_else(PoisonError::into_inner);
        state.cuts >= cuts
    }
}

impl Drop for CuttingProxy {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        // `accept` cannot be interrupted, but it returns for a connection.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            // A panic in there has been printed, and a second one while unwinding would abort the test run.
            drop(acceptor.join());
        }
    }
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    schedule: Schedule,
    /// Weak, because the reset of a connection goes out when the last owner of its sockets is gone.
    pairs: Vec<Weak<Pair>>,
    connections: u64,
    cuts: u64,
    stopping: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_cut(&self) {
        self.lock().cuts += 1;
        self.changed.notify_all();
    }
}

fn accept(listener: &TcpListener, upstream: SocketAddr, shared: &Shared) {
    thread::scope(|scope| {
        for client in listener.incoming() {
            if shared.lock().stopping {
                break;
            }
            let Ok(pair) = client.and_then(|client| Pair::open(client, upstream)) else {
                continue;
            };
            let pair = Arc::new(pair);
            {
                let mut state = shared.lock();
                state.connections += 1;
                state.pairs.retain(|pair| pair.strong_count() > 0);
                state.pairs.push(Arc::downgrade(&pair));
            }
            let same = Arc::clone(&pair);
            scope.spawn(move || pair.forward_to_server(shared));
            scope.spawn(move || same.forward_to_client(shared));
        }
        let pairs: Vec<Arc<Pair>> = shared
            .lock()
            .pairs
            .drain(..)
            .filter_map(|pair| pair.upgrade())
            .collect();
        for pair in pairs {
            pair.close();
        }
    });
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A server that sends back what it gets, and the proxy in front of it.
    fn proxied_echo(seed: u64) -> CuttingProxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let upstream = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                thread::spawn(move || {
                    let stream = stream.unwrap();
                    io::copy(&mut &stream, &mut &stream)
                });
            }
        });
        CuttingProxy::start(upstream, seed).unwrap()
    }

    fn connect(proxy: &CuttingProxy) -> TcpStream {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn echoes(stream: &mut TcpStream, text: &[u8]) {
        stream.write_all(text).unwrap();
        let mut echo = vec![0; text.len()];
        stream.read_exact(&mut echo).unwrap();
        assert_eq!(echo, text);
    }

    #[test]
    fn without_cuts_everything_passes_in_both_directions() {
        let proxy = proxied_echo(1);
        let large: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        let mut stream = connect(&proxy);
        let mut sender = stream.try_clone().unwrap();
        let sent = large.clone();
        let sending = thread::spawn(move || {
            sender.write_all(&sent).unwrap();
            sender.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let mut echo = Vec::new();
        stream.read_to_end(&mut echo).unwrap();
        sending.join().unwrap();
        assert!(
            echo == large,
            "{} of {} bytes came back",
            echo.len(),
            large.len()
        );
        assert_eq!((proxy.connections(), proxy.cuts()), (1, 0));
    }

    #[test]
    fn fin_ends_the_stream_orderly_and_the_next_connection_works() {
        let proxy = proxied_echo(2);
        let mut stream = connect(&proxy);
        echoes(&mut stream, b"before");
        proxy.cut(Cut::Fin);
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
        echoes(&mut connect(&proxy), b"after");
        assert_eq!((proxy.connections(), proxy.cuts()), (2, 1));
    }

    #[test]
    fn reset_is_seen_as_a_reset() {
        let proxy = proxied_echo(3);
        let mut stream = connect(&proxy);
        echoes(&mut stream, b"before");
        proxy.cut(Cut::Reset);
        assert_eq!(
            stream.read(&mut [0; 8]).unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
        assert_eq!(proxy.cuts(), 1);
    }

    #[test]
    fn a_stalled_connection_stays_open_and_swallows_what_is_sent() {
        let proxy = proxied_echo(4);
        let mut stream = connect(&proxy);
        echoes(&mut stream, b"before");
        proxy.cut(Cut::Stall);
        stream.write_all(b"into the void").unwrap();
        stream.set_nonblocking(true).unwrap();
        assert_eq!(
            stream.read(&mut [0; 8]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        stream.set_nonblocking(false).unwrap();
        drop(proxy);
        let mut rest = Vec::new();
        // The end may be a reset, because bytes were swallowed; what counts is that no echo came.
        let _end = stream.read_to_end(&mut rest);
        assert_eq!(rest, b"");
    }

    #[test]
    fn a_planned_cut_lets_exactly_that_many_bytes_through() {
        let proxy = proxied_echo(5);
        let mut stream = connect(&proxy);
        proxy.cut_after(13, Cut::Fin);
        echoes(&mut stream, b"six: 6");
        stream.write_all(b"one more").unwrap();
        // Six there, six back, and one of eight.
        assert!(proxy.wait_for_cuts(1, PATIENCE));
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
        echoes(&mut connect(&proxy), b"no second cut was planned");
    }

    #[test]
    fn random_cuts_come_as_often_as_planned_and_then_stop() {
        let proxy = proxied_echo(6);
        proxy.cut_at_random(5, 1..200, &[Cut::Fin, Cut::Reset]);
        let mut round_trips = 0;
        while proxy.cuts() < 5 {
            let mut stream = connect(&proxy);
            while stream.write_all(b"ping").is_ok() && stream.read_exact(&mut [0; 4]).is_ok() {
                round_trips += 1;
            }
        }
        assert!(
            round_trips < 5 * 200 / 8,
            "{round_trips} round trips went through"
        );
        echoes(&mut connect(&proxy), &[7; 5_000]);
        assert_eq!(proxy.cuts(), 5);
    }

    #[test]
    fn a_server_that_refuses_closes_the_client() {
        let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap();
        let proxy = CuttingProxy::start(nobody, 7).unwrap();
        assert_eq!(connect(&proxy).read(&mut [0; 8]).unwrap(), 0);
        assert_eq!((proxy.connections(), proxy.cuts()), (0, 0));
    }
}
