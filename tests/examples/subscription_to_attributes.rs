//! A device follows its shared attributes: all changes as they come, and its settings as one value.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::json;
use tb_tests::example::{self, PATIENCE, Server};
use tb_tokio::Error;
use tokio::runtime::Builder;
use tokio::time::timeout;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    upload_frequency: u32,
}

async fn device(server: &Server) -> Result<(), Error> {
    let client = tb_tokio::connect(server.url(), server.credentials()).await?;
    let mut updates = client.attribute_updates();
    let mut settings = client.watch::<Settings>();

    // Fetched first, so the subscription stands when this is over.
    timeout(PATIENCE, settings.changed())
        .await
        .map_err(|_| Error::TimedOut)?;
    if let Some(settings) = settings.get() {
        println!("every {} s", settings.upload_frequency);
    }
    server.set_shared("uploadFrequency", json!(60));
    let update = timeout(PATIENCE, updates.recv())
        .await
        .map_err(|_| Error::TimedOut)?;
    for (key, value) in update.iter().flat_map(|update| update.updated.iter()) {
        println!("{key} was changed to {value}");
    }
    timeout(PATIENCE, settings.changed())
        .await
        .map_err(|_| Error::TimedOut)?;
    if let Some(settings) = settings.get() {
        println!("every {} s from now on", settings.upload_frequency);
    }
    // Dropping a receiver ends its subscription.
    drop(updates);
    client.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(device(server))?)
    })
}
