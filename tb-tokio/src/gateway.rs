//! Making gateways.

use core::time::Duration;

use tb_driver::{Gateway, NotConnected, Setup, StartError};
use tb_proto::{Config, Credentials, Endpoint};

use crate::{CONNECT_TIMEOUT, connect_with, start};

/// Connects a gateway to the server at `url`, as [`connect`](crate::connect) does a device.
///
/// Cancel safe: dropping the future shuts the gateway down.
///
/// # Errors
/// [`NotConnected`], after 30 s at the latest, and at once if the cause will not pass by itself.
pub async fn connect_gateway<U>(url: U, credentials: Credentials) -> Result<Gateway, NotConnected>
where
    U: TryInto<Endpoint>,
    StartError: From<U::Error>,
{
    let endpoint = url.try_into().map_err(StartError::from)?;
    connect_gateway_with(Config::new(endpoint, credentials), CONNECT_TIMEOUT).await
}

/// Connects a gateway with every choice of a [`Setup`] or a [`Config`], as [`connect_with`] does a device. It has the
/// defaults of a gateway unless the configuration [says otherwise](Config::gateway).
///
/// Cancel safe: dropping the future shuts the gateway down.
///
/// # Errors
/// [`NotConnected`], and then the gateway is shut down.
pub async fn connect_gateway_with(
    setup: impl Into<Setup>,
    deadline: Duration,
) -> Result<Gateway, NotConnected> {
    let client = connect_with(setup.into().map(Gateway::config), deadline).await?;
    Ok(Gateway::new(client))
}

/// Starts a gateway that accepts readings of its children at once, as [`start`] does a device. What
/// [`prepare`](crate::prepare) and [`spawn`](crate::spawn) give becomes one by [`Gateway::new`].
///
/// # Errors
/// [`StartError`].
pub fn start_gateway(setup: impl Into<Setup>) -> Result<Gateway, StartError> {
    start(setup.into().map(Gateway::config)).map(Gateway::new)
}
