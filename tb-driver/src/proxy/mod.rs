//! Reaching the server through a SOCKS5 or HTTP proxy.
//!
//! [`Proxied::over`] puts a [`Proxy`] in front of any transport, of tasks and of threads alike:
//!
//! ```
//! use tb_driver::proxy::{Proxied, Proxy};
//! # struct Tcp;
//!
//! let proxy: Proxy = "socks5://proxy.example:1080".parse()?;
//! let transport = Proxied::over(Tcp, proxy.login("device", "secret")?);
//! # Ok::<(), tb_driver::proxy::InvalidProxy>(())
//! ```
//!
//! The result is a transport as `Tcp` is, so `Driver::new` of each adapter takes it, and others go on top of
//! it. The name of the server is resolved by the proxy, not here.
//!
//! For a loop of one's own there is the [`Handshake`], which does no I/O.

mod error;
mod handshake;
mod http;
mod over;
mod socks5;

pub use error::{InvalidProxy, ProxyError};
pub use handshake::{Handshake, Step};
pub use over::{Negotiating, Proxied};

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use tb_proto::{Endpoint, Scheme};

/// A proxy: its protocol, its address and perhaps a login.
///
/// It is parsed from `socks5://host:port` (RFC 1928; `socks5h` is the same) or `http://host:port` (CONNECT,
/// RFC 9110 §9.3.6); the port has to be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    protocol: Protocol,
    address: Endpoint,
    login: Option<Login>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Socks5,
    HttpConnect,
}

/// A name and a password that both protocols can carry.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Proxy {
    /// Says who we are if the proxy asks: by RFC 1929 to a SOCKS5 proxy, by Basic authentication to an HTTP
    /// proxy. Both travel unprotected to the proxy.
    ///
    /// # Errors
    /// [`InvalidProxy::User`] or [`InvalidProxy::Password`] unless each has 1 to 255 bytes without control
    /// characters, and the user no colon (RFC 7617 §2).
    pub fn login(mut self, user: &str, password: &str) -> Result<Self, InvalidProxy> {
        let fits = |text: &str| (1..=255).contains(&text.len()) && !text.contains(char::is_control);
        if !fits(user) || user.contains(':') {
            return Err(InvalidProxy::User);
        }
        if !fits(password) {
            return Err(InvalidProxy::Password);
        }
        self.login = Some(Login {
            user: user.to_string(),
            password: password.to_string(),
        });
        Ok(self)
    }

    /// Where the proxy listens; its scheme says that the bytes to the proxy travel as they are.
    pub const fn address(&self) -> &Endpoint {
        &self.address
    }
}

impl FromStr for Proxy {
    type Err = InvalidProxy;

    fn from_str(url: &str) -> Result<Self, InvalidProxy> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidProxy::NoScheme)?;
        let protocol = match scheme.to_ascii_lowercase().as_str() {
            "socks5" | "socks5h" => Protocol::Socks5,
            "http" => Protocol::HttpConnect,
            _ => return Err(InvalidProxy::UnknownScheme(scheme.to_string())),
        };
        if rest.contains('@') {
            return Err(InvalidProxy::Credentials);
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = authority.rsplit_once(':').ok_or(InvalidProxy::Port)?;
        let port = port.parse().map_err(|_| InvalidProxy::Port)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or(InvalidProxy::Host)?,
            None if host.contains(':') => return Err(InvalidProxy::Host),
            None => host,
        };
        Ok(Self {
            protocol,
            address: Endpoint::new(Scheme::Mqtt, host, port)?,
            login: None,
        })
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn parse(url: &str) -> Result<Proxy, InvalidProxy> {
        url.parse()
    }

    #[test]
    fn the_scheme_names_the_protocol() {
        let socks = parse("socks5://proxy:1080").unwrap();
        assert_eq!(socks.protocol, Protocol::Socks5);
        assert_eq!(Ok(socks), parse("SOCKS5H://proxy:1080/"));
        let http = parse("http://[::1]:3128").unwrap();
        assert_eq!(http.protocol, Protocol::HttpConnect);
        assert_eq!(
            (http.address().host(), http.address().port()),
            ("::1", 3128)
        );
    }

    #[test]
    fn each_way_to_write_a_wrong_proxy_is_told_apart() {
        let unknown = |scheme: &str| Err(InvalidProxy::UnknownScheme(scheme.to_string()));
        assert_eq!(parse("proxy:1080"), Err(InvalidProxy::NoScheme));
        assert_eq!(parse("socks4://proxy:1080"), unknown("socks4"));
        assert_eq!(parse("https://proxy:443"), unknown("https"));
        assert_eq!(parse("http://proxy"), Err(InvalidProxy::Port));
        assert_eq!(parse("http://proxy:0"), Err(InvalidProxy::Port));
        assert_eq!(parse("http://proxy:80/path"), Err(InvalidProxy::Port));
        assert_eq!(parse("http://::1:80"), Err(InvalidProxy::Host));
        assert_eq!(parse("http://a b:80"), Err(InvalidProxy::Host));
        assert_eq!(parse("http://u:p@proxy:80"), Err(InvalidProxy::Credentials));
        let proxy = parse("http://proxy:80").unwrap();
        let long = "x".repeat(256);
        for user in ["", "a:b", "a\r\nb", &long] {
            assert_eq!(proxy.clone().login(user, "p"), Err(InvalidProxy::User));
        }
        for password in ["", "a\nb", &long] {
            let refused = proxy.clone().login("u", password);
            assert_eq!(refused, Err(InvalidProxy::Password));
        }
    }

    #[test]
    fn the_password_is_never_shown() {
        let proxy = parse("http://proxy:80").unwrap().login("me", "s3cret");
        let shown = format!("{proxy:?}");
        assert!(shown.contains("me") && !shown.contains("s3cret"), "{shown}");
    }
}
