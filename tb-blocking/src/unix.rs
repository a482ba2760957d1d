//! Sockets of the file system.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use tb_driver::{ConnectError, refuse_tls};
use tb_proto::Endpoint;

use crate::{Connect, Connection};

/// Connects by a socket of the file system, whatever the address of the server says: the name in it only
/// tells servers apart in messages.
///
/// It gives no way into the calls that take an address and nothing else; give it to
/// `Driver::new(config, Unix::at(path))`.
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
    fn connect(&mut self, target: &Endpoint) -> Result<Connection, ConnectError> {
        refuse_tls(target)?;
        let stream = UnixStream::connect(&self.path)?;
        let (reader, writer) = (stream.try_clone()?, stream.try_clone()?);
        Ok(Connection::new(reader, writer, move || {
            // A connection that the peer has closed already cannot be shut down; that is as good.
            let _ = stream.shutdown(Shutdown::Both);
        }))
    }
}
