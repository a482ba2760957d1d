//! What the suite asks of an adapter.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use tb_driver::tls::Tls;
use tb_driver::{Client, NotProvisioned};
use tb_proto::{Config, Credentials, ProvisionRequest};
use tokio::runtime::Runtime;

use crate::protection;
use crate::trouble::{Trouble, Troubling};

/// An adapter under test.
pub(crate) trait Adapter {
    /// A client that does nothing until its driver is started.
    fn prepare(config: Config, trouble: Trouble) -> (Client, Unstarted);

    /// Credentials from the server.
    fn provision(url: &str, request: ProvisionRequest) -> Provisioned;

    /// Credentials from the file, or from the server.
    fn load_or_provision(path: &Path, url: &str, request: ProvisionRequest) -> Provisioned;
}

pub(crate) type Provisioned = Result<Credentials, NotProvisioned>;

/// A driver that was not started: call it to start, drop it to give up.
pub(crate) type Unstarted = Box<dyn FnOnce() -> Running>;

/// What has to stay alive while the client runs.
pub(crate) struct Running {
    /// Only tokio has one; dropping it drops the driver.
    pub(crate) runtime: Option<Runtime>,
}

/// Starts a client over TCP as it is.
pub(crate) fn start<A: Adapter>(config: Config) -> (Client, Running) {
    start_in_trouble::<A>(config, Trouble::default())
}

/// Starts a client over TCP that makes trouble.
pub(crate) fn start_in_trouble<A: Adapter>(config: Config, trouble: Trouble) -> (Client, Running) {
    let (client, driver) = A::prepare(config, trouble);
    (client, driver())
}

type PolledDriver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// tokio, with its driver on a thread of its own.
pub(crate) struct Tokio;

impl Adapter for Tokio {
    fn prepare(config: Config, trouble: Trouble) -> (Client, Unstarted) {
        let timer = tb_tokio::TokioTimer::new();
        let transport = Tls::over(Troubling::new(tb_tokio::Tcp, trouble)).config(protection::tls());
        let (client, driver) = tb_driver::Driver::new(config, transport, timer).unwrap();
        let driver: PolledDriver = Box::pin(driver);
        let start = move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            runtime.spawn(driver);
            Running {
                runtime: Some(runtime),
            }
        };
        (client, Box::new(start))
    }

    fn provision(url: &str, request: ProvisionRequest) -> Provisioned {
        runtime().block_on(tb_tokio::provision_with_tls(
            protection::tls(),
            url,
            request,
        ))
    }

    fn load_or_provision(path: &Path, url: &str, request: ProvisionRequest) -> Provisioned {
        runtime().block_on(tb_tokio::load_or_provision_with_tls(
            path,
            protection::tls(),
            url,
            request,
        ))
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Sockets and timers of `async-io`, with the driver as a task of smol.
pub(crate) struct Smol;

impl Adapter for Smol {
    fn prepare(config: Config, trouble: Trouble) -> (Client, Unstarted) {
        on_async_io(config, trouble, |driver| smol::spawn(driver).detach())
    }

    fn provision(url: &str, request: ProvisionRequest) -> Provisioned {
        smol::block_on(tb_async_std::provision_with_tls(
            protection::tls(),
            url,
            request,
        ))
    }

    fn load_or_provision(path: &Path, url: &str, request: ProvisionRequest) -> Provisioned {
        smol::block_on(tb_async_std::load_or_provision_with_tls(
            path,
            protection::tls(),
            url,
            request,
        ))
    }
}

/// The same, with the driver as a task of async-std.
pub(crate) struct AsyncStd;

impl Adapter for AsyncStd {
    fn prepare(config: Config, trouble: Trouble) -> (Client, Unstarted) {
        on_async_io(config, trouble, |driver| {
            drop(async_std::task::spawn(driver));
        })
    }

    fn provision(url: &str, request: ProvisionRequest) -> Provisioned {
        async_std::task::block_on(tb_async_std::provision_with_tls(
            protection::tls(),
            url,
            request,
        ))
    }

    fn load_or_provision(path: &Path, url: &str, request: ProvisionRequest) -> Provisioned {
        async_std::task::block_on(tb_async_std::load_or_provision_with_tls(
            path,
            protection::tls(),
            url,
            request,
        ))
    }
}

fn on_async_io(config: Config, trouble: Trouble, spawn: fn(PolledDriver)) -> (Client, Unstarted) {
    let transport = Tls::over(Troubling::new(tb_async_std::Tcp, trouble)).config(protection::tls());
    let timer = tb_async_std::AsyncIoTimer::new();
    let (client, driver) = tb_driver::Driver::new(config, transport, timer).unwrap();
    let driver: PolledDriver = Box::pin(driver);
    let start = move || {
        spawn(driver);
        Running { runtime: None }
    };
    (client, Box::new(start))
}

/// Plain threads.
pub(crate) struct Threads;

impl Adapter for Threads {
    fn prepare(config: Config, trouble: Trouble) -> (Client, Unstarted) {
        let transport = Troubling::new(tb_blocking::Tcp, trouble);
        let transport = Tls::over(transport).config(protection::tls());
        let (client, driver) = tb_blocking::Driver::new(config, transport).unwrap();
        let start = move || {
            driver.start().unwrap();
            Running { runtime: None }
        };
        (client, Box::new(start))
    }

    fn provision(url: &str, request: ProvisionRequest) -> Provisioned {
        tb_blocking::provision_with_tls(protection::tls(), url, request)
    }

    fn load_or_provision(path: &Path, url: &str, request: ProvisionRequest) -> Provisioned {
        tb_blocking::load_or_provision_with_tls(path, protection::tls(), url, request)
    }
}
