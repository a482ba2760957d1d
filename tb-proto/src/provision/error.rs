use alloc::string::String;
use core::fmt;

use crate::codec::ReasonCode;
use crate::mqtt::Cause;

/// Why a device was not provisioned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProvisionError {
    /// There is no profile with this key and secret, or its provisioning is switched off.
    NotFound {
        /// What the server said, cut to 256 characters.
        message: String,
    },
    /// The profile refuses this device: its name or credentials are taken, it was provisioned before,
    /// it is not among those prepared, or the tenant may have no more devices.
    Failed {
        /// What the server said, cut to 256 characters.
        message: String,
    },
    /// The server refused the request itself (MQTT 5).
    Rejected(ReasonCode),
    /// There is no connection, and trying again will not help until somebody changes something.
    NotConnected(Cause),
    /// The deadline is over.
    TimedOut {
        /// Why the last connection ended; `None` if the first one still stands or is being opened.
        last: Option<Cause>,
        /// Whether a request was written: then the device may exist. Resume with the same credentials.
        written: bool,
    },
    /// The connection ended before the answer, and there are no credentials here that could be tried (the
    /// server makes the token, or a certificate cannot be shown without TLS): the device may exist. Look
    /// for it on the server.
    Unanswered,
    /// The answer is not what ThingsBoard answers to such a request.
    Unexpected,
}

impl fmt::Display for ProvisionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { message } => write!(
                f,
                "the server knows no such provision key and secret ({message}): compare them with the \
                 device profile, and check that it provisions"
            ),
            Self::Failed { message } => write!(
                f,
                "the server did not provision the device ({message}): check whether its name or its \
                 credentials are taken"
            ),
            Self::Rejected(reason) => write!(f, "the server refused the request: {reason}"),
            Self::NotConnected(cause) => cause.fmt(f),
            Self::TimedOut {
                last: Some(cause), ..
            } => write!(f, "not provisioned in time: {cause}"),
            Self::TimedOut { last: None, .. } => {
                f.write_str("not provisioned in time: the server did not answer")
            }
            Self::Unanswered => f.write_str(
                "the connection ended before the answer: the device may exist, look for it on the server",
            ),
            Self::Unexpected => f.write_str("the answer is not what was asked for"),
        }
    }
}

impl core::error::Error for ProvisionError {}
