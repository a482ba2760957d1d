//! Plain TCP.

use core::time::Duration;
use std::net::{Shutdown, TcpStream, ToSocketAddrs};

use tb_driver::ConnectError;
use tb_proto::{Endpoint, LinkLost, Scheme, TlsFault};

use crate::{Connect, Connection};

/// An address that does not answer is given up after this.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Connects by TCP, trying every address of the host in turn. Nagle's algorithm is off: the writer
/// writes in large pieces by itself, and a single reading must not wait for the next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Connect for Tcp {
    fn connect(&mut self, target: &Endpoint) -> Result<Connection, ConnectError> {
        if target.scheme() != Scheme::Mqtt {
            // Never plain TCP where TLS was asked for.
            return Err(ConnectError::new(
                LinkLost::Tls(TlsFault::NotSupported),
                "this transport speaks no TLS",
            ));
        }
        let addresses = (target.host(), target.port())
            .to_socket_addrs()
            .map_err(|error| ConnectError::new(LinkLost::HostNotFound, error.to_string()))?;
        let mut failure = ConnectError::new(LinkLost::HostNotFound, "the name has no address");
        for address in addresses {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(stream) => return halves(stream).map_err(ConnectError::from),
                Err(error) => failure = ConnectError::from(error),
            }
        }
        Err(failure)
    }
}

fn halves(stream: TcpStream) -> std::io::Result<Connection> {
    stream.set_nodelay(true)?;
    let (reader, writer) = (stream.try_clone()?, stream.try_clone()?);
    Ok(Connection::new(reader, writer, move || {
        // A connection that the peer has closed already cannot be shut down; that is as good.
        let _ = stream.shutdown(Shutdown::Both);
    }))
}
