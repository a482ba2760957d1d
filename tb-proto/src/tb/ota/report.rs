//! What the device tells about an update: ordinary telemetry (TB §8.3).

use alloc::string::String;
use alloc::vec::Vec;

use super::{Installed, PackageType};
use crate::tb::invalid::bounded;
use crate::tb::json::write_text;

/// A state that only the application can know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateState {
    /// The package is being installed. Tell it before the device restarts, and wait for the ticket.
    Updating,
    /// It runs. From now on this is what is installed.
    Updated(Installed),
    /// It could not be installed, or does not run. At most 256 characters of the reason are told.
    Failed(String),
}

/// Everything that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// What runs, without a word about any update.
    Current(Installed),
    /// With what runs meanwhile.
    Downloading(Installed),
    Downloaded,
    Verified,
    Updating,
    Updated(Installed),
    Failed(String),
}

impl From<UpdateState> for Report {
    fn from(state: UpdateState) -> Self {
        match state {
            UpdateState::Updating => Self::Updating,
            UpdateState::Updated(installed) => Self::Updated(installed),
            UpdateState::Failed(why) => Self::Failed(why),
        }
    }
}

impl Report {
    /// The report as an object of telemetry keys.
    pub(crate) fn payload(&self, package_type: PackageType) -> Vec<u8> {
        let (installed, state, error) = match self {
            Self::Current(installed) => (Some(installed), None, None),
            Self::Downloading(installed) => (Some(installed), Some("DOWNLOADING"), None),
            Self::Downloaded => (None, Some("DOWNLOADED"), None),
            Self::Verified => (None, Some("VERIFIED"), None),
            Self::Updating => (None, Some("UPDATING"), None),
            Self::Updated(installed) => (Some(installed), Some("UPDATED"), None),
            Self::Failed(why) => (None, Some("FAILED"), Some(bounded(why))),
        };
        let title = installed.map(|it| bounded(&it.title));
        let version = installed.map(|it| bounded(&it.version));
        let members = [
            ("current_", "_title", title.as_deref()),
            ("current_", "_version", version.as_deref()),
            ("", "_state", state),
            ("", "_error", error.as_deref()),
        ];
        let mut out = Vec::new();
        for (prefix, suffix, value) in members {
            let Some(value) = value else { continue };
            out.push(if out.is_empty() { b'{' } else { b',' });
            write_text(
                &mut out,
                &alloc::format!("{prefix}{}{suffix}", package_type.short()),
            );
            out.push(b':');
            write_text(&mut out, value);
        }
        out.push(b'}');
        out
    }
}
