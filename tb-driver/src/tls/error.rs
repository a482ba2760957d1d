//! What is wrong with a configuration of TLS, and with a connection.

use core::fmt;
use std::io;
use std::path::PathBuf;

use tb_proto::TlsFault;

use super::Pem;

/// TLS cannot be set up with this configuration: whoever made it has to change something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsSetupError {
    /// A file cannot be read.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        kind: io::ErrorKind,
    },
    /// There is no certificate, or a damaged one.
    NoCertificate {
        /// Where it was looked for.
        pem: Pem,
    },
    /// This certificate is damaged or of a version that cannot be used.
    InvalidCertificate {
        /// Where it is.
        pem: Pem,
    },
    /// There is no private key, or a damaged one.
    NoPrivateKey {
        /// Where it was looked for.
        pem: Pem,
    },
    /// There is a public key or a certificate where the private key should be.
    NotPrivate {
        /// Where it was looked for.
        pem: Pem,
    },
    /// The private key is encrypted: give its password ([`Identity::password`](super::Identity)), for
    /// which the feature `tls-encrypted-keys` is needed.
    EncryptedKey {
        /// Where it is.
        pem: Pem,
    },
    /// The private key is encrypted in the old way of OpenSSL, which is not supported.
    OldEncryption {
        /// Where it is.
        pem: Pem,
    },
    /// The password does not open the private key, or it is encrypted in a way that is not supported.
    WrongPassword {
        /// Where it is.
        pem: Pem,
    },
    /// The private key is of a kind or size that TLS cannot use here.
    UnsupportedKey {
        /// Where it is.
        pem: Pem,
    },
    /// The private key belongs to another certificate.
    KeyMismatch,
    /// The host of the address, or the server name set instead of it, is neither a DNS name nor an IP address.
    ServerName {
        /// The name.
        name: String,
    },
    /// An application protocol (ALPN) is empty or longer than 255 bytes.
    Alpn,
    /// The operating system has no certificates that it trusts.
    NoNativeRoots,
    /// The cryptography offers no cipher for the versions asked for.
    NoCipher,
}

impl fmt::Display for TlsSetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, kind } => write!(f, "cannot read {}: {kind}", path.display()),
            Self::NoCertificate { pem } => write!(
                f,
                "no certificate in {pem}: it must have a section BEGIN CERTIFICATE"
            ),
            Self::InvalidCertificate { pem } => write!(f, "the certificate in {pem} is damaged"),
            Self::NoPrivateKey { pem } => write!(
                f,
                "no private key in {pem}: it must have a section BEGIN PRIVATE KEY, BEGIN RSA PRIVATE KEY or BEGIN EC PRIVATE KEY"
            ),
            Self::NotPrivate { pem } => write!(
                f,
                "no private key in {pem} but a public key or certificate: certificate and key may be swapped"
            ),
            Self::EncryptedKey { pem } => write!(
                f,
                "the private key in {pem} is encrypted: give its password (feature tls-encrypted-keys), or decrypt it with `openssl pkey`"
            ),
            Self::OldEncryption { pem } => write!(
                f,
                "the private key in {pem} is encrypted in the old way: convert it with `openssl pkcs8 -topk8`"
            ),
            Self::WrongPassword { pem } => write!(
                f,
                "the password does not open the private key in {pem}; PBES2 with AES is supported"
            ),
            Self::UnsupportedKey { pem } => write!(
                f,
                "the private key in {pem} cannot be used: RSA of 2048 bits or more, P-256, P-384 and Ed25519 can"
            ),
            Self::KeyMismatch => f.write_str(
                "the private key does not belong to the certificate: the device's own certificate must come first",
            ),
            Self::ServerName { name } => write!(f, "{name:?} is no name that a certificate can be for"),
            Self::Alpn => f.write_str("an application protocol has 1 to 255 bytes"),
            Self::NoNativeRoots => f.write_str(
                "the system has no trusted certificates: install its CA certificates, or give the server's CA",
            ),
            Self::NoCipher => f.write_str("the cryptography has no cipher for this version of TLS"),
        }
    }
}

impl core::error::Error for TlsSetupError {}

/// TLS with a peer failed. A stream gives it inside of an [`io::Error`], from which
/// [`link_lost`](crate::link_lost) takes what it means for the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// What kind of failure it is.
    pub fault: TlsFault,
    /// What the TLS library said; may be empty.
    pub text: String,
}

impl TlsError {
    /// The one inside of `error`, if TLS failed.
    pub fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, text } = self;
        if text.is_empty() {
            fault.fmt(f)
        } else {
            write!(f, "{fault}: {text}")
        }
    }
}

impl core::error::Error for TlsError {}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

impl From<TlsError> for crate::ConnectError {
    fn from(error: TlsError) -> Self {
        Self::new(tb_proto::LinkLost::Tls(error.fault), error.text)
    }
}

impl From<TlsSetupError> for crate::ConnectError {
    fn from(error: TlsSetupError) -> Self {
        Self::new(tb_proto::LinkLost::Tls(TlsFault::Local), error.to_string())
    }
}
