//! What is chosen about TLS.

use alloc::sync::Arc;
use core::fmt;
use std::sync::{Mutex, PoisonError};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::prepared::{Material, prepare};
use super::provider::Cryptography;
use super::{Identity, Pem, TlsSetupError};

/// How TLS connections are made: whom to trust, and who this device is.
///
/// The default trusts the authorities that browsers trust (Mozilla's list, compiled in), speaks TLS 1.3
/// and 1.2, shows no certificate, and lets nothing pass that cannot be verified.
///
/// ```
/// use tb_driver::tls::{Identity, Pem, TlsConfig, TlsVersion};
///
/// let tls = TlsConfig::new()
///     .ca(Pem::file("/etc/tb/ca.pem"))
///     .identity(Identity::new(Pem::file("/etc/tb/device.pem"), Pem::file("/etc/tb/device.key")))
///     .minimum_version(TlsVersion::Tls1_3);
/// ```
///
/// Files are read when a client starts, and again at each connect; what they make is kept as long as
/// they stay the same, and is shared by the clones of a configuration, session tickets included. They
/// are read on the thread that connects.
#[derive(Clone)]
pub struct TlsConfig {
    pub(super) trust: Trust,
    pub(super) identity: Option<Identity>,
    pub(super) alpn: Vec<Vec<u8>>,
    pub(super) minimum: TlsVersion,
    pub(super) cryptography: Cryptography,
    server_name: Option<String>,
    prepared: Arc<Mutex<Option<Prepared>>>,
}

/// What was made of files, and of which: as long as they stay the same, it is used again.
type Prepared = (Material, Arc<ClientConfig>);

/// Who may be the server.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    /// Whom Mozilla trusts.
    WebPki,
    /// Whom the operating system trusts.
    #[cfg(feature = "tls-native-roots")]
    Native,
    /// Who has a certificate of one of these authorities.
    Authorities(Pem),
    /// Who has one of these certificates.
    Pinned(Pem),
    /// Anybody.
    Any,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    Tls1_2,
    /// TLS 1.3, RFC 8446.
    Tls1_3,
}

impl TlsConfig {
    /// The default.
    pub fn new() -> Self {
        Self {
            trust: Trust::WebPki,
            identity: None,
            alpn: Vec::new(),
            minimum: TlsVersion::Tls1_2,
            cryptography: Cryptography::default(),
            server_name: None,
            prepared: Arc::default(),
        }
    }

    /// Trusts these certificate authorities and no others: those of a company, or the one that signed
    /// the certificate of a ThingsBoard of one's own.
    ///
    /// A server whose certificate is its own authority (what `openssl req -x509` makes) has to be
    /// [`pinned`](Self::pinned).
    #[must_use]
    pub fn ca(self, authorities: Pem) -> Self {
        self.changed(|config| config.trust = Trust::Authorities(authorities))
    }

    /// Takes these certificates of a server and no others, whatever name and dates are in them: the
    /// `server.pem` that a ThingsBoard hands to its devices. Whoever renews it has to give the new one
    /// to the devices before; the file may hold both.
    #[must_use]
    pub fn pinned(self, certificates: Pem) -> Self {
        self.changed(|config| config.trust = Trust::Pinned(certificates))
    }

    /// Trusts whom the operating system trusts. `SSL_CERT_FILE` and `SSL_CERT_DIR` are respected. They
    /// are read once.
    #[cfg(feature = "tls-native-roots")]
    #[must_use]
    pub fn native_roots(self) -> Self {
        self.changed(|config| config.trust = Trust::Native)
    }

    /// Switches the verification of the server off. **Anybody on the way can then read and change
    /// everything, the access token included.** For a test bench only; [`pinned`](Self::pinned) is as
    /// easy and safe.
    #[must_use]
    pub fn dangerously_accept_any_server_certificate(self) -> Self {
        self.changed(|config| config.trust = Trust::Any)
    }

    /// Shows this certificate if the server asks for one. What ThingsBoard then makes of user name and
    /// password: see `Credentials::certificate`.
    #[must_use]
    pub fn identity(self, identity: Identity) -> Self {
        self.changed(|config| config.identity = Some(identity))
    }

    /// Expects this name, a DNS name or an IP address, in the server's certificate, and tells it to the
    /// server (SNI), instead of the host of the address.
    #[must_use]
    pub fn server_name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.changed(|config| config.server_name = Some(name))
    }

    /// Offers these application protocols (ALPN), the preferred first; the server must choose one of
    /// them if it knows ALPN. None by default; some brokers want `mqtt` at port 443.
    #[must_use]
    pub fn alpn<P: Into<Vec<u8>>>(self, protocols: impl IntoIterator<Item = P>) -> Self {
        let protocols = protocols.into_iter().map(Into::into).collect();
        self.changed(|config| config.alpn = protocols)
    }

    /// Refuses older versions of TLS. Default: TLS 1.2.
    #[must_use]
    pub fn minimum_version(self, version: TlsVersion) -> Self {
        self.changed(|config| config.minimum = version)
    }

    /// Uses the cryptography of aws-lc-rs, also where that of ring is built in.
    #[cfg(feature = "tls-aws-lc-rs")]
    #[must_use]
    pub fn aws_lc_rs(self) -> Self {
        self.changed(|config| config.cryptography = Cryptography::AwsLcRs)
    }

    /// Reads all files and says what would be wrong with a connection to `host`.
    ///
    /// # Errors
    /// [`TlsSetupError`].
    pub fn check(&self, host: &str) -> Result<(), TlsSetupError> {
        self.name_of(host)?;
        self.prepared().map(drop)
    }

    /// The name that the server's certificate must have.
    pub(super) fn name_of(&self, host: &str) -> Result<ServerName<'static>, TlsSetupError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        // The zone of a link-local address is of this machine's concern only.
        let address = name.split('%').next().unwrap_or(name);
        ServerName::try_from(address.to_owned()).map_err(|_| TlsSetupError::ServerName {
            name: name.to_owned(),
        })
    }

    /// What rustls works with, made anew only if a file has changed.
    pub(super) fn prepared(&self) -> Result<Arc<ClientConfig>, TlsSetupError> {
        let material = Material::read(self)?;
        let lock = || self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, prepared)) = &*lock()
            && *known == material
        {
            return Ok(Arc::clone(prepared));
        }
        let prepared = Arc::new(prepare(self, &material)?);
        *lock() = Some((material, Arc::clone(&prepared)));
        Ok(prepared)
    }

    fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self.prepared = Arc::default();
        self
    }
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("trust", &self.trust)
            .field("identity", &self.identity)
            .field("server_name", &self.server_name)
            .field("alpn", &self.alpn)
            .field("minimum", &self.minimum)
            .field("cryptography", &self.cryptography)
            .finish_non_exhaustive()
    }
}
