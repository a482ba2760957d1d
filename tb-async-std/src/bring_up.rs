//! Making clients, whoever drives them.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use tb_driver::{Client, NotConnected, Setup, Stack, StartError, connected_within};

use crate::{AsyncIoTimer, Tcp};

/// How long `connect` waits for the first connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// A client and its driver, which has to be spawned, polled or [run](Driver::run). What is subscribed
/// before that is part of the first message to the server, which sends waiting RPC calls at once.
///
/// # Errors
/// [`StartError`].
pub fn prepare(setup: impl Into<Setup>) -> Result<(Client, Driver), StartError> {
    let (config, connector) = setup.into().over(Tcp)?;
    let (client, driver) = tb_driver::Driver::new(config, connector, AsyncIoTimer::new())?;
    Ok((client, Driver(driver)))
}

/// Connects a device whose driver is put to work by `spawn`, on whatever executor that is, and waits for
/// the first connection for `deadline`.
///
/// ```no_run
/// # async fn run() -> Result<(), tb_async_std::Error> {
/// use tb_async_std::{CONNECT_TIMEOUT, Config, Credentials, connect_by};
///
/// let config = Config::new("mqtt://localhost".parse()?, Credentials::token("A1_TEST_TOKEN"));
/// // A thread of its own; `spawn` of an executor does as well.
/// let client = connect_by(config, CONNECT_TIMEOUT, |driver| {
///     std::thread::spawn(|| driver.run());
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// Cancel safe: dropping the future shuts the client down.
///
/// # Errors
/// [`NotConnected`], and then the client is shut down.
pub async fn connect_by(
    setup: impl Into<Setup>,
    deadline: Duration,
    spawn: impl FnOnce(Driver),
) -> Result<Client, NotConnected> {
    let (client, driver) = prepare(setup)?;
    spawn(driver);
    connected_within(client, &mut AsyncIoTimer::new(), deadline).await
}

/// A client at work over TCP or TLS, to be spawned, polled or run: a [`tb_driver::Driver`].
#[derive(Debug)]
#[must_use = "nothing happens unless the driver is polled"]
pub struct Driver(tb_driver::Driver<Stack<Tcp>, AsyncIoTimer>);

impl Driver {
    /// Does the work of the client on this thread, without any executor, until the client has
    /// disconnected for good.
    pub fn run(self) {
        async_io::block_on(self);
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}
