//! Plain TCP.

use core::future::Future;
use core::pin::Pin;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};

use async_io::Async;
use tb_driver::{Connect, ConnectError, refuse_tls};
use tb_proto::{Endpoint, LinkLost};

/// Connects by TCP, trying every address of the host in turn. Nagle's algorithm is off: the driver
/// writes in large pieces by itself, and a single reading must not wait for the next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Connect for Tcp {
    type Stream = Async<TcpStream>;
    type Connecting = Pin<Box<dyn Future<Output = Result<Self::Stream, ConnectError>> + Send>>;

    fn connect(&mut self, target: &Endpoint) -> Self::Connecting {
        Box::pin(open(target.clone()))
    }
}

async fn open(target: Endpoint) -> Result<Async<TcpStream>, ConnectError> {
    refuse_tls(&target)?;
    let mut failure = ConnectError::new(LinkLost::HostNotFound, "the name has no address");
    for address in addresses(target).await? {
        match Async::<TcpStream>::connect(address).await {
            Ok(stream) => {
                stream.get_ref().set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = ConnectError::from(error),
        }
    }
    Err(failure)
}

/// The system's look-up of names blocks.
async fn addresses(target: Endpoint) -> Result<Vec<SocketAddr>, ConnectError> {
    let look_up = move || (target.host(), target.port()).to_socket_addrs();
    match blocking::unblock(look_up).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(ConnectError::new(LinkLost::HostNotFound, error.to_string())),
    }
}
