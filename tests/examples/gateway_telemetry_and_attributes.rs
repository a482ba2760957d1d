//! A gateway sends telemetry and attributes of a child, and says when the child has left.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use serde_json::json;
use tb_tests::example::{self, PATIENCE, Server};
use tb_tokio::{Error, Telemetry};
use tokio::runtime::Builder;

async fn gateway(server: &Server) -> Result<(), Error> {
    let gateway = tb_tokio::connect_gateway(server.url(), server.credentials()).await?;
    let meter = gateway.child("Meter 7").profile("meter")?;

    let attributes = meter.send_attributes(&json!({ "serial": "M-7" }))?;
    println!("attributes: {}", attributes.await?);
    let reading = meter.send_telemetry(&json!({ "kWh": 41.9 }))?;
    println!("reading: {}", reading.await?);
    let earlier = Telemetry::new(&json!({ "kWh": 41.2 })).at(1_767_225_600_000);
    println!("earlier reading: {}", meter.send_telemetry(earlier)?.await?);
    // The gateway is a device, too.
    println!(
        "own: {}",
        gateway.send_telemetry(&json!({ "load": 0.3 }))?.await?
    );

    println!("{} has left: {}", meter.name(), meter.disconnect()?.await?);
    gateway.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(gateway(server))?)
    })
}
