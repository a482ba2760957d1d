//! What the simulator is served on: sockets of the network and of the file system.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
#[cfg(unix)]
use std::path::PathBuf;

/// A connection that one thread reads while others write to it and close it.
pub(crate) trait Socket: fmt::Debug + Send + Sync {
    fn set_timeouts(&self, read: Duration, write: Duration) -> io::Result<()>;
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write_all(&self, bytes: &[u8]) -> io::Result<()>;
    fn shutdown(&self, how: Shutdown);
}

impl Socket for TcpStream {
    fn set_timeouts(&self, read: Duration, write: Duration) -> io::Result<()> {
        self.set_nodelay(true)?;
        self.set_read_timeout(Some(read))?;
        self.set_write_timeout(Some(write))
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buffer)
    }

    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(&mut &*self, bytes)
    }

    fn shutdown(&self, how: Shutdown) {
        drop(Self::shutdown(self, how));
    }
}

#[cfg(unix)]
impl Socket for UnixStream {
    fn set_timeouts(&self, read: Duration, write: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(read))?;
        self.set_write_timeout(Some(write))
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buffer)
    }

    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(&mut &*self, bytes)
    }

    fn shutdown(&self, how: Shutdown) {
        drop(Self::shutdown(self, how));
    }
}

/// Where connections come in.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    pub(crate) fn accept(&self) -> io::Result<Box<dyn Socket>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept()?.0),
            #[cfg(unix)]
            Self::Unix(listener) => Box::new(listener.accept()?.0),
        })
    }
}

/// The address of a listener: a connection to it wakes the thread that blocks in `accept`.
#[derive(Debug)]
pub(crate) enum Door {
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(PathBuf),
}

impl Door {
    pub(crate) fn knock(&self) {
        match self {
            Self::Tcp(address) => drop(TcpStream::connect(address)),
            #[cfg(unix)]
            Self::Unix(path) => drop(UnixStream::connect(path)),
        }
    }
}
