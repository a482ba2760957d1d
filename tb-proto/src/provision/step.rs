use super::ProvisionError;
use crate::mqtt::Credentials;

/// What the connection is for.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// To make the request.
    Asking {
        /// It was handed to the connection: the server may have it.
        written: bool,
    },
    /// To find out whether the device exists already.
    Trying {
        credentials: Credentials,
        /// What the server said last, if it refused the device; the outcome when it does not know the
        /// credentials either.
        verdict: Option<Verdict>,
    },
    Done,
}

/// A refusal that may be due to our own earlier request.
#[derive(Debug, PartialEq)]
pub(super) struct Verdict(pub(super) ProvisionError);

impl Step {
    /// What CONNECT carries.
    pub(super) fn credentials(&self) -> Credentials {
        match self {
            Self::Trying { credentials, .. } => credentials.clone(),
            // The name that opens a provisioning session (C-106).
            Self::Asking { .. } | Self::Done => Credentials::token("provision"),
        }
    }
}
