use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use tb_proto::{InvalidProvisionRequest, InvalidUrl, ProvisionError};

use crate::error::StartError;

/// A device did not get its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotProvisioned {
    /// Nothing was tried: the address, or what is needed to connect.
    Start(StartError),
    /// Nothing was tried: every server refuses this request.
    Request(InvalidProvisionRequest),
    /// The server did not provision the device, or could not be reached.
    Provision(ProvisionError),
    /// The file of credentials could not be read or written.
    File {
        /// Which file.
        path: PathBuf,
        /// What kind of failure it was.
        kind: io::ErrorKind,
        /// What the system said.
        text: String,
    },
    /// The file is there and holds no credentials. It is left as it is.
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// A token of the server's making cannot be kept before it is known: leave the choice of the token
    /// to this side.
    ServerToken,
    /// The operating system has no randomness for a token.
    NoRandomness,
}

impl NotProvisioned {
    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            kind: error.kind(),
            text: error.to_string(),
        }
    }
}

impl fmt::Display for NotProvisioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::Request(error) => error.fmt(f),
            Self::Provision(error) => error.fmt(f),
            Self::File { path, text, .. } => {
                write!(f, "the credentials cannot be kept in {}: {text}", path.display())
            }
            Self::Damaged { path } => write!(
                f,
                "{} holds no credentials: move it away to provision anew",
                path.display()
            ),
            Self::ServerToken => f.write_str(
                "a token that the server makes cannot be kept before it is known: leave out `server_token`",
            ),
            Self::NoRandomness => {
                f.write_str("the system has no randomness: choose the credentials yourself")
            }
        }
    }
}

impl core::error::Error for NotProvisioned {}

impl From<StartError> for NotProvisioned {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

impl From<InvalidUrl> for NotProvisioned {
    fn from(error: InvalidUrl) -> Self {
        Self::Start(error.into())
    }
}

impl From<InvalidProvisionRequest> for NotProvisioned {
    fn from(error: InvalidProvisionRequest) -> Self {
        Self::Request(error)
    }
}

impl From<ProvisionError> for NotProvisioned {
    fn from(error: ProvisionError) -> Self {
        Self::Provision(error)
    }
}
