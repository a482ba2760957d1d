//! Who polls the driver of a client. The calls are the same on each executor.

/// The calls of one executor: how its tasks are spawned is all that differs.
macro_rules! executor {
    ($(#[$about:meta])* $name:ident, $task:ty, $spawn:expr, $detach:expr) => {
        $(#[$about])*
        pub mod $name {
            use core::time::Duration;

            use tb_driver::{Client, Gateway, NotConnected, Setup, StartError};
            use tb_proto::{Config, Credentials, Endpoint};

            use crate::bring_up::{CONNECT_TIMEOUT, connect_by, prepare};

            /// Connects a device to the server at `url` and waits until the server has accepted it.
            ///
            /// `url` is an [`Endpoint`] or a text such as `mqtt://demo.example:1883`. The client runs
            /// in a task of the executor until it is disconnected or its last handle is dropped.
            /// Everything but address and credentials is as in [`Config::new`]; see [`connect_with`]
            /// for other choices.
            ///
            /// Cancel safe: dropping the future shuts the client down.
            ///
            /// # Errors
            /// [`NotConnected`], after 30 s at the latest, and at once if the cause will not pass by
            /// itself.
            pub async fn connect<U>(url: U, credentials: Credentials) -> Result<Client, NotConnected>
            where
                U: TryInto<Endpoint>,
                StartError: From<U::Error>,
            {
                let endpoint = url.try_into().map_err(StartError::from)?;
                connect_with(Config::new(endpoint, credentials), CONNECT_TIMEOUT).await
            }

            /// Connects with every choice of a [`Config`] or a [`Setup`], and waits for the first connection for
            /// `deadline`.
            ///
            /// Cancel safe: dropping the future shuts the client down.
            ///
            /// # Errors
            /// [`NotConnected`], and then the client is shut down. Use [`start`] for a client that goes
            /// on trying.
            pub async fn connect_with(
                setup: impl Into<Setup>,
                deadline: Duration,
            ) -> Result<Client, NotConnected> {
                connect_by(setup, deadline, |driver| $detach($spawn(driver))).await
            }

            /// Starts a client that accepts readings at once and connects by itself, as often as it has
            /// to. It runs in a task of the executor until it is disconnected or its last handle is
            /// dropped.
            ///
            /// # Errors
            /// [`StartError`].
            pub fn start(setup: impl Into<Setup>) -> Result<Client, StartError> {
                let (client, task) = spawn(setup)?;
                $detach(task);
                Ok(client)
            }

            /// As [`start`], with the task in which the client runs.
            ///
            /// It ends when the client has disconnected for good. Cancelling it ends every ticket: what
            /// was not delivered ends as *abandoned* and is handed back.
            ///
            /// # Errors
            /// [`StartError`].
            pub fn spawn(setup: impl Into<Setup>) -> Result<(Client, $task), StartError> {
                let (client, driver) = prepare(setup)?;
                Ok((client, $spawn(driver)))
            }

            /// Connects a gateway to the server at `url`, as [`connect`] does a device.
            ///
            /// Cancel safe: dropping the future shuts the gateway down.
            ///
            /// # Errors
            /// [`NotConnected`], after 30 s at the latest, and at once if the cause will not pass by
            /// itself.
            pub async fn connect_gateway<U>(
                url: U,
                credentials: Credentials,
            ) -> Result<Gateway, NotConnected>
            where
                U: TryInto<Endpoint>,
                StartError: From<U::Error>,
            {
                let endpoint = url.try_into().map_err(StartError::from)?;
                connect_gateway_with(Config::new(endpoint, credentials), CONNECT_TIMEOUT).await
            }

            /// Connects a gateway with every choice of a [`Setup`] or a [`Config`], as [`connect_with`] does a device. It
            /// has the defaults of a gateway unless the configuration [says otherwise](Config::gateway).
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

            /// Starts a gateway that accepts readings of its children at once, as [`start`] does a device.
            /// What [`prepare`] and [`spawn`] give becomes one by [`Gateway::new`].
            ///
            /// # Errors
            /// [`StartError`].
            pub fn start_gateway(setup: impl Into<Setup>) -> Result<Gateway, StartError> {
                start(setup.into().map(Gateway::config)).map(Gateway::new)
            }
        }
    };
}

#[cfg(feature = "smol")]
executor!(
    /// Clients as tasks of smol's global executor.
    ///
    /// Dropping the task that [`spawn`](smol::spawn) gives cancels it; `detach` lets it go on.
    smol,
    ::smol::Task<()>,
    ::smol::spawn,
    ::smol::Task::detach
);

#[cfg(feature = "async-std")]
executor!(
    /// Clients as tasks of async-std, which is discontinued: see RUSTSEC-2025-0052.
    ///
    /// Dropping the task that [`spawn`](async_std::spawn) gives lets it go on; `cancel` ends it.
    async_std,
    ::async_std::task::JoinHandle<()>,
    ::async_std::task::spawn,
    drop
);
