//! Plain TCP.

use alloc::sync::Arc;
use core::time::Duration;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use socket2::{Domain, Protocol, Socket, Type};
use tb_driver::{ConnectError, refuse_tls};
use tb_proto::{Endpoint, LinkLost};

use crate::connect::Halves;
use crate::{Connect, Connection};

/// An address that does not answer is given up after this.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A socket cannot be shut down between its making and the system call that connects it: it is tried so often.
const ATTEMPTS: usize = 100;

/// Connects by TCP, trying every address of the host in turn. Nagle's algorithm is off: the writer
/// writes in large pieces by itself, and a single reading must not wait for the next.
///
/// An attempt that the client gives up, at its deadline or because it disconnects, ends at once, also while an
/// address does not answer; on systems other than Linux an address is waited for up to 20 s. Only looking up
/// the name cannot be interrupted: that takes as long as the system's resolver does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Connect for Tcp {
    fn connect(&mut self, target: &Endpoint) -> Result<Connection, ConnectError> {
        refuse_tls(target)?;
        let addresses = (target.host(), target.port())
            .to_socket_addrs()
            .map_err(|error| ConnectError::new(LinkLost::HostNotFound, error.to_string()))?;
        let dial = Arc::new(Dial::default());
        let closing = Arc::clone(&dial);
        let dialling = Connection::new(io::empty(), io::sink(), move || closing.close());
        Ok(dialling.then(move |_| dial.first_of(addresses)))
    }
}

/// A connection from before it is opened on, which any thread can end.
#[derive(Default)]
struct Dial(Mutex<State>);

#[derive(Default)]
enum State {
    /// No address is being tried yet.
    #[default]
    Idle,
    Dialling(Socket),
    Open(Socket),
    Closed,
}

impl Dial {
    /// Connects to the first of these addresses that answers.
    fn first_of(
        &self,
        addresses: impl Iterator<Item = SocketAddr>,
    ) -> Result<Halves, ConnectError> {
        let mut failure = ConnectError::new(LinkLost::HostNotFound, "the name has no address");
        for address in addresses {
            match self.to(address) {
                Ok(halves) => return Ok(halves),
                Err(error) => failure = ConnectError::from(error),
            }
            if matches!(*self.lock(), State::Closed) {
                break;
            }
        }
        Err(failure)
    }

    fn to(&self, address: SocketAddr) -> io::Result<Halves> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        self.advance(State::Dialling(socket.try_clone()?))?;
        if let Err(error) = socket.connect_timeout(&address.into(), TIMEOUT) {
            // It has come to nothing: `close` would try again and again to shut it down.
            self.advance(State::Idle)?;
            return Err(error);
        }
        self.advance(State::Open(socket.try_clone()?))?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        Ok(Halves {
            writer: Box::new(stream.try_clone()?),
            reader: Box::new(stream),
        })
    }

    /// Goes on unless the connection was closed meanwhile.
    fn advance(&self, next: State) -> io::Result<()> {
        let mut state = self.lock();
        if matches!(*state, State::Closed) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        *state = next;
        Ok(())
    }

    fn close(&self) {
        let state = core::mem::replace(&mut *self.lock(), State::Closed);
        match state {
            State::Dialling(socket) => {
                for _ in 0..ATTEMPTS {
                    if socket.shutdown(Shutdown::Both).is_ok() {
                        break;
                    }
                    thread::yield_now();
                }
            }
            State::Open(socket) => {
                // A connection that the peer has closed already cannot be shut down; that is as good.
                let _ = socket.shutdown(Shutdown::Both);
            }
            State::Idle | State::Closed => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_shut_down_of_a_connection_that_was_refused() {
        let taken = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        taken.bind(&any.into()).unwrap();
        let nobody_listens = taken.local_addr().unwrap().as_socket().unwrap();

        let dial = Dial::default();
        let refused = dial.first_of([nobody_listens].into_iter()).unwrap_err();
        assert_eq!(refused.cause, LinkLost::ConnectionRefused);
        assert!(matches!(*dial.lock(), State::Idle));
    }
}
