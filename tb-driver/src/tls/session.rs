//! TLS of one connection, without any I/O.

use alloc::sync::Arc;
use core::fmt;
use std::io::{Read, Write};

use rustls::{ClientConfig, ClientConnection, Error};
use tb_proto::TlsFault;

use super::{TlsConfig, TlsError, TlsSetupError, fault};

/// The first byte of a TLS record is its type, from `change_cipher_spec` to `application_data`
/// (RFC 8446, 5.1).
const RECORD_TYPES: core::ops::RangeInclusive<u8> = 20..=23;

/// An empty buffer that is larger is given back.
const KEPT: usize = 2 * 1024;

/// One TLS connection of a client: bytes of the peer go in, bytes of MQTT come out, and the reverse.
///
/// It does no I/O and has no clock; it looks at the system's time only to judge certificates. Whoever
/// owns it reads from the peer into [`handle_input`](Self::handle_input), sends what
/// [`output`](Self::output) shows after every call of any other method, and moves the bytes of MQTT by
/// [`read`](Self::read) and [`write`](Self::write). It holds as many bytes as were given to it and not
/// yet taken; buffers that are empty are given back.
pub struct TlsSession {
    connection: ClientConnection,
    config: Arc<ClientConfig>,
    /// Decrypted and not read yet, from `consumed` on.
    received: Vec<u8>,
    consumed: usize,
    /// To be sent, from `sent` on.
    outgoing: Vec<u8>,
    sent: usize,
    /// Something came from the peer.
    heard: bool,
    end: End,
}

/// How the bytes of the peer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Open,
    /// By `close_notify`.
    Closed,
    Failed(TlsError),
}

impl TlsSession {
    /// A session with the server at `host`. Its first bytes are to be sent.
    ///
    /// # Errors
    /// [`TlsSetupError`].
    pub fn new(config: &TlsConfig, host: &str) -> Result<Self, TlsSetupError> {
        let name = config.name_of(host)?;
        let config = config.prepared()?;
        // It fails where the name cannot be sent, or no cipher is left.
        let connection = ClientConnection::new(Arc::clone(&config), name)
            .map_err(|_| TlsSetupError::NoCipher)?;
        let mut session = Self {
            connection,
            config,
            received: Vec::new(),
            consumed: 0,
            outgoing: Vec::new(),
            sent: 0,
            heard: false,
            end: End::Open,
        };
        session.collect_output();
        Ok(session)
    }

    /// Takes bytes of the peer, as many and as few as came.
    ///
    /// # Errors
    /// [`TlsError`], and from then on always the same. There may be an alert to send all the same.
    pub fn handle_input(&mut self, mut data: &[u8]) -> Result<(), TlsError> {
        if let End::Failed(error) = &self.end {
            return Err(error.clone());
        }
        if let (false, Some(first)) = (self.heard, data.first()) {
            self.heard = true;
            if !RECORD_TYPES.contains(first) {
                return Err(self.fail(TlsFault::NotTls, String::new()));
            }
        }
        // What comes after `close_notify` is of no interest (RFC 8446, 6.1).
        while !data.is_empty() && self.end == End::Open {
            let taken = self.connection.read_tls(&mut data);
            let processed = match taken {
                Ok(_) => self.connection.process_new_packets(),
                Err(error) => Err(Error::General(error.to_string())),
            };
            self.collect_output();
            let state = match processed {
                Ok(state) => state,
                Err(error) => {
                    let fault = fault::of(
                        &error,
                        &self.connection,
                        self.config.client_auth_cert_resolver.has_certs(),
                    );
                    return Err(self.fail(fault, error.to_string()));
                }
            };
            let plain = state.plaintext_bytes_to_read();
            if plain > 0 {
                let start = self.received.len();
                self.received.resize(start + plain, 0);
                let place = self.received.get_mut(start..).unwrap_or_default();
                let read = self.connection.reader().read(place).unwrap_or(0);
                self.received.truncate(start + read);
            }
            if state.peer_has_closed() {
                self.end = End::Closed;
            }
        }
        Ok(())
    }

    /// The connection below has ended.
    ///
    /// # Errors
    /// [`TlsFault::ClosedEarly`] if TLS was not set up by then. Afterwards there is none: MQTT frames
    /// its packets itself, so that a cut end hides nothing; see [`is_truncated`](Self::is_truncated).
    pub fn handle_end(&mut self) -> Result<(), TlsError> {
        match &self.end {
            End::Failed(error) => Err(error.clone()),
            End::Open if self.is_handshaking() => {
                Err(self.fail(TlsFault::ClosedEarly, String::new()))
            }
            End::Open | End::Closed => Ok(()),
        }
    }

    /// Whether no `close_notify` came (yet): a connection that ended so was cut by somebody.
    pub fn is_truncated(&self) -> bool {
        self.end != End::Closed
    }

    /// Whether the peer has said that nothing more comes.
    pub fn is_closed(&self) -> bool {
        self.end == End::Closed
    }

    /// Whether TLS is still being set up. The peer's certificate has been verified when it is not.
    ///
    /// With TLS 1.3 the server judges the certificate of this side only after that: its refusal comes
    /// with the first bytes.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// The application protocol (ALPN) that the server chose.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.connection.alpn_protocol()
    }

    /// Moves decrypted bytes into `buffer`; 0 if there are none at present.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let waiting = self.received.get(self.consumed..).unwrap_or_default();
        let count = waiting.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), waiting.get(..count)) {
            to.copy_from_slice(from);
        }
        self.consumed += count;
        empty(&mut self.received, &mut self.consumed);
        count
    }

    /// Encrypts as much of `data` as it takes; nothing before TLS is set up.
    pub fn write(&mut self, data: &[u8]) -> usize {
        if self.is_handshaking() {
            return 0;
        }
        // What it refuses, after an error, cannot be sent anyway.
        let written = self.connection.writer().write(data).unwrap_or(0);
        self.collect_output();
        written
    }

    /// Says that nothing more comes from this side (`close_notify`).
    pub fn close(&mut self) {
        self.connection.send_close_notify();
        self.collect_output();
    }

    /// The bytes to send next.
    pub fn output(&self) -> &[u8] {
        self.outgoing.get(self.sent..).unwrap_or_default()
    }

    /// So many bytes of [`output`](Self::output) were sent.
    pub fn sent(&mut self, count: usize) {
        self.sent = self.sent.saturating_add(count).min(self.outgoing.len());
        empty(&mut self.outgoing, &mut self.sent);
    }

    /// Takes all bytes to send.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.outgoing.drain(..self.sent);
        self.sent = 0;
        core::mem::take(&mut self.outgoing)
    }

    fn collect_output(&mut self) {
        while self.connection.wants_write() {
            // Writing into memory does not fail.
            if !matches!(self.connection.write_tls(&mut self.outgoing), Ok(1..)) {
                break;
            }
        }
    }

    fn fail(&mut self, fault: TlsFault, text: String) -> TlsError {
        let error = TlsError { fault, text };
        self.end = End::Failed(error.clone());
        error
    }
}

/// Empties a buffer of which everything was taken, and gives it back if it is large.
fn empty(buffer: &mut Vec<u8>, taken: &mut usize) {
    if *taken == buffer.len() {
        *taken = 0;
        buffer.clear();
        if buffer.capacity() > KEPT {
            *buffer = Vec::new();
        }
    }
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession")
            .field("handshaking", &self.is_handshaking())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
