//! From a configuration and its files to what rustls works with.

use alloc::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme, SupportedProtocolVersion, version};

use super::config::Trust;
use super::verify::{Accepted, Verifier};
use super::{Pem, TlsConfig, TlsSetupError, TlsVersion, pem};

/// What the files hold at present.
#[derive(PartialEq, Eq)]
pub(super) struct Material {
    trusted: Option<Arc<[u8]>>,
    identity: Option<IdentityText>,
}

#[derive(PartialEq, Eq)]
struct IdentityText {
    chain: Arc<[u8]>,
    key: Arc<[u8]>,
}

impl Material {
    pub(super) fn read(config: &TlsConfig) -> Result<Self, TlsSetupError> {
        let trusted = match &config.trust {
            Trust::Authorities(pem) | Trust::Pinned(pem) => Some(pem.read()?),
            #[cfg(feature = "tls-native-roots")]
            Trust::Native => None,
            Trust::WebPki | Trust::Any => None,
        };
        let identity = match &config.identity {
            Some(identity) => Some(IdentityText {
                chain: identity.chain.read()?,
                key: identity.key.read()?,
            }),
            None => None,
        };
        Ok(Self { trusted, identity })
    }
}

pub(super) fn prepare(
    config: &TlsConfig,
    material: &Material,
) -> Result<ClientConfig, TlsSetupError> {
    if config.alpn.iter().any(|p| !(1..=255).contains(&p.len())) {
        return Err(TlsSetupError::Alpn);
    }
    let provider = config.cryptography.provider();
    let versions: &[&SupportedProtocolVersion] = match config.minimum {
        TlsVersion::Tls1_2 => &[&version::TLS13, &version::TLS12],
        TlsVersion::Tls1_3 => &[&version::TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|_| TlsSetupError::NoCipher)?;
    let text = material.trusted.as_deref().unwrap_or_default();
    let as_they_are = |accepted| {
        let verifier = Verifier::new(accepted, &provider);
        builder
            .clone()
            .dangerous()
            .with_custom_certificate_verifier(verifier)
    };
    let builder = match &config.trust {
        Trust::WebPki => builder.with_root_certificates(RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        }),
        #[cfg(feature = "tls-native-roots")]
        Trust::Native => builder.with_root_certificates(native()?),
        Trust::Authorities(pem) => builder.with_root_certificates(authorities(text, pem)?),
        Trust::Pinned(pem) => as_they_are(Accepted::Only(pem::certificates(text, pem)?)),
        Trust::Any => as_they_are(Accepted::Any),
    };
    let mut prepared = match (&config.identity, &material.identity) {
        (Some(identity), Some(IdentityText { chain, key })) => {
            let key = identity.certified_key(chain, key, &provider)?;
            builder.with_client_cert_resolver(Arc::new(Shown(key)))
        }
        _ => builder.with_no_client_auth(),
    };
    prepared.alpn_protocols.clone_from(&config.alpn);
    Ok(prepared)
}

fn authorities(text: &[u8], pem: &Pem) -> Result<RootCertStore, TlsSetupError> {
    let mut store = RootCertStore::empty();
    for certificate in pem::certificates(text, pem)? {
        store
            .add(certificate)
            .map_err(|_| TlsSetupError::InvalidCertificate { pem: pem.clone() })?;
    }
    Ok(store)
}

#[cfg(feature = "tls-native-roots")]
fn native() -> Result<RootCertStore, TlsSetupError> {
    let mut store = RootCertStore::empty();
    // A system's store may hold some that are too old to be understood.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        return Err(TlsSetupError::NoNativeRoots);
    }
    Ok(store)
}

/// One certificate for every server. It is shown also to a server that names other authorities than
/// its issuer: ThingsBoard takes self-signed certificates, and knows them by their hash.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let usable = self.0.key.choose_scheme(schemes).is_some();
        usable.then(|| Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
