//! Where the server is.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

/// How the bytes of MQTT travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `mqtt://`: plain TCP, port 1883 unless told otherwise.
    Mqtt,
    /// `mqtts://`: TLS over TCP, port 8883 unless told otherwise.
    Mqtts,
}

impl Scheme {
    const fn default_port(self) -> u16 {
        match self {
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
        }
    }
}

/// The address of a server: `mqtt://host`, `mqtt://host:port`, `mqtts://[2001:db8::1]:8883`.
///
/// It is parsed once; a text that is no such address is an [`InvalidUrl`].
///
/// ```
/// use tb_proto::Endpoint;
///
/// let endpoint: Endpoint = "mqtt://localhost".parse()?;
/// assert_eq!((endpoint.host(), endpoint.port()), ("localhost", 1883));
/// # Ok::<(), tb_proto::InvalidUrl>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Endpoint {
    /// A server reached by `scheme` at `host` (a name or an address, IPv6 without brackets).
    ///
    /// # Errors
    /// [`InvalidUrl::Host`] if `host` is empty or holds characters that no host name has.
    pub fn new(scheme: Scheme, host: &str, port: u16) -> Result<Self, InvalidUrl> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c) || !c.is_ascii();
        if host.is_empty() || !host.chars().all(legal) {
            return Err(InvalidUrl::Host);
        }
        if port == 0 {
            return Err(InvalidUrl::Port);
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port,
        })
    }

    /// The same host and port reached by `scheme`. A transport that wraps another asks that one so.
    #[must_use]
    pub fn with_scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// How the bytes travel.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host name or address, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        if host.contains(':') {
            write!(f, "{}://[{host}]:{port}", scheme.as_str())
        } else {
            write!(f, "{}://{host}:{port}", scheme.as_str())
        }
    }
}

impl FromStr for Endpoint {
    type Err = InvalidUrl;

    fn from_str(url: &str) -> Result<Self, InvalidUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidUrl::NoScheme)?;
        let scheme = if scheme.eq_ignore_ascii_case("mqtt") {
            Scheme::Mqtt
        } else if scheme.eq_ignore_ascii_case("mqtts") {
            Scheme::Mqtts
        } else {
            return Err(InvalidUrl::UnknownScheme(scheme.to_owned()));
        };
        if rest.contains('@') {
            return Err(InvalidUrl::Credentials);
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(InvalidUrl::Path);
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(InvalidUrl::Host)?;
                match port.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if port.is_empty() => (host, None),
                    None => return Err(InvalidUrl::Port),
                }
            }
            None => match authority.split_once(':') {
                Some((_, port)) if port.contains(':') => return Err(InvalidUrl::Host),
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().map_err(|_| InvalidUrl::Port)?,
            None => scheme.default_port(),
        };
        Self::new(scheme, host, port)
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = InvalidUrl;

    fn try_from(url: &str) -> Result<Self, InvalidUrl> {
        url.parse()
    }
}

/// A text that is no address of an MQTT server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// There is no `://`.
    NoScheme,
    /// The part before `://` is neither `mqtt` nor `mqtts`.
    UnknownScheme(String),
    /// The host is missing or holds characters that no host name has.
    Host,
    /// The port is no number from 1 to 65535.
    Port,
    /// There is a path, a query or a fragment; MQTT over TCP has none.
    Path,
    /// There is a user name or password in the address; they belong into [`Credentials`](crate::Credentials).
    Credentials,
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme => f.write_str("write the address as mqtt://host:port"),
            Self::UnknownScheme(scheme) => {
                write!(
                    f,
                    "unknown scheme {scheme:?}: use mqtt:// (TCP) or mqtts:// (TLS)"
                )
            }
            Self::Host => f.write_str("the host name is missing or malformed"),
            Self::Port => f.write_str("the port must be a number from 1 to 65535"),
            Self::Path => f.write_str("remove everything behind the port: MQTT has no path"),
            Self::Credentials => {
                f.write_str("give the token to Credentials::token, not in the address")
            }
        }
    }
}

impl core::error::Error for InvalidUrl {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn parse(url: &str) -> Result<Endpoint, InvalidUrl> {
        url.parse()
    }

    #[test]
    fn an_address_without_a_port_gets_the_port_of_its_scheme() {
        assert_eq!(parse("mqtt://demo").unwrap().port(), 1883);
        assert_eq!(parse("MQTTS://demo/").unwrap().port(), 8883);
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        let endpoint = parse("mqtt://[::1]:1884").unwrap();
        assert_eq!((endpoint.host(), endpoint.port()), ("::1", 1884));
        assert_eq!(endpoint.to_string(), "mqtt://[::1]:1884");
        assert_eq!(parse("mqtt://::1"), Err(InvalidUrl::Host));
    }

    #[test]
    fn each_way_to_write_a_wrong_address_is_told_apart() {
        assert_eq!(parse("localhost:1883"), Err(InvalidUrl::NoScheme));
        assert_eq!(
            parse("http://x"),
            Err(InvalidUrl::UnknownScheme("http".to_string()))
        );
        assert_eq!(parse("mqtt://"), Err(InvalidUrl::Host));
        assert_eq!(parse("mqtt://a b"), Err(InvalidUrl::Host));
        assert_eq!(parse("mqtt://x:0"), Err(InvalidUrl::Port));
        assert_eq!(parse("mqtt://x:70000"), Err(InvalidUrl::Port));
        assert_eq!(parse("mqtt://x/path"), Err(InvalidUrl::Path));
        assert_eq!(parse("mqtt://token@x"), Err(InvalidUrl::Credentials));
    }
}
