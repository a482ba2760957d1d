//! Getting credentials.

use std::path::PathBuf;

use tb_driver::provision::{CredentialsFile, FileWork, with_own_token};
#[cfg(feature = "_rustls")]
use tb_driver::tls::TlsConfig;
use tb_driver::{NotProvisioned, Stack, StartError};
use tb_proto::{Credentials, Endpoint, ProvisionRequest};
use tokio::task::spawn_blocking;

use crate::{Tcp, TokioTimer};

/// Asks the server at `url` for a device and its credentials.
///
/// Unless the request says otherwise the device gets an access token that is made here. If the answer
/// is lost the token is tried, so that the outcome is known all the same. Nothing is kept: see
/// [`load_or_provision`].
///
/// Dropping the future closes the connection; the device may exist then.
///
/// # Errors
/// [`NotProvisioned`], when the time of the request is over at the latest.
pub async fn provision<U>(url: U, request: ProvisionRequest) -> Result<Credentials, NotProvisioned>
where
    U: TryInto<Endpoint>,
    StartError: From<U::Error>,
{
    let endpoint = url.try_into().map_err(StartError::from)?;
    let connector = tb_driver::stack(Tcp, &endpoint)?;
    asked(connector, endpoint, request).await
}

/// As [`provision`], with this configuration of TLS.
///
/// ThingsBoard knows a device with an X.509 certificate by that certificate: for
/// [`Credentials::certificate`] it has to be the identity of `tls`.
///
/// # Errors
/// [`NotProvisioned`], when the time of the request is over at the latest.
#[cfg(feature = "_rustls")]
pub async fn provision_with_tls<U>(
    tls: TlsConfig,
    url: U,
    request: ProvisionRequest,
) -> Result<Credentials, NotProvisioned>
where
    U: TryInto<Endpoint>,
    StartError: From<U::Error>,
{
    let endpoint = url.try_into().map_err(StartError::from)?;
    let connector = tb_driver::stack_with_tls(Tcp, &endpoint, tls)?;
    asked(connector, endpoint, request).await
}

/// The credentials in the file at `path`, or, the first time, those that the server at `url` gives this
/// device; then they are kept there.
///
/// Neither a lost answer nor a crash loses them or makes a second device: they are kept before the
/// server is asked, and what was kept is tried before it is asked again. How that is done, what happens
/// when several processes start together and what becomes of the file's mode:
/// [`CredentialsFile`].
///
/// Dropping the future closes the connection; the next call goes on from there.
///
/// # Errors
/// [`NotProvisioned`], when the time of the request is over at the latest.
pub async fn load_or_provision<U>(
    path: impl Into<PathBuf>,
    url: U,
    request: ProvisionRequest,
) -> Result<Credentials, NotProvisioned>
where
    U: TryInto<Endpoint>,
    StartError: From<U::Error>,
{
    let endpoint = url.try_into().map_err(StartError::from)?;
    let connector = tb_driver::stack(Tcp, &endpoint)?;
    kept(connector, path.into(), endpoint, request).await
}

/// As [`load_or_provision`], with this configuration of TLS.
///
/// ThingsBoard knows a device with an X.509 certificate by that certificate: for
/// [`Credentials::certificate`] it has to be the identity of `tls`.
///
/// # Errors
/// [`NotProvisioned`], when the time of the request is over at the latest.
#[cfg(feature = "_rustls")]
pub async fn load_or_provision_with_tls<U>(
    path: impl Into<PathBuf>,
    tls: TlsConfig,
    url: U,
    request: ProvisionRequest,
) -> Result<Credentials, NotProvisioned>
where
    U: TryInto<Endpoint>,
    StartError: From<U::Error>,
{
    let endpoint = url.try_into().map_err(StartError::from)?;
    let connector = tb_driver::stack_with_tls(Tcp, &endpoint, tls)?;
    kept(connector, path.into(), endpoint, request).await
}

async fn asked(
    mut connector: Stack<Tcp>,
    endpoint: Endpoint,
    request: ProvisionRequest,
) -> Result<Credentials, NotProvisioned> {
    let (mut timer, request) = (TokioTimer::new(), with_own_token(request)?);
    tb_driver::provision::provision(&mut connector, &mut timer, endpoint, request, false).await
}

async fn kept(
    mut connector: Stack<Tcp>,
    path: PathBuf,
    endpoint: Endpoint,
    request: ProvisionRequest,
) -> Result<Credentials, NotProvisioned> {
    let mut timer = TokioTimer::new();
    tb_driver::provision::load_or_provision(
        &mut connector,
        &mut timer,
        endpoint,
        path,
        request,
        unblock,
    )
    .await
}

async fn unblock(work: FileWork) -> Result<CredentialsFile, NotProvisioned> {
    // It fails only when the runtime is being shut down.
    spawn_blocking(work)
        .await
        .unwrap_or(Err(NotProvisioned::Start(StartError::NoRuntime)))
}
