use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::mqtt::{Credentials, InvalidCredentials, Kind};
use crate::tb::json::write_text;

/// What a device asks the server for when it has no credentials yet.
///
/// Key and secret are those of the device profile. Unless something else is chosen, a driver makes an
/// access token on this side, so that a lost answer loses nothing; a machine that is used without a
/// driver leaves the token to the server.
///
/// The `Debug` form shows neither key nor secret nor credentials.
///
/// ```
/// # use tb_proto::{Credentials, ProvisionRequest};
/// let request = ProvisionRequest::new("profile-key", "profile-secret").device_name("pump-7");
/// let with_own_token = request.clone().credentials(Credentials::token("T0k3nOfPump7"));
/// let gateway = request.gateway();
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ProvisionRequest {
    key: String,
    secret: String,
    device_name: Option<String>,
    gateway: bool,
    asked: Asked,
    timeout: Duration,
}

/// The credentials that are asked for.
#[derive(Clone, PartialEq, Eq)]
enum Asked {
    /// Nothing was chosen.
    Nothing,
    /// A token of the server's making.
    ServerToken,
    /// These: a token, or MQTT basic credentials.
    These(Credentials),
    /// Those of this certificate.
    Certificate(String),
}

impl ProvisionRequest {
    /// How long provisioning may take unless [`timeout`](Self::timeout) says otherwise: the time for
    /// which the server itself keeps such a session (TB §7.1).
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    /// Asks for a device of the profile with this provision key and secret.
    pub fn new(key: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            secret: secret.into(),
            device_name: None,
            gateway: false,
            asked: Asked::Nothing,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }

    /// The name of the device. Without one the server invents a name, which it does not tell.
    ///
    /// A profile that checks for devices that were provisioned before needs the name of one of them.
    pub fn device_name(mut self, name: impl Into<String>) -> Self {
        self.device_name = Some(name.into());
        self
    }

    /// The device will be a gateway.
    pub fn gateway(mut self) -> Self {
        self.gateway = true;
        self
    }

    /// Asks for these credentials, which nobody else may have: a token, or MQTT basic credentials.
    /// (For those of a certificate see [`certificate`](Self::certificate).)
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.asked = Asked::These(credentials);
        self
    }

    /// Asks for the credentials of a client certificate (X.509): the certificate as PEM, or its base64
    /// text. The device then connects by TLS and shows it.
    pub fn certificate(mut self, certificate: impl Into<String>) -> Self {
        self.asked = Asked::Certificate(certificate.into());
        self
    }

    /// Leaves the access token to the server. If its answer is lost, the device exists and nobody
    /// knows its token.
    pub fn server_token(mut self) -> Self {
        self.asked = Asked::ServerToken;
        self
    }

    /// Asks for this access token unless something else was chosen.
    pub fn or_token(mut self, token: impl Into<String>) -> Self {
        if self.asked == Asked::Nothing {
            self.asked = Asked::These(Credentials::token(token));
        }
        self
    }

    /// How long all of it may take, counted from the start. Default
    /// [`DEFAULT_TIMEOUT`](Self::DEFAULT_TIMEOUT); the server may need 15 s for its answer alone.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The credentials that the device will have when the server agrees; `None` if only the server
    /// knows them.
    pub fn expected(&self) -> Option<Credentials> {
        match &self.asked {
            Asked::Nothing | Asked::ServerToken => None,
            Asked::These(credentials) => Some(credentials.clone()),
            Asked::Certificate(_) => Some(Credentials::certificate()),
        }
    }

    /// Whether it can be sent at all.
    ///
    /// # Errors
    /// [`InvalidProvisionRequest`] says what to mend.
    pub fn check(&self) -> Result<(), InvalidProvisionRequest> {
        if self.key.is_empty() || self.secret.is_empty() {
            return Err(InvalidProvisionRequest::NoKey);
        }
        if self
            .device_name
            .as_ref()
            .is_some_and(|name| name.trim().is_empty())
        {
            return Err(InvalidProvisionRequest::BlankName);
        }
        match &self.asked {
            Asked::Nothing | Asked::ServerToken => {}
            Asked::These(credentials) if *credentials == Credentials::certificate() => {
                return Err(InvalidProvisionRequest::NoCertificate);
            }
            Asked::These(credentials) => credentials.check()?,
            Asked::Certificate(text) if text.trim().is_empty() => {
                return Err(InvalidProvisionRequest::NoCertificate);
            }
            Asked::Certificate(_) => {}
        }
        let size = self.payload().len();
        if size > Self::MAX_PAYLOAD {
            return Err(InvalidProvisionRequest::TooLarge {
                size,
                limit: Self::MAX_PAYLOAD,
            });
        }
        Ok(())
    }

    /// What the server takes with topic and headers (C-034): there is no session that could tell more.
    const MAX_PAYLOAD: usize = 65_536 - 32;

    pub(crate) const fn timeout_after(&self) -> Duration {
        self.timeout
    }

    /// The request as it is sent. A member that is null makes the server hang up (C-111): what was not
    /// chosen is left out.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut text = Vec::from(*b"{");
        if let Some(name) = &self.device_name {
            member(&mut text, "deviceName", name);
        }
        member(&mut text, "provisionDeviceKey", &self.key);
        member(&mut text, "provisionDeviceSecret", &self.secret);
        match &self.asked {
            Asked::Nothing | Asked::ServerToken => {}
            Asked::These(credentials) => match credentials.kind() {
                Kind::Token(token) => {
                    member(&mut text, "credentialsType", "ACCESS_TOKEN");
                    member(&mut text, "token", token);
                }
                Kind::Basic {
                    client_id,
                    username,
                    password,
                } => {
                    member(&mut text, "credentialsType", "MQTT_BASIC");
                    if !client_id.is_empty() {
                        member(&mut text, "clientId", client_id);
                    }
                    // Spelled `userName` in the answer (TB §7.2).
                    for (name, value) in [("username", username), ("password", password)] {
                        if let Some(value) = value {
                            member(&mut text, name, value);
                        }
                    }
                }
                // Refused by `check`.
                Kind::Certificate => {}
            },
            Asked::Certificate(certificate) => {
                member(&mut text, "credentialsType", "X509_CERTIFICATE");
                // Despite its name it takes the certificate (TB §7.2).
                member(&mut text, "hash", certificate);
            }
        }
        if self.gateway {
            text.extend_from_slice(b",\"gateway\":true");
        }
        text.push(b'}');
        text
    }
}

fn member(text: &mut Vec<u8>, name: &str, value: &str) {
    if text.len() > 1 {
        text.push(b',');
    }
    write_text(text, name);
    text.push(b':');
    write_text(text, value);
}

/// Shows no secret.
impl fmt::Debug for ProvisionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = match &self.asked {
            Asked::Nothing => "nothing",
            Asked::ServerToken => "a token of the server",
            Asked::These(_) => "its own credentials",
            Asked::Certificate(_) => "a certificate",
        };
        f.debug_struct("ProvisionRequest")
            .field("device_name", &self.device_name)
            .field("gateway", &self.gateway)
            .field("asked", &asked)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A request that the server would refuse whatever its profiles are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidProvisionRequest {
    /// Provision key or secret are empty.
    NoKey,
    /// The device name consists of white space.
    BlankName,
    /// A certificate is asked for, but its text is not there.
    NoCertificate,
    /// No server can accept these credentials.
    Credentials(InvalidCredentials),
    /// The request is larger than the server takes.
    TooLarge {
        /// Its payload in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

impl From<InvalidCredentials> for InvalidProvisionRequest {
    fn from(invalid: InvalidCredentials) -> Self {
        Self::Credentials(invalid)
    }
}

impl fmt::Display for InvalidProvisionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str(
                "provision key or secret are empty: copy them from the device profile's page",
            ),
            Self::BlankName => f.write_str("the device name is blank: give one, or leave it out"),
            Self::NoCertificate => {
                f.write_str("the text of the certificate is missing: pass it to `certificate`")
            }
            Self::Credentials(invalid) => invalid.fmt(f),
            Self::TooLarge { size, limit } => write!(
                f,
                "the request takes {size} bytes, the server takes {limit}: send the leaf certificate alone"
            ),
        }
    }
}

impl core::error::Error for InvalidProvisionRequest {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn request() -> ProvisionRequest {
        ProvisionRequest::new("pk1", "ps1")
    }

    fn text(request: &ProvisionRequest) -> String {
        String::from_utf8(request.payload()).unwrap()
    }

    #[test]
    fn every_kind_of_credentials_is_asked_for_in_the_words_of_the_server() {
        let named = request().device_name("pump-7");
        let start =
            r#"{"deviceName":"pump-7","provisionDeviceKey":"pk1","provisionDeviceSecret":"ps1""#;
        for (request, rest) in [
            (named.clone(), "}"),
            (named.clone().server_token(), "}"),
            (named.clone().gateway(), r#","gateway":true}"#),
            (
                named.clone().credentials(Credentials::token("T0k3n")),
                r#","credentialsType":"ACCESS_TOKEN","token":"T0k3n"}"#,
            ),
            (
                named
                    .clone()
                    .credentials(Credentials::basic("c7", Some("u7"), Some("p7"))),
                r#","credentialsType":"MQTT_BASIC","clientId":"c7","username":"u7","password":"p7"}"#,
            ),
            (
                named.certificate("MIIBszCCAVmg"),
                r#","credentialsType":"X509_CERTIFICATE","hash":"MIIBszCCAVmg"}"#,
            ),
        ] {
            assert_eq!(text(&request), format!("{start}{rest}"));
            assert_eq!(request.check(), Ok(()));
        }
    }

    #[test]
    fn what_was_not_chosen_is_left_out() {
        assert_eq!(
            text(&request()),
            r#"{"provisionDeviceKey":"pk1","provisionDeviceSecret":"ps1"}"#
        );
        for (credentials, rest) in [
            (Credentials::basic("c7", None, None), r#""clientId":"c7"}"#),
            (
                Credentials::basic("", Some("u7"), None),
                r#""username":"u7"}"#,
            ),
        ] {
            let text = text(&request().credentials(credentials));
            assert!(text.ends_with(rest) && !text.contains("null"), "{text}");
        }
    }

    #[test]
    fn a_token_by_default_takes_no_choice_away() {
        let own = Credentials::token("made here");
        assert_eq!(request().or_token("made here").expected(), Some(own));
        assert_eq!(
            request().server_token().or_token("made here").expected(),
            None
        );
        let basic = Credentials::basic("c7", None, None);
        let chosen = request().credentials(basic.clone()).or_token("made here");
        assert_eq!(chosen.expected(), Some(basic));
    }

    #[test]
    fn requests_that_can_only_be_refused_are_told_apart() {
        let check = |request: ProvisionRequest| request.check().unwrap_err();
        assert_eq!(
            check(ProvisionRequest::new("", "s")),
            InvalidProvisionRequest::NoKey
        );
        assert_eq!(
            check(request().device_name(" \t")),
            InvalidProvisionRequest::BlankName
        );
        assert_eq!(
            check(request().certificate("")),
            InvalidProvisionRequest::NoCertificate
        );
        assert_eq!(
            check(request().credentials(Credentials::certificate())),
            InvalidProvisionRequest::NoCertificate
        );
        assert_eq!(
            check(request().credentials(Credentials::token("provision"))),
            InvalidCredentials::Reserved.into()
        );
        assert!(matches!(
            check(request().certificate("x".repeat(66_000))),
            InvalidProvisionRequest::TooLarge { .. }
        ));
    }

    #[test]
    fn debug_output_shows_no_secret() {
        for request in [
            request().credentials(Credentials::token("T0k3n")),
            request().credentials(Credentials::basic("c7", Some("u7"), Some("p7"))),
        ] {
            let shown = format!("{request:?}");
            let secrets = ["pk1", "ps1", "T0k3n", "p7"];
            assert!(
                !secrets.iter().any(|secret| shown.contains(secret)),
                "{shown}"
            );
        }
    }
}
