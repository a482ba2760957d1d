//! A gateway asks for attributes of its children and follows their changes: those of all, and one of one.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use serde_json::json;
use tb_tests::example::{self, PATIENCE, Server};
use tb_tokio::{AttributeQuery, Error};
use tokio::runtime::Builder;
use tokio::time::timeout;

async fn gateway(server: &Server) -> Result<(), Error> {
    let gateway = tb_tokio::connect_gateway(server.url(), server.credentials()).await?;
    let mut of_all = gateway.child_attribute_updates();
    let meter = gateway.child("Meter 7").profile("meter")?;
    let mut intervals = meter.attribute_updates_of(["interval"]);

    // Its answer comes when the meter is announced; from then on changes come, too.
    meter.send_attributes(&json!({ "serial": "M-7" }))?.await?;
    let own = meter.request_attributes(AttributeQuery::client(["serial"]))?;
    println!("serial: {:?}", own.await?.client.get::<String>("serial")?);

    server.set_shared_of("Meter 7", "interval", json!(30));
    let update = timeout(PATIENCE, of_all.recv())
        .await
        .map_err(|_| Error::TimedOut)?;
    if let Some(update) = update {
        for (key, value) in update.update.updated.iter() {
            println!("{}: {key} was changed to {value}", update.child);
        }
    }
    let update = timeout(PATIENCE, intervals.recv())
        .await
        .map_err(|_| Error::TimedOut)?;
    if let Some(update) = update {
        println!("every {:?} s", update.updated.get::<u32>("interval")?);
    }
    let asked = meter.request_attributes(AttributeQuery::shared(["interval"]))?;
    println!(
        "the server says {:?}",
        asked.await?.shared.get::<u32>("interval")?
    );
    gateway.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(gateway(server))?)
    })
}
