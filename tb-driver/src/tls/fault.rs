//! What an error of rustls means.

use rustls::{AlertDescription, CertificateError, ClientConnection, Error};
use tb_proto::TlsFault;

/// `has_identity`: this side has a certificate to show.
pub(super) fn of(error: &Error, connection: &ClientConnection, has_identity: bool) -> TlsFault {
    match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::NoCertificatesPresented => TlsFault::InvalidCertificate,
        Error::PeerIncompatible(_) => TlsFault::NothingInCommon,
        Error::NoApplicationProtocol => TlsFault::NoCommonProtocol,
        Error::AlertReceived(alert) => of_alert(*alert, connection, has_identity),
        _ => TlsFault::Broken,
    }
}

fn of_certificate(error: &CertificateError) -> TlsFault {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFault::NotYetValid
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            TlsFault::NoName
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsFault::WrongName
        }
        CertificateError::UnknownIssuer => TlsFault::UnknownIssuer,
        CertificateError::ApplicationVerificationFailure => TlsFault::NotPinned,
        // rustls passes the errors of webpki that it has no name for as they are, and shows no type.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            TlsFault::AuthorityAsServer
        }
        _ => TlsFault::InvalidCertificate,
    }
}

/// The version is negotiated by then: what the server still refuses is who we are.
fn of_alert(
    alert: AlertDescription,
    connection: &ClientConnection,
    has_identity: bool,
) -> TlsFault {
    let after_hello = connection.protocol_version().is_some();
    match alert {
        AlertDescription::CertificateRequired => TlsFault::CertificateRequired,
        AlertDescription::HandshakeFailure if !after_hello => TlsFault::NothingInCommon,
        AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => {
            TlsFault::NothingInCommon
        }
        AlertDescription::NoApplicationProtocol => TlsFault::NoCommonProtocol,
        AlertDescription::UnrecognisedName => TlsFault::WrongName,
        AlertDescription::HandshakeFailure
        | AlertDescription::NoCertificate
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError => {
            if has_identity {
                TlsFault::CertificateRefused
            } else {
                TlsFault::CertificateRequired
            }
        }
        _ => TlsFault::Broken,
    }
}
