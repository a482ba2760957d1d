//! Making clients.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use tb_driver::{Client, NotConnected, Setup, Stack, StartError, connected_within};
use tb_proto::{Config, Credentials, Endpoint};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::{Tcp, TokioTimer};

/// How long [`connect`] waits for the first connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Connects a device to the server at `url` and waits until the server has accepted it.
///
/// `url` is an [`Endpoint`] or a text such as `mqtt://demo.example` or `mqtts://demo.example`. The client runs in a task
/// of the present runtime until it is disconnected or its last handle is dropped. Everything but
/// address and credentials is as in [`Config::new`]; see [`connect_with`] for other choices.
///
/// Cancel safe: dropping the future shuts the client down.
///
/// # Errors
/// [`NotConnected`], after 30 s at the latest, and at once if the cause will not pass by itself.
pub async fn connect<U>(url: U, credentials: Credentials) -> Result<Client, NotConnected>
where
    U: TryInto<Endpoint>,
    StartError: From<U::Error>,
{
    let endpoint = url.try_into().map_err(StartError::from)?;
    connect_with(Config::new(endpoint, credentials), CONNECT_TIMEOUT).await
}

/// Connects with every choice of a [`Config`] or a [`Setup`], and waits for the first connection for `deadline`.
///
/// Cancel safe: dropping the future shuts the client down.
///
/// # Errors
/// [`NotConnected`], and then the client is shut down. Use [`start`] for a client that goes on trying.
pub async fn connect_with(
    setup: impl Into<Setup>,
    deadline: Duration,
) -> Result<Client, NotConnected> {
    let client = start(setup)?;
    connected_within(client, &mut TokioTimer::new(), deadline).await
}

/// Starts a client that accepts readings at once and connects by itself, as often as it has to.
///
/// It runs in a task of the present runtime until it is disconnected or its last handle is dropped.
///
/// # Errors
/// [`StartError`].
pub fn start(setup: impl Into<Setup>) -> Result<Client, StartError> {
    spawn(setup).map(|(client, _)| client)
}

/// As [`start`], with the handle of the task in which the client runs.
///
/// It ends when the client has disconnected for good. Aborting it ends every ticket: what was not
/// delivered ends as *abandoned* and is handed back.
///
/// # Errors
/// [`StartError`].
pub fn spawn(setup: impl Into<Setup>) -> Result<(Client, JoinHandle<()>), StartError> {
    let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
    let (client, driver) = prepare(setup)?;
    Ok((client, runtime.spawn(driver)))
}

/// A client and its driver, which has to be spawned or polled. What is subscribed before that is
/// part of the first message to the server, which sends waiting RPC calls at once.
///
/// # Errors
/// [`StartError`].
pub fn prepare(setup: impl Into<Setup>) -> Result<(Client, Driver), StartError> {
    let (config, connector) = setup.into().over(Tcp)?;
    let (client, driver) = tb_driver::Driver::new(config, connector, TokioTimer::new())?;
    Ok((client, Driver(driver)))
}

/// A client at work over TCP or TLS, to be spawned or polled: a [`tb_driver::Driver`].
#[derive(Debug)]
#[must_use = "nothing happens unless the driver is polled"]
pub struct Driver(tb_driver::Driver<Stack<Tcp>, TokioTimer>);

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}
