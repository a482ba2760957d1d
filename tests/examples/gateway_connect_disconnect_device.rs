//! A gateway announces two children to the server, hears of it, and says that one of them is gone.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use serde_json::json;
use tb_tests::example::{self, PATIENCE, Server};
use tb_tokio::Error;
use tokio::runtime::Builder;

async fn gateway(server: &Server) -> Result<(), Error> {
    let gateway = tb_tokio::connect_gateway(server.url(), server.credentials()).await?;
    // A device that the server does not have is created with this profile.
    let meter = gateway.child("Meter 7").profile("meter")?;
    let valve = gateway.child("Valve 1").default_profile()?;

    // There is nothing to wait for: what is sent waits for the announcement by itself.
    for child in [&meter, &valve] {
        child.send_telemetry(&json!({ "online": true }))?.await?;
        println!("{} is announced: {}", child.name(), child.is_announced());
    }

    // Behind everything that was sent for it.
    let gone = valve.disconnect()?.await?;
    println!("{} is gone: {gone}", valve.name());
    println!("announced: {}", valve.is_announced());

    // It comes back with the next message.
    valve.send_telemetry(&json!({ "percent": 40 }))?.await?;
    println!("announced: {}", valve.is_announced());
    gateway.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(gateway(server))?)
    })
}
