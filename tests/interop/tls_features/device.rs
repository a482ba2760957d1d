//! A device that connects once.

use core::time::Duration;

use serde_json::json;
use tb_driver::tls::TlsConfig;
use tb_driver::{Client, NotConnected, Setup};
use tb_proto::{Config, Credentials};

/// Everything here takes milliseconds. Who waits so long waits for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn setup(url: &str, tls: TlsConfig) -> Setup {
    let config = Config::new(url.parse().unwrap(), Credentials::token("A1_TEST_TOKEN"));
    Setup::from(config).tls(tls)
}

/// Whether a reading is acknowledged, and if not, why there is no connection.
pub(crate) fn publish(setup: Setup) -> Result<(), NotConnected> {
    acknowledged(&tb_blocking::connect_with(setup, PATIENCE)?);
    Ok(())
}

/// The same on each adapter.
pub(crate) fn publish_everywhere(setup: &Setup) -> Result<(), NotConnected> {
    publish(setup.clone())?;
    let connecting = tb_async_std::smol::connect_with(setup.clone(), PATIENCE);
    acknowledged(&smol::block_on(connecting)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let connecting = tb_tokio::connect_with(setup.clone(), PATIENCE);
    acknowledged(&runtime.block_on(connecting)?);
    Ok(())
}

fn acknowledged(client: &Client) {
    let ticket = client.send_telemetry(&json!({ "n": 1 })).unwrap();
    ticket.wait_timeout(PATIENCE).unwrap();
}
