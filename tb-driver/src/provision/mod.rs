//! A device gets its credentials, once.

mod error;
mod exchange;
mod file;
mod load;
mod token;

pub use error::NotProvisioned;
pub use exchange::provision;
pub use file::{CredentialsFile, Step};
pub use load::{FileWork, load_or_provision};

pub(crate) use token::fresh_token;

use core::hash::{BuildHasher, Hasher};
use std::hash::RandomState;

use tb_proto::{Endpoint, Instant, ProvisionRequest, Provisioning, VersionPolicy};

/// The machine behind [`provision`], for a loop of one's own. Its reconnects are spread by the system's
/// randomness.
///
/// # Errors
/// [`NotProvisioned::Request`].
pub fn machine(
    endpoint: Endpoint,
    request: ProvisionRequest,
    resume: bool,
    now: Instant,
) -> Result<Provisioning, NotProvisioned> {
    let begin = if resume {
        Provisioning::resume
    } else {
        Provisioning::new
    };
    let seed = RandomState::new().build_hasher().finish();
    Ok(begin(
        endpoint,
        VersionPolicy::Automatic,
        request,
        now,
        seed,
    )?)
}

/// The request with an access token made here, unless other credentials were asked for: then a lost
/// answer loses nothing, because the token can be tried.
///
/// # Errors
/// [`NotProvisioned::NoRandomness`].
pub fn with_own_token(request: ProvisionRequest) -> Result<ProvisionRequest, NotProvisioned> {
    Ok(request.or_token(fresh_token()?))
}
