//! Who the device is.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

/// How the device proves its identity to ThingsBoard.
///
/// The `Debug` form never shows a token or a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(Kind);

/// What they are made of.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Token(String),
    Basic {
        client_id: String,
        username: Option<String>,
        password: Option<String>,
    },
    Certificate,
}

impl Credentials {
    /// The access token of the device. ThingsBoard accepts up to 255 characters.
    ///
    /// An empty token is refused when the client is made ([`InvalidCredentials`]).
    pub fn token(token: impl Into<String>) -> Self {
        Self(Kind::Token(token.into()))
    }

    /// MQTT basic credentials: client identifier, and user name and password where the device has them.
    ///
    /// A device that was registered by its client identifier alone must not send a user name
    /// (`None`), or the server does not find it. A password needs a user name.
    pub fn basic(
        client_id: impl Into<String>,
        username: Option<&str>,
        password: Option<&str>,
    ) -> Self {
        Self(Kind::Basic {
            client_id: client_id.into(),
            username: username.map(ToOwned::to_owned),
            password: password.map(ToOwned::to_owned),
        })
    }

    /// The client certificate that the transport shows (X.509); nothing is sent in CONNECT.
    pub const fn certificate() -> Self {
        Self(Kind::Certificate)
    }

    /// Whether these credentials can work at all.
    ///
    /// # Errors
    /// [`InvalidCredentials`] says what is missing or too long.
    pub fn check(&self) -> Result<(), InvalidCredentials> {
        // `provision` as a token or client identifier opens a provisioning session (C-106).
        let reserved = |text: &str| text == "provision";
        match &self.0 {
            Kind::Token(token) if token.is_empty() => Err(InvalidCredentials::EmptyToken),
            Kind::Token(token) if token.chars().count() > 255 => Err(InvalidCredentials::TooLong),
            Kind::Token(token) if reserved(token) => Err(InvalidCredentials::Reserved),
            Kind::Basic {
                client_id,
                username,
                password,
            } => {
                if client_id.is_empty() && username.as_deref().is_none_or(str::is_empty) {
                    Err(InvalidCredentials::Nothing)
                } else if password.is_some() && username.as_deref().is_none_or(str::is_empty) {
                    Err(InvalidCredentials::PasswordWithoutUsername)
                } else if reserved(client_id) || username.as_deref().is_some_and(reserved) {
                    Err(InvalidCredentials::Reserved)
                } else if [Some(client_id), username.as_ref(), password.as_ref()]
                    .into_iter()
                    .flatten()
                    .any(|text| text.len() > usize::from(u16::MAX))
                {
                    Err(InvalidCredentials::TooLong)
                } else {
                    Ok(())
                }
            }
            Kind::Token(_) | Kind::Certificate => Ok(()),
        }
    }

    pub(crate) const fn kind(&self) -> &Kind {
        &self.0
    }

    pub(crate) fn client_id(&self) -> &str {
        match &self.0 {
            Kind::Basic { client_id, .. } => client_id,
            Kind::Token(_) | Kind::Certificate => "",
        }
    }

    pub(crate) fn username(&self) -> Option<&str> {
        match &self.0 {
            Kind::Token(token) => Some(token),
            Kind::Basic { username, .. } => username.as_deref(),
            Kind::Certificate => None,
        }
    }

    pub(crate) fn password(&self) -> Option<&str> {
        match &self.0 {
            Kind::Basic { password, .. } => password.as_deref(),
            Kind::Token(_) | Kind::Certificate => None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Token(_) => f.write_str("Token(..)"),
            Kind::Basic {
                client_id,
                username,
                ..
            } => f
                .debug_struct("Basic")
                .field("client_id", client_id)
                .field("username", username)
                .finish_non_exhaustive(),
            Kind::Certificate => f.write_str("Certificate"),
        }
    }
}

/// Credentials that no server can accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidCredentials {
    /// The access token is empty.
    EmptyToken,
    /// Neither a client identifier nor a user name was given.
    Nothing,
    /// There is a password but no user name; ThingsBoard would never compare it.
    PasswordWithoutUsername,
    /// The name `provision` opens a provisioning session instead of the device's own.
    Reserved,
    /// The token is longer than 255 characters, or another part longer than 65,535 bytes.
    TooLong,
}

impl fmt::Display for InvalidCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyToken => "the access token is empty: copy it from the device's page",
            Self::Nothing => "give a client identifier or a user name",
            Self::PasswordWithoutUsername => "a password needs a user name",
            Self::Reserved => "the name `provision` is reserved for provisioning sessions",
            Self::TooLong => "a part of the credentials is too long",
        })
    }
}

impl core::error::Error for InvalidCredentials {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn debug_output_shows_no_secret() {
        let token = format!("{:?}", Credentials::token("A1_SECRET"));
        let basic = format!("{:?}", Credentials::basic("id", Some("user"), Some("p4ss")));
        assert!(
            !token.contains("SECRET") && !basic.contains("p4ss"),
            "{token} {basic}"
        );
    }

    #[test]
    fn credentials_that_cannot_work_are_told_apart() {
        let check = |credentials: Credentials| credentials.check().unwrap_err();
        assert_eq!(
            check(Credentials::token("")),
            InvalidCredentials::EmptyToken
        );
        assert_eq!(
            check(Credentials::token("x".repeat(256))),
            InvalidCredentials::TooLong
        );
        assert_eq!(
            check(Credentials::token("provision")),
            InvalidCredentials::Reserved
        );
        assert_eq!(
            check(Credentials::basic("", None, None)),
            InvalidCredentials::Nothing
        );
        assert_eq!(
            check(Credentials::basic("id", None, Some("p"))),
            InvalidCredentials::PasswordWithoutUsername
        );
    }
}
