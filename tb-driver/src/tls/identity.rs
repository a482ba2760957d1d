//! Who this device is to the server.

use alloc::sync::Arc;
use core::fmt;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::{Pem, TlsSetupError, pem};

/// The certificate of this device and its private key.
///
/// The certificate comes first in its file, those between it and the authority behind it. The key is
/// in PKCS#8 (`PRIVATE KEY`), PKCS#1 (`RSA PRIVATE KEY`) or SEC1 (`EC PRIVATE KEY`); it may stand in
/// the same file.
#[derive(Clone)]
pub struct Identity {
    pub(super) chain: Pem,
    pub(super) key: Pem,
    #[cfg(feature = "tls-encrypted-keys")]
    password: Option<Arc<str>>,
}

impl Identity {
    /// The certificates in `chain` with the private key in `key`.
    pub const fn new(chain: Pem, key: Pem) -> Self {
        Self {
            chain,
            key,
            #[cfg(feature = "tls-encrypted-keys")]
            password: None,
        }
    }

    /// The password of a private key that is encrypted (PKCS#8 with PBES2, as `openssl pkcs8 -topk8`
    /// makes it).
    ///
    /// Opening such a key takes a while, by design: some 100 ms on a small device, at the first
    /// connect and when the file has changed.
    #[cfg(feature = "tls-encrypted-keys")]
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.into());
        self
    }

    pub(super) fn certified_key(
        &self,
        chain: &[u8],
        key: &[u8],
        provider: &CryptoProvider,
    ) -> Result<Arc<CertifiedKey>, TlsSetupError> {
        let chain = pem::certificates(chain, &self.chain)?;
        let key = provider
            .key_provider
            .load_private_key(self.private_key(key)?)
            .map_err(|_| TlsSetupError::UnsupportedKey {
                pem: self.key.clone(),
            })?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Arc::new(certified))
            }
            Err(Error::InconsistentKeys(_)) => Err(TlsSetupError::KeyMismatch),
            Err(_) => Err(TlsSetupError::InvalidCertificate {
                pem: self.chain.clone(),
            }),
        }
    }

    fn private_key(&self, text: &[u8]) -> Result<PrivateKeyDer<'static>, TlsSetupError> {
        let pem = || self.key.clone();
        if contains(text, b"Proc-Type: 4,ENCRYPTED") {
            return Err(TlsSetupError::OldEncryption { pem: pem() });
        }
        if let Ok(key) = PrivateKeyDer::from_pem_slice(text) {
            return Ok(key);
        }
        if contains(text, b"BEGIN ENCRYPTED PRIVATE KEY") {
            return self.decrypted(text);
        }
        let something_else = <(SectionKind, Vec<u8>)>::pem_slice_iter(text)
            .filter_map(Result::ok)
            .any(|(kind, _)| matches!(kind, SectionKind::Certificate | SectionKind::PublicKey));
        Err(if something_else {
            TlsSetupError::NotPrivate { pem: pem() }
        } else {
            TlsSetupError::NoPrivateKey { pem: pem() }
        })
    }

    #[cfg(feature = "tls-encrypted-keys")]
    fn decrypted(&self, text: &[u8]) -> Result<PrivateKeyDer<'static>, TlsSetupError> {
        use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument};
        use rustls::pki_types::PrivatePkcs8KeyDer;

        let pem = || self.key.clone();
        let Some(password) = &self.password else {
            return Err(TlsSetupError::EncryptedKey { pem: pem() });
        };
        let damaged = || TlsSetupError::NoPrivateKey { pem: pem() };
        let text = core::str::from_utf8(text).map_err(|_| damaged())?;
        let start = text
            .find("-----BEGIN ENCRYPTED PRIVATE KEY")
            .unwrap_or_default();
        let section = text.get(start..).unwrap_or_default();
        let (_, document) = SecretDocument::from_pem(section).map_err(|_| damaged())?;
        // One that is encrypted in another way cannot even be read.
        let closed = || TlsSetupError::WrongPassword { pem: pem() };
        let encrypted =
            EncryptedPrivateKeyInfo::try_from(document.as_bytes()).map_err(|_| closed())?;
        let key = encrypted
            .decrypt(password.as_bytes())
            .map_err(|_| closed())?;
        Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
    }

    #[cfg(not(feature = "tls-encrypted-keys"))]
    fn decrypted(&self, _: &[u8]) -> Result<PrivateKeyDer<'static>, TlsSetupError> {
        Err(TlsSetupError::EncryptedKey {
            pem: self.key.clone(),
        })
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("chain", &self.chain)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
