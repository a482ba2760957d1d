//! Credentials from a file, or from the server.

use alloc::boxed::Box;
use core::future::Future;
use std::path::PathBuf;

use tb_proto::{Credentials, Endpoint, ProvisionRequest};

use super::{CredentialsFile, NotProvisioned, Step, provision};
use crate::connect::Connect;
use crate::timer::Timer;

/// Work on the file of the credentials, which blocks.
pub type FileWork = Box<dyn FnOnce() -> Result<CredentialsFile, NotProvisioned> + Send>;

/// The credentials in the file at `path`, or, the first time, those that the server at `endpoint` gives
/// over connections of `connector`; then they are kept there, as [`CredentialsFile`] tells. `unblock`
/// does the work on the file where that disturbs no other task.
///
/// Dropping the future closes the connection; the next call goes on from there.
///
/// # Errors
/// [`NotProvisioned`], when the time of the request is over at the latest.
pub async fn load_or_provision<C, T, W>(
    connector: &mut C,
    timer: &mut T,
    endpoint: Endpoint,
    path: PathBuf,
    request: ProvisionRequest,
    mut unblock: impl FnMut(FileWork) -> W,
) -> Result<Credentials, NotProvisioned>
where
    C: Connect,
    T: Timer,
    W: Future<Output = Result<CredentialsFile, NotProvisioned>>,
{
    let mut file = unblock(Box::new(|| CredentialsFile::open(path, request))).await?;
    loop {
        let (request, resume) = match file.step() {
            Step::Done(credentials) => return Ok(credentials.clone()),
            Step::Provision { request, resume } => (request.clone(), *resume),
        };
        let outcome = match provision(connector, timer, endpoint.clone(), request, resume).await {
            Ok(credentials) => Ok(credentials),
            Err(NotProvisioned::Provision(error)) => Err(error),
            Err(error) => return Err(error),
        };
        file = unblock(Box::new(|| file.ended(outcome).map(|()| file))).await?;
    }
}
