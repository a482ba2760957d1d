use std::borrow::Cow;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;

use super::{LINGER, WRITE_TIMEOUT};
use crate::sim::Output;
use crate::sim::socket::Socket;
use crate::sim::tls::ServerTls;

/// The writing side of a connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) stream: Box<dyn Socket>,
    pub(super) tls: Option<ServerTls>,
    pending: Mutex<Pending>,
    /// Held while writing, so that what was taken first is written first. True once it was closed.
    writing: Mutex<bool>,
}

#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    close: bool,
}

impl Link {
    pub(super) fn new(stream: Box<dyn Socket>, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        stream.set_timeouts(LINGER, WRITE_TIMEOUT)?;
        let tls = match tls {
            Some(config) => Some(ServerTls::accept(config, &*stream)?),
            None => None,
        };
        Ok(Self {
            stream,
            tls,
            pending: Mutex::default(),
            writing: Mutex::default(),
        })
    }

    pub(super) fn add(&self, output: Output) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        match output {
            Output::Send { bytes, .. } if pending.bytes.is_empty() => pending.bytes = bytes,
            Output::Send { bytes, .. } => pending.bytes.extend_from_slice(&bytes),
            Output::Close { .. } => pending.close = true,
        }
    }

    pub(super) fn flush(&self) {
        let mut closed = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            core::mem::take(&mut *pending)
        };
        let written = self
            .encrypt(&taken)
            .and_then(|bytes| self.stream.write_all(&bytes));
        if written.is_err() {
            self.stream.shutdown(Shutdown::Both);
        } else if taken.close {
            self.stream.shutdown(Shutdown::Write);
        }
        *closed |= taken.close;
    }

    fn encrypt<'a>(&self, taken: &'a Pending) -> io::Result<Cow<'a, [u8]>> {
        match &self.tls {
            Some(tls) => tls.encrypt(&taken.bytes, taken.close).map(Cow::Owned),
            None => Ok(Cow::Borrowed(&taken.bytes)),
        }
    }

    /// `None`: nothing more comes.
    pub(super) fn decrypt<'a>(&self, data: &'a [u8]) -> io::Result<Option<Cow<'a, [u8]>>> {
        match &self.tls {
            Some(tls) => Ok(tls.decrypt(data)?.map(Cow::Owned)),
            None => Ok(Some(Cow::Borrowed(data))),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
