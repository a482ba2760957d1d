//! Certificates for tests, made when they are needed.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// A certificate authority.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate, those above it if they are to be shown, and its private key.
#[derive(Clone, Debug)]
pub struct Issued {
    /// In PEM, its own first.
    pub chain: String,
    /// In PEM, PKCS#8.
    pub key: String,
}

/// What a certificate is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// From 2020 to 2099.
    Now,
    /// It ended in 2021.
    Over,
    /// It begins in 2098.
    NotYet,
}

impl Authority {
    /// An authority of this name, trusted by those who are given its certificate.
    ///
    /// # Panics
    ///
    /// When the system has no randomness.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(authority(name), key).unwrap())
    }

    /// An authority below this one.
    ///
    /// # Panics
    ///
    /// When the system has no randomness.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::signed_by(authority(name), key, &self.0).unwrap())
    }

    /// Its certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server with these names and addresses, or for a client.
    ///
    /// # Panics
    ///
    /// When a name is none.
    #[must_use]
    pub fn issue(&self, names: &[&str], validity: Validity) -> Issued {
        let mut params = end_entity(names, validity);
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        Issued {
            chain: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Issued {
    /// A certificate that nobody else has signed.
    ///
    /// # Panics
    ///
    /// When a name is none.
    #[must_use]
    pub fn self_signed(names: &[&str]) -> Self {
        let key = KeyPair::generate().unwrap();
        Self {
            chain: end_entity(names, Validity::Now)
                .self_signed(&key)
                .unwrap()
                .pem(),
            key: key.serialize_pem(),
        }
    }

    /// A certificate that is its own authority, as `openssl req -x509` makes it.
    ///
    /// # Panics
    ///
    /// When a name is none.
    #[must_use]
    pub fn own_authority(names: &[&str]) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = end_entity(names, Validity::Now);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self {
            chain: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// With the certificate of `authority` behind its own.
    #[must_use]
    pub fn through(mut self, authority: &Authority) -> Self {
        self.chain += &authority.pem();
        self
    }

    /// The text by which ThingsBoard knows a device with this certificate: its base64 without the lines
    /// around it (TB §1.6).
    #[must_use]
    pub fn text(&self) -> String {
        let body = self.chain.lines().skip(1);
        body.take_while(|line| !line.starts_with('-')).collect()
    }

    /// A server with this certificate that speaks these versions of TLS. It asks for client certificates
    /// as ThingsBoard does and takes all of them, or requires one of `authority`.
    ///
    /// # Panics
    ///
    /// When the certificate and the key do not belong together.
    #[must_use]
    pub fn server(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        clients: Option<&Authority>,
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let verifier = match clients {
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.0.der().clone()).unwrap();
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .unwrap()
            }
            None => super::sim::tls::any_client(&provider),
        };
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let server = builder
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        Arc::new(server)
    }
}

/// The text by which ThingsBoard knows a device that shows this certificate (TB §1.6).
#[must_use]
pub fn text_of(certificate: &CertificateDer<'_>) -> String {
    super::sim::tls::base64(certificate)
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn end_entity(names: &[&str], validity: Validity) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let common_name = names.first().cloned().unwrap_or_default();
    let mut params = CertificateParams::new(names).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let (from, to) = match validity {
        Validity::Now => (2020, 2099),
        Validity::Over => (2020, 2021),
        Validity::NotYet => (2098, 2099),
    };
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    params
}
