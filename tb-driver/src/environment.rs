//! A configuration out of the environment.

use core::fmt;
use core::time::Duration;
use std::env;

use tb_proto::{
    Config, Credentials, InvalidCredentials, InvalidUrl, ProtocolVersion, VersionPolicy,
};

use crate::Setup;
#[cfg(feature = "_rustls")]
use crate::tls::{Identity, Pem, TlsConfig};

/// What a client is made of, from environment variables; what is not set is as in [`Config::new`].
///
/// | variable | |
/// |---|---|
/// | `TB_URL` | address of the server, `mqtt://host:port` or `mqtts://host:port`; needed |
/// | `TB_TOKEN` | access token |
/// | `TB_CLIENT_ID`, `TB_USERNAME`, `TB_PASSWORD` | MQTT basic credentials, instead of a token |
/// | `TB_MQTT_VERSION` | `5` or `3.1.1`: this version only |
/// | `TB_KEEP_ALIVE` | in seconds |
/// | `TB_CA_FILE` | PEM file with the certificate authorities to trust (for `mqtts://`) |
/// | `TB_CERT_FILE`, `TB_KEY_FILE` | PEM files with the device's certificate and its private key |
///
/// The last three are read by a build that has TLS; others ignore them and refuse `mqtts://`.
///
/// With neither token nor basic credentials the device is known by its client certificate.
///
/// # Errors
/// [`EnvironmentError`] names the variable.
pub fn config_from_env() -> Result<Setup, EnvironmentError> {
    let var = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let setup = Setup::from(read(var)?);
    #[cfg(feature = "_rustls")]
    let setup = setup.tls(read_tls(var)?);
    Ok(setup)
}

#[cfg(feature = "_rustls")]
fn read_tls(var: impl Fn(&'static str) -> Option<String>) -> Result<TlsConfig, EnvironmentError> {
    let mut tls = TlsConfig::new();
    if let Some(authorities) = var("TB_CA_FILE") {
        tls = tls.ca(Pem::file(authorities));
    }
    match (var("TB_CERT_FILE"), var("TB_KEY_FILE")) {
        (Some(chain), Some(key)) => {
            tls = tls.identity(Identity::new(Pem::file(chain), Pem::file(key)));
        }
        (Some(_), None) => {
            let name = "TB_KEY_FILE";
            return Err(EnvironmentError::Missing { name });
        }
        (None, Some(_)) => {
            let name = "TB_CERT_FILE";
            return Err(EnvironmentError::Missing { name });
        }
        (None, None) => {}
    }
    Ok(tls)
}

fn read(var: impl Fn(&'static str) -> Option<String>) -> Result<Config, EnvironmentError> {
    let url = var("TB_URL").ok_or(EnvironmentError::Missing { name: "TB_URL" })?;
    let endpoint = url.parse().map_err(EnvironmentError::Url)?;
    let basic = [var("TB_CLIENT_ID"), var("TB_USERNAME"), var("TB_PASSWORD")];
    let credentials = match (var("TB_TOKEN"), basic) {
        (Some(token), [None, None, None]) => Credentials::token(token),
        (Some(_), _) => return Err(EnvironmentError::TokenAndBasic),
        (None, [None, None, None]) => Credentials::certificate(),
        (None, [client_id, username, password]) => Credentials::basic(
            client_id.unwrap_or_default(),
            username.as_deref(),
            password.as_deref(),
        ),
    };
    credentials.check().map_err(EnvironmentError::Credentials)?;
    let mut config = Config::new(endpoint, credentials);
    if let Some(version) = var("TB_MQTT_VERSION") {
        let version = match version.as_str() {
            "5" => ProtocolVersion::V5,
            "3.1.1" => ProtocolVersion::V3_1_1,
            _ => {
                let name = "TB_MQTT_VERSION";
                return Err(EnvironmentError::Invalid { name });
            }
        };
        config = config.version(VersionPolicy::Only(version));
    }
    if let Some(seconds) = var("TB_KEEP_ALIVE") {
        let name = "TB_KEEP_ALIVE";
        let seconds = seconds
            .parse()
            .map_err(|_| EnvironmentError::Invalid { name })?;
        config = config.keep_alive(Duration::from_secs(seconds));
    }
    Ok(config)
}

/// The environment makes no configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// A variable that is needed is not set.
    Missing {
        /// Which.
        name: &'static str,
    },
    /// A variable has a value that it cannot have.
    Invalid {
        /// Which.
        name: &'static str,
    },
    /// `TB_URL` is no address of an MQTT server.
    Url(InvalidUrl),
    /// No server can accept these credentials.
    Credentials(InvalidCredentials),
    /// There are a token and basic credentials: which of them?
    TokenAndBasic,
}

impl fmt::Display for EnvironmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "set {name}"),
            Self::Invalid { name } => write!(f, "{name} cannot have this value"),
            Self::Url(error) => write!(f, "TB_URL: {error}"),
            Self::Credentials(error) => error.fmt(f),
            Self::TokenAndBasic => {
                f.write_str("set either TB_TOKEN, or TB_CLIENT_ID, TB_USERNAME and TB_PASSWORD")
            }
        }
    }
}

impl core::error::Error for EnvironmentError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, EnvironmentError> {
        read(|name| {
            let variable = variables.iter().find(|(set, _)| *set == name);
            variable.map(|(_, value)| (*value).to_owned())
        })
    }

    #[cfg(feature = "_rustls")]
    #[test]
    fn certificate_and_key_are_set_together() {
        let tls = |set: &[(&str, &str)]| {
            let read = read_tls(|name| {
                let variable = set.iter().find(|(set, _)| *set == name);
                variable.map(|(_, value)| (*value).to_owned())
            });
            read.map(|tls| format!("{tls:?}"))
        };
        let missing = |name| Err(EnvironmentError::Missing { name });
        assert_eq!(tls(&[("TB_CERT_FILE", "c")]), missing("TB_KEY_FILE"));
        assert_eq!(tls(&[("TB_KEY_FILE", "k")]), missing("TB_CERT_FILE"));
        let expected = TlsConfig::new()
            .ca(Pem::file("a"))
            .identity(Identity::new(Pem::file("c"), Pem::file("k")));
        let set = [
            ("TB_CA_FILE", "a"),
            ("TB_CERT_FILE", "c"),
            ("TB_KEY_FILE", "k"),
        ];
        assert_eq!(tls(&set), Ok(format!("{expected:?}")));
    }

    const URL: (&str, &str) = ("TB_URL", "mqtt://localhost");

    #[test]
    fn what_is_set_is_taken_over() {
        let set = [
            URL,
            ("TB_TOKEN", "t"),
            ("TB_MQTT_VERSION", "3.1.1"),
            ("TB_KEEP_ALIVE", "30"),
        ];
        let read = format!("{:?}", config(&set).unwrap());
        let expected = Config::new("mqtt://localhost".parse().unwrap(), Credentials::token("t"))
            .version(VersionPolicy::Only(ProtocolVersion::V3_1_1))
            .keep_alive(Duration::from_secs(30));
        assert_eq!(read, format!("{expected:?}"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |set: &[(&str, &str)]| config(set).unwrap_err();
        assert_eq!(refused(&[]), EnvironmentError::Missing { name: "TB_URL" });
        assert!(matches!(
            refused(&[("TB_URL", "http://x")]),
            EnvironmentError::Url(_)
        ));
        assert_eq!(
            refused(&[URL, ("TB_TOKEN", "t"), ("TB_USERNAME", "u")]),
            EnvironmentError::TokenAndBasic
        );
        assert_eq!(
            refused(&[URL, ("TB_PASSWORD", "p")]),
            EnvironmentError::Credentials(InvalidCredentials::Nothing)
        );
        for name in ["TB_MQTT_VERSION", "TB_KEEP_ALIVE"] {
            assert_eq!(
                refused(&[URL, (name, "x")]),
                EnvironmentError::Invalid { name }
            );
        }
    }
}
