//! A TLS server in memory.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};
use tb_driver::tls::{TlsConfig, TlsError, TlsSession};
use tb_tests::certificates::{Authority, Issued, Validity};

pub(crate) const HOST: &str = "tb.example";

pub(crate) const BOTH: [&rustls::SupportedProtocolVersion; 2] =
    [&rustls::version::TLS13, &rustls::version::TLS12];

/// An authority, and a server with a certificate of it.
pub(crate) fn ordinary() -> (Authority, Issued) {
    let authority = Authority::new("Test CA");
    let server = authority.issue(&[HOST], Validity::Now);
    (authority, server)
}

/// The two ends of a connection, and what is in between.
pub(crate) struct Pair {
    pub(crate) client: TlsSession,
    pub(crate) server: ServerConnection,
}

impl Pair {
    pub(crate) fn new(config: &TlsConfig, server: Arc<ServerConfig>) -> Self {
        Self {
            client: TlsSession::new(config, HOST).unwrap(),
            server: ServerConnection::new(server).unwrap(),
        }
    }

    /// Passes bytes to and fro, at most `piece` at a time to the client, until nobody has any more.
    pub(crate) fn exchange(&mut self, piece: usize) -> Result<(), TlsError> {
        loop {
            let output = self.client.take_output();
            let mut input = output.as_slice();
            while !input.is_empty() {
                self.server.read_tls(&mut input).unwrap();
                // What it does not like it tells the client.
                let _ = self.server.process_new_packets();
            }
            let answer = self.sent_by_server();
            if output.is_empty() && answer.is_empty() {
                return Ok(());
            }
            for piece in answer.chunks(piece) {
                self.client.handle_input(piece)?;
            }
        }
    }

    pub(crate) fn sent_by_server(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.server.wants_write() {
            self.server.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    pub(crate) fn server_says(&mut self, text: &[u8]) {
        self.server.writer().write_all(text).unwrap();
    }

    pub(crate) fn client_hears(&mut self) -> Vec<u8> {
        let mut heard = vec![0; 100_000];
        let mut len = 0;
        loop {
            match self.client.read(&mut heard[len..]) {
                0 => break,
                read => len += read,
            }
        }
        heard.truncate(len);
        heard
    }

    pub(crate) fn server_hears(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        let _ = self.server.reader().read_to_end(&mut heard);
        heard
    }
}
