//! Making clients.

use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;
use std::thread;

use tb_driver::{Client, Engine, NotConnected, Setup, Stack, StartError};
use tb_proto::{Config, Credentials, Endpoint};

use crate::desk::Desk;
use crate::{Connect, Tcp, threads};

/// How long [`connect`] waits for the first connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Connects a device to the server at `url` and waits until the server has accepted it.
///
/// `url` is an [`Endpoint`] or a text such as `mqtt://demo.example` or `mqtts://demo.example`. The client runs in threads
/// of its own until it is disconnected or its last handle is dropped. Everything but address and
/// credentials is as in [`Config::new`]; see [`connect_with`] for other choices.
///
/// # Errors
/// [`NotConnected`], after 30 s at the latest, and at once if the cause will not pass by itself.
pub fn connect<U>(url: U, credentials: Credentials) -> Result<Client, NotConnected>
where
    U: TryInto<Endpoint>,
    StartError: From<U::Error>,
{
    let endpoint = url.try_into().map_err(StartError::from)?;
    connect_with(Config::new(endpoint, credentials), CONNECT_TIMEOUT)
}

/// Connects with every choice of a [`Config`] or a [`Setup`], and waits for the first connection for `deadline`.
///
/// # Errors
/// [`NotConnected`], and then the client is shut down. Use [`start`] for a client that goes on trying.
pub fn connect_with(setup: impl Into<Setup>, deadline: Duration) -> Result<Client, NotConnected> {
    let client = start(setup)?;
    client.connected_wait(deadline).map(|_| client)
}

/// Starts a client that accepts readings at once and connects by itself, as often as it has to.
///
/// It runs in threads of its own until it is disconnected or its last handle is dropped.
///
/// # Errors
/// [`StartError`].
pub fn start(setup: impl Into<Setup>) -> Result<Client, StartError> {
    let (client, driver) = prepare(setup)?;
    driver.start()?;
    Ok(client)
}

/// A client and its driver, which has to be started. What is subscribed before that is part of the
/// first message to the server, which sends waiting RPC calls at once.
///
/// # Errors
/// [`StartError`].
pub fn prepare(setup: impl Into<Setup>) -> Result<(Client, Driver<Stack<Tcp>>), StartError> {
    let (config, connector) = setup.into().over(Tcp)?;
    Driver::new(config, connector)
}

/// A client at work on threads: connects, reads, writes, keeps the time.
#[must_use = "nothing happens unless the driver is started"]
pub struct Driver<C> {
    engine: Engine,
    connector: C,
}

impl<C: Connect> Driver<C> {
    /// A client and its driver, which opens connections by `connector`.
    ///
    /// # Errors
    /// [`StartError::Config`].
    pub fn new(config: Config, connector: C) -> Result<(Client, Self), StartError> {
        let (client, engine) = Engine::new(config)?;
        Ok((client, Self { engine, connector }))
    }

    /// Starts the threads. They end when the client has disconnected for good.
    ///
    /// # Errors
    /// [`StartError::NoThread`], and then the client is shut down.
    pub fn start(self) -> Result<(), StartError> {
        let (engine, desk) = self.start_transport()?;
        let keeper = Arc::clone(&desk);
        spawn("tb-time", move || threads::keep_time(engine, &keeper)).inspect_err(|_| desk.end())
    }

    /// Does the work of the client on this thread (and two more) until it has disconnected for good.
    ///
    /// # Errors
    /// [`StartError::NoThread`], and then the client is shut down.
    pub fn run(self) -> Result<(), StartError> {
        let (engine, desk) = self.start_transport()?;
        threads::keep_time(engine, &desk);
        Ok(())
    }

    /// Starts the threads that read and write.
    fn start_transport(self) -> Result<(Engine, Arc<Desk>), StartError> {
        let Self { engine, connector } = self;
        let desk = Arc::new(Desk::default());
        let (wire, reader) = (engine.wire().clone(), Arc::clone(&desk));
        spawn("tb-read", move || threads::read(connector, &wire, &reader))?;
        let (wire, writer) = (engine.wire().clone(), Arc::clone(&desk));
        spawn("tb-write", move || threads::write(&wire, &writer)).inspect_err(|_| desk.end())?;
        Ok((engine, desk))
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map(drop).map_err(|_| StartError::NoThread)
}

impl<C> fmt::Debug for Driver<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
