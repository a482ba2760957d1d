//! Plain TCP.

use core::future::Future;
use core::pin::Pin;

use tb_driver::{Connect, ConnectError, refuse_tls};
use tb_proto::{Endpoint, LinkLost};
use tokio::net::{TcpStream, lookup_host};

use crate::Compat;

/// Connects by TCP, trying every address of the host in turn. Nagle's algorithm is off: the driver
/// writes in large pieces by itself, and a single reading must not wait for the next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Connect for Tcp {
    type Stream = Compat<TcpStream>;
    type Connecting = Pin<Box<dyn Future<Output = Result<Self::Stream, ConnectError>> + Send>>;

    fn connect(&mut self, target: &Endpoint) -> Self::Connecting {
        Box::pin(open(target.clone()))
    }
}

async fn open(target: Endpoint) -> Result<Compat<TcpStream>, ConnectError> {
    refuse_tls(&target)?;
    let addresses = lookup_host((target.host(), target.port()))
        .await
        .map_err(|error| ConnectError::new(LinkLost::HostNotFound, error.to_string()))?;
    let mut failure = ConnectError::new(LinkLost::HostNotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await.and_then(without_delay) {
            Ok(stream) => return Ok(Compat::new(stream)),
            Err(error) => failure = ConnectError::from(error),
        }
    }
    Err(failure)
}

fn without_delay(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}
