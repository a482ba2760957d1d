//! A configuration out of the environment.

use core::fmt;
use core::time::Duration;
use std::env;

use tb_proto::{
    Config, Credentials, InvalidCredentials, InvalidUrl, ProtocolVersion, VersionPolicy,
};

/// A configuration from environment variables; what is not set is as in [`Config::new`].
///
/// | variable | |
/// |---|---|
/// | `TB_URL` | address of the server, `mqtt://host:port`; needed |
/// | `TB_TOKEN` | access token |
/// | `TB_CLIENT_ID`, `TB_USERNAME`, `TB_PASSWORD` | MQTT basic credentials, instead of a token |
/// | `TB_MQTT_VERSION` | `5` or `3.1.1`: this version only |
/// | `TB_KEEP_ALIVE` | in seconds |
///
/// With neither token nor basic credentials the device is known by its client certificate.
///
/// # Errors
/// [`EnvironmentError`] names the variable.
pub fn config_from_env() -> Result<Config, EnvironmentError> {
    read(|name| env::var(name).ok().filter(|value| !value.is_empty()))
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
