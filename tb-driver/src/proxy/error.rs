//! What can be wrong with a proxy.

use alloc::string::{String, ToString};
use core::fmt;

use tb_proto::{InvalidUrl, LinkLost, TlsFault};

use crate::connect::ConnectError;

/// A proxy did not connect us to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// What answers at the address of the proxy speaks another protocol.
    OtherProtocol,
    /// The proxy wants a login, and none was given, or of a kind that is not spoken here.
    LoginRequired,
    /// The proxy does not accept the login.
    LoginRefused,
    /// The rules of the proxy do not allow a connection to this server.
    Forbidden,
    /// The proxy cannot reach the server.
    Unreachable,
    /// Nobody listens at the server's address and port, says the proxy.
    ConnectionRefused,
    /// The proxy refuses for another reason.
    Refused {
        /// The reply field of SOCKS5, or the status code of HTTP.
        code: u16,
    },
    /// The answer is longer than any that a proxy needs (8 KiB).
    AnswerTooLong,
    /// The host name of the server is longer than the protocol can say (255 bytes).
    NameTooLong,
    /// The address asks for TLS, which has to go on top of the proxy: it never falls back to plain.
    TlsMissing,
}

impl ProxyError {
    /// What kind of failure it is: decides when the client tries again.
    pub const fn cause(self) -> LinkLost {
        match self {
            Self::OtherProtocol
            | Self::LoginRequired
            | Self::LoginRefused
            | Self::Forbidden
            | Self::AnswerTooLong
            | Self::NameTooLong => LinkLost::Proxy,
            Self::Unreachable | Self::Refused { .. } => LinkLost::Unreachable,
            Self::ConnectionRefused => LinkLost::ConnectionRefused,
            Self::TlsMissing => LinkLost::Tls(TlsFault::NotSupported),
        }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherProtocol => "what answers there is no proxy of this kind: check its address",
            Self::LoginRequired => "the proxy wants user and password: give them to Proxy::login",
            Self::LoginRefused => "the proxy refuses user and password: check them",
            Self::Forbidden => {
                "the proxy forbids connections to this server: have its rules changed"
            }
            Self::Unreachable => "the proxy cannot reach the server: check the server's address",
            Self::ConnectionRefused => "nobody listens at the server's port, says the proxy",
            Self::Refused { code } => return write!(f, "the proxy refuses with code {code}"),
            Self::AnswerTooLong => "the answer of the proxy has no end",
            Self::NameTooLong => "the server's name is too long for the proxy's protocol",
            Self::TlsMissing => "the address asks for TLS: put it on top of the proxy",
        })
    }
}

impl core::error::Error for ProxyError {}

impl From<ProxyError> for ConnectError {
    fn from(error: ProxyError) -> Self {
        Self::new(error.cause(), error.to_string())
    }
}

/// A text that is no address of a proxy, or a login that cannot be carried.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidProxy {
    /// There is no `://`.
    NoScheme,
    /// The part before `://` is none of `socks5`, `socks5h` and `http`.
    UnknownScheme(String),
    /// The host is missing or holds characters that no host name has.
    Host,
    /// The port is missing or no number from 1 to 65535.
    Port,
    /// There is a user name or password in the address.
    Credentials,
    /// The user name is empty, too long, or has a colon or control characters.
    User,
    /// The password is empty, too long, or has control characters.
    Password,
}

impl From<InvalidUrl> for InvalidProxy {
    fn from(error: InvalidUrl) -> Self {
        match error {
            InvalidUrl::Port => Self::Port,
            _ => Self::Host,
        }
    }
}

impl fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme => {
                f.write_str("write the proxy as socks5://host:port or http://host:port")
            }
            Self::UnknownScheme(scheme) => {
                write!(
                    f,
                    "unknown kind of proxy {scheme:?}: use socks5:// or http://"
                )
            }
            Self::Host => f.write_str("the host name of the proxy is missing or malformed"),
            Self::Port => f.write_str("name the proxy's port, a number from 1 to 65535"),
            Self::Credentials => {
                f.write_str("give user and password to Proxy::login, not in the address")
            }
            Self::User => f.write_str(
                "the proxy's user must have 1 to 255 bytes without colon and control characters",
            ),
            Self::Password => f.write_str(
                "the proxy's password must have 1 to 255 bytes without control characters",
            ),
        }
    }
}

impl core::error::Error for InvalidProxy {}
