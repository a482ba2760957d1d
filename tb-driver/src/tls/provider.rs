//! Who does the cryptography.
//!
//! It is always named: the process-wide default of rustls may be set by the application, by nobody or
//! by another library, and asking for it panics where two are built in and none is set.

use alloc::sync::Arc;

use rustls::crypto::CryptoProvider;

/// A choice among those that are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cryptography {
    #[cfg(feature = "tls")]
    Ring,
    #[cfg(feature = "tls-aws-lc-rs")]
    AwsLcRs,
}

#[allow(clippy::derivable_impls)] // which variant is the default depends on the features
impl Default for Cryptography {
    fn default() -> Self {
        #[cfg(feature = "tls")]
        return Self::Ring;
        #[cfg(not(feature = "tls"))]
        return Self::AwsLcRs;
    }
}

impl Cryptography {
    pub(super) fn provider(self) -> Arc<CryptoProvider> {
        Arc::new(match self {
            #[cfg(feature = "tls")]
            Self::Ring => rustls::crypto::ring::default_provider(),
            #[cfg(feature = "tls-aws-lc-rs")]
            Self::AwsLcRs => rustls::crypto::aws_lc_rs::default_provider(),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::tls::{TlsConfig, TlsSession, TlsVersion};

    /// It is run with each kind of cryptography alone and with both.
    #[test]
    fn the_cryptography_that_is_built_in_begins_a_session_of_every_version() {
        for version in [TlsVersion::Tls1_2, TlsVersion::Tls1_3] {
            let config = TlsConfig::new().minimum_version(version);
            #[cfg(feature = "tls-aws-lc-rs")]
            assert_eq!(config.clone().aws_lc_rs().check("tb.example"), Ok(()));
            let session = TlsSession::new(&config, "tb.example").unwrap();
            // A record of a handshake (RFC 8446, 5.1).
            assert_eq!(session.output().first(), Some(&22));
        }
    }
}
