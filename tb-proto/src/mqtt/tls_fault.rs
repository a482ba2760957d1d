//! What can go wrong with TLS.

use core::fmt;

/// Why there is no TLS with a server, as the transport saw it.
///
/// The machine speaks no TLS. It tells these apart because they decide whether trying again can help,
/// and because each wants something else to be done by a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsFault {
    /// The server's certificate, or one above it, has expired.
    Expired,
    /// The server's certificate is not valid yet: often it is this device whose clock is wrong.
    NotYetValid,
    /// The server's certificate is for other names.
    WrongName,
    /// The server's certificate names no host at all: it has no subject alternative name.
    NoName,
    /// Nobody who is trusted here has signed the server's certificate.
    UnknownIssuer,
    /// The server shows a certificate authority as its own certificate.
    AuthorityAsServer,
    /// The server shows another certificate than the one that is pinned.
    NotPinned,
    /// The server's certificate is broken, revoked, or not meant for servers.
    InvalidCertificate,
    /// The peer does not speak TLS.
    NotTls,
    /// The peer closed the connection before TLS was set up.
    ClosedEarly,
    /// The two sides have no version, cipher or signature of TLS in common.
    NothingInCommon,
    /// The two sides have no application protocol (ALPN) in common.
    NoCommonProtocol,
    /// The server wants a certificate of this device, and there is none.
    CertificateRequired,
    /// The server does not accept the certificate of this device.
    CertificateRefused,
    /// The peer ended TLS for another reason, or broke its rules.
    Broken,
    /// The certificates or the key on this side cannot be used or read at present.
    Local,
    /// The transport cannot speak TLS, and the address asks for it.
    NotSupported,
}

impl TlsFault {
    /// Whether somebody has to change something. What is not permanent may be over by itself: a clock
    /// that is set, a server that has been started completely, a file that was being replaced.
    pub const fn is_permanent(self) -> bool {
        !matches!(
            self,
            Self::NotYetValid | Self::ClosedEarly | Self::Broken | Self::Local
        )
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the server's certificate has expired",
            Self::NotYetValid => "the server's certificate is not valid yet",
            Self::WrongName => "the server's certificate is for another name",
            Self::NoName => "the server's certificate has no subject alternative name",
            Self::UnknownIssuer => "the server's certificate is signed by nobody trusted here",
            Self::AuthorityAsServer => "the server's certificate is that of an authority",
            Self::NotPinned => "the server's certificate is not the pinned one",
            Self::InvalidCertificate => "the server's certificate is invalid",
            Self::NotTls => "the server does not speak TLS at this port",
            Self::ClosedEarly => "the server closed the connection during the TLS handshake",
            Self::NothingInCommon => "no version or cipher of TLS in common with the server",
            Self::NoCommonProtocol => "no application protocol (ALPN) in common with the server",
            Self::CertificateRequired => "the server requires a client certificate",
            Self::CertificateRefused => "the server refuses the client certificate",
            Self::Broken => "TLS with the server failed",
            Self::Local => "the certificates or the key on this side cannot be used",
            Self::NotSupported => "the address asks for TLS, which this transport does not speak",
        })
    }
}
