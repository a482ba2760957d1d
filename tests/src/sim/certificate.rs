//! What a client shows of itself inside TLS, and what ThingsBoard makes of a chain (reference §1.6).

use regex_lite::Regex;
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::{PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::db::rfc4519::CN;

use super::backend::DeviceId;
use super::credentials::{Credentials, CredentialsId};
use super::setup::{DeviceSetup, ProvisionProfile, ProvisionStrategy};
use super::simulator::Simulator;
use super::tls::base64;

/// A client's certificate and those above it that were shown with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    text: String,
    common_name: Option<String>,
    issuers: Vec<String>,
}

impl ClientCertificate {
    /// The certificate with this text: base64 without the lines around it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            common_name: None,
            issuers: Vec::new(),
        }
    }

    /// The same, for a subject of this common name.
    #[must_use]
    pub fn common_name(mut self, name: impl Into<String>) -> Self {
        self.common_name = Some(name.into());
        self
    }

    /// The same, with the certificate of this text as the next one above in the chain.
    #[must_use]
    pub fn issued_by(mut self, text: impl Into<String>) -> Self {
        self.issuers.push(text.into());
        self
    }

    /// What a client has shown, its own certificate first.
    pub(super) fn shown(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let (own, issuers) = chain.split_first()?;
        Some(Self {
            text: base64(own),
            common_name: common_name(own),
            issuers: issuers.iter().map(|issuer| base64(issuer)).collect(),
        })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// From the certificate upwards.
    fn chain(&self) -> impl Iterator<Item = &str> {
        core::iter::once(self.text.as_str()).chain(self.issuers.iter().map(String::as_str))
    }
}

fn common_name(certificate: &[u8]) -> Option<String> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let subject = certificate.tbs_certificate.subject;
    let named = |value: &x509_cert::der::Any| {
        let text = value
            .decode_as::<Utf8StringRef<'_>>()
            .map(|text| text.as_str().to_owned());
        text.or_else(|_| {
            let text = value.decode_as::<PrintableStringRef<'_>>();
            text.map(|text| text.as_str().to_owned())
        })
    };
    let mut parts = subject.0.iter().flat_map(|part| part.0.iter());
    let part = parts.find(|part| part.oid == CN)?;
    named(&part.value).ok()
}

impl Simulator {
    /// During the handshake, from the client's certificate upwards: what is known as that of a device ends the
    /// search, and what is the key of a profile gives the client a device (C-028).
    pub(super) fn provision_by_chain(&mut self, shown: &ClientCertificate) {
        for text in shown.chain() {
            if self.device_of_certificate(text).is_some() {
                return;
            }
            let profiles = &self.setup.provision_profiles;
            let profile = profiles.iter().find(|profile| {
                profile.strategy == ProvisionStrategy::X509CertificateChain && profile.key == text
            });
            if let Some(profile) = profile.cloned() {
                self.provision_by_certificate(&profile, shown);
                return;
            }
        }
    }

    fn device_of_certificate(&self, text: &str) -> Option<DeviceId> {
        let known = Some(CredentialsId::Certificate(text));
        let mut devices = self.backend.devices();
        devices
            .find(|(_, device)| device.credentials.id() == known)
            .map(|(id, _)| id)
    }

    /// Where nothing comes of it, the certificate stays unknown: that shows at CONNECT.
    fn provision_by_certificate(&mut self, profile: &ProvisionProfile, shown: &ClientCertificate) {
        let Some(name) = device_name(profile, shown) else {
            return;
        };
        let wanted = profile.profile.as_deref().unwrap_or("default");
        let device = match self.backend.device_named(&name) {
            Some(device) if self.backend.profile_of(device).name == wanted => device,
            Some(_) => return,
            None if !profile.creates_devices || self.device_limit_reached() => return,
            None => {
                let setup = DeviceSetup {
                    name,
                    profile: profile.profile.clone(),
                    ..DeviceSetup::default()
                };
                let unix_ms = self.unix_ms();
                self.backend
                    .create(&setup, unix_ms, &self.setup.tenant_limits)
            }
        };
        self.backend.device_mut(device).credentials = Credentials::X509(shown.text.clone());
    }
}

/// The first group of the profile's pattern, where it is found in the common name.
fn device_name(profile: &ProvisionProfile, shown: &ClientCertificate) -> Option<String> {
    let pattern = Regex::new(profile.common_name_pattern.as_deref()?).ok()?;
    let name = pattern.captures(shown.common_name.as_deref()?)?.get(1)?;
    Some(name.as_str().to_owned())
}
