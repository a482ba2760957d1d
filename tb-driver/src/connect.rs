//! How a connection is opened: the place to plug in a transport of one's own.

use core::fmt;
use core::future::Future;
use std::io;

use futures_io::{AsyncRead, AsyncWrite};
use tb_proto::{Endpoint, LinkLost, Scheme, TlsFault};

/// Opens connections for a [`Driver`](crate::Driver).
///
/// The driver asks for one at a time, and for the next only when the one before is closed or given
/// up. It sets no deadline here: when the machine's own is over
/// ([`connect_timeout`](tb_proto::Config::connect_timeout)) the future is dropped.
pub trait Connect {
    /// An open connection: a reliable, ordered stream of bytes in both directions.
    ///
    /// Written bytes may wait in it until it is flushed; closing it should flush and say goodbye.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// An attempt to open one. Dropping it gives the attempt up.
    type Connecting: Future<Output = Result<Self::Stream, ConnectError>>;

    /// Begins an attempt to reach `target`.
    fn connect(&mut self, target: &Endpoint) -> Self::Connecting;
}

/// Why a connection could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError {
    /// What kind of failure it is: decides when the client tries again.
    pub cause: LinkLost,
    /// What the transport said.
    pub text: String,
}

impl ConnectError {
    /// A failure of this kind, in the words of the transport.
    pub fn new(cause: LinkLost, text: impl Into<String>) -> Self {
        Self {
            cause,
            text: text.into(),
        }
    }
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::new(link_lost(&error), error.to_string())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cause, text } = self;
        if text.is_empty() {
            write!(f, "{cause}")
        } else {
            write!(f, "{cause}: {text}")
        }
    }
}

impl core::error::Error for ConnectError {}

/// Refuses an address that asks for TLS, for a transport that speaks none: it is never reached plain.
///
/// # Errors
/// [`ConnectError`] with [`TlsFault::NotSupported`].
pub fn refuse_tls(target: &Endpoint) -> Result<(), ConnectError> {
    match target.scheme() {
        Scheme::Mqtt => Ok(()),
        _ => Err(ConnectError::new(
            LinkLost::Tls(TlsFault::NotSupported),
            "this transport speaks no TLS",
        )),
    }
}

/// What the failure of a socket means for the connection.
pub fn link_lost(error: &io::Error) -> LinkLost {
    use io::ErrorKind;
    #[cfg(feature = "_rustls")]
    if let Some(error) = crate::tls::TlsError::within(error) {
        return LinkLost::Tls(error.fault);
    }
    match error.kind() {
        // The socket of a Unix server that is not running is not there.
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => LinkLost::ConnectionRefused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            LinkLost::Reset
        }
        ErrorKind::UnexpectedEof => LinkLost::Closed,
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::TimedOut => LinkLost::Unreachable,
        _ => LinkLost::Local,
    }
}
