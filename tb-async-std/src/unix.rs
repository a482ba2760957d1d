//! Sockets of the file system.

use core::future::Future;
use core::pin::Pin;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use async_io::Async;
use tb_driver::{Connect, ConnectError, refuse_tls};
use tb_proto::Endpoint;

/// Connects by a socket of the file system, whatever the address of the server says: the name in it only
/// tells servers apart in messages.
///
/// It gives no way into the calls that take an address and nothing else; give it to
/// `tb_driver::Driver::new(config, Unix::at(path), AsyncIoTimer::new())`.
#[derive(Clone, Debug)]
pub struct Unix {
    path: PathBuf,
}

impl Unix {
    /// Connects to the socket at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Connect for Unix {
    type Stream = Async<UnixStream>;
    type Connecting = Pin<Box<dyn Future<Output = Result<Self::Stream, ConnectError>> + Send>>;

    fn connect(&mut self, target: &Endpoint) -> Self::Connecting {
        let (plain, path) = (refuse_tls(target), self.path.clone());
        Box::pin(async move {
            plain?;
            Ok(Async::<UnixStream>::connect(path).await?)
        })
    }
}
