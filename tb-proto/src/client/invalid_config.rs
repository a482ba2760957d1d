use core::fmt;

use crate::mqtt::InvalidCredentials;
use crate::tb::{InvalidTopics, InvalidTsField};

/// No client can be made of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidConfig {
    /// No server can accept the credentials.
    Credentials(InvalidCredentials),
    /// The device cannot speak on the topics.
    Topics(InvalidTopics),
    /// The payload format names a field that no message has.
    TsField(InvalidTsField),
    /// A gateway speaks JSON only.
    ProtobufGateway,
}

impl From<InvalidCredentials> for InvalidConfig {
    fn from(invalid: InvalidCredentials) -> Self {
        Self::Credentials(invalid)
    }
}

impl From<InvalidTopics> for InvalidConfig {
    fn from(invalid: InvalidTopics) -> Self {
        Self::Topics(invalid)
    }
}

impl From<InvalidTsField> for InvalidConfig {
    fn from(invalid: InvalidTsField) -> Self {
        Self::TsField(invalid)
    }
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials(invalid) => invalid.fmt(f),
            Self::Topics(invalid) => invalid.fmt(f),
            Self::TsField(invalid) => invalid.fmt(f),
            Self::ProtobufGateway => {
                f.write_str("a gateway speaks JSON only: choose that payload format")
            }
        }
    }
}

impl core::error::Error for InvalidConfig {}
