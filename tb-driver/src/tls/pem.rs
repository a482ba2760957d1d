//! Where a certificate or a key comes from.

use alloc::sync::Arc;
use core::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::TlsSetupError;

/// No chain of certificates and no bundle of authorities is larger.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Certificates or a private key in PEM, in a file or in memory.
///
/// A file is read again at each connect, so that one that was renewed is used without a restart.
/// Files over 4 MiB are refused. Its `Debug` form shows the path and nothing of what is in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem(Place);

#[derive(Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Memory(Arc<[u8]>),
}

impl Pem {
    /// The file at `path`.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// The text itself.
    pub fn text(pem: impl AsRef<[u8]>) -> Self {
        Self(Place::Memory(pem.as_ref().into()))
    }

    pub(super) fn read(&self) -> Result<Arc<[u8]>, TlsSetupError> {
        match &self.0 {
            Place::Memory(text) => Ok(Arc::clone(text)),
            Place::File(path) => read(path).map_err(|error| TlsSetupError::File {
                path: path.clone(),
                kind: error.kind(),
            }),
        }
    }
}

fn read(path: &Path) -> io::Result<Arc<[u8]>> {
    if fs::metadata(path)?.len() > MAX_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path).map(Arc::from)
}

/// All certificates in `text`, at least one.
pub(super) fn certificates(
    text: &[u8],
    source: &Pem,
) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(TlsSetupError::NoCertificate {
            pem: source.clone(),
        }),
    }
}

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::File(path) => path.display().fmt(f),
            Place::Memory(_) => f.write_str("the PEM text"),
        }
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::File(path) => f.debug_tuple("Pem").field(path).finish(),
            Place::Memory(_) => f.write_str("Pem(..)"),
        }
    }
}
