//! The server's side of TLS, over blocking sockets.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, ServerConnection,
    SignatureScheme, client::danger::HandshakeSignatureValid,
};

use super::certificate::ClientCertificate;
use super::socket::Socket;

/// A socket as rustls wants it.
struct Stream<'a>(&'a dyn Socket);

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// TLS of one connection.
#[derive(Debug)]
pub(super) struct ServerTls(Mutex<ServerConnection>);

impl ServerTls {
    /// Sets TLS up.
    pub(super) fn accept(config: Arc<ServerConfig>, stream: &dyn Socket) -> io::Result<Self> {
        let mut stream = Stream(stream);
        let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(Self(Mutex::new(connection)))
    }

    /// What the client showed of itself.
    pub(super) fn client(&self) -> Option<ClientCertificate> {
        ClientCertificate::shown(self.lock().peer_certificates()?)
    }

    /// What these bytes of the client mean, behind what came together with the end of its handshake. `None`:
    /// it has said that nothing more comes.
    pub(super) fn decrypt(&self, mut data: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let mut connection = self.lock();
        let mut plain = Vec::new();
        loop {
            let state = connection.process_new_packets().map_err(io::Error::other)?;
            let mut part = vec![0; state.plaintext_bytes_to_read()];
            connection.reader().read_exact(&mut part)?;
            plain.append(&mut part);
            if state.peer_has_closed() && plain.is_empty() {
                return Ok(None);
            }
            if data.is_empty() {
                return Ok(Some(plain));
            }
            connection.read_tls(&mut data)?;
        }
    }

    /// The bytes that say this to the client, and after that, if it `closes`, that nothing more comes.
    pub(super) fn encrypt(&self, mut plain: &[u8], closes: bool) -> io::Result<Vec<u8>> {
        let mut connection = self.lock();
        let mut encrypted = Vec::new();
        while !plain.is_empty() {
            let written = connection.writer().write(plain)?;
            plain = plain.get(written..).unwrap_or_default();
            connection.write_tls(&mut encrypted)?;
        }
        if closes {
            connection.send_close_notify();
        }
        while connection.wants_write() {
            connection.write_tls(&mut encrypted)?;
        }
        Ok(encrypted)
    }

    fn lock(&self) -> MutexGuard<'_, ServerConnection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for a certificate and takes every one, as ThingsBoard's TLS layer does (TB §1.6): whether the
/// device is known shows at CONNECT.
pub(crate) fn any_client(provider: &CryptoProvider) -> Arc<dyn ClientCertVerifier> {
    Arc::new(AnyClient(provider.signature_verification_algorithms))
}

#[derive(Debug)]
struct AnyClient(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = (0..3).fold(0, |number, i| {
            number << 8 | usize::from(chunk.get(i).copied().unwrap_or(0))
        });
        for i in 0..4 {
            text.push(if i <= chunk.len() {
                char::from(DIGITS[number >> (18 - 6 * i) & 63])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_padded() {
        assert_eq!(base64(b"Man"), "TWFu");
        assert_eq!(base64(b"Ma"), "TWE=");
        assert_eq!(base64(b"M"), "TQ==");
        assert_eq!(base64(b""), "");
    }
}
