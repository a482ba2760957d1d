//! A device sends telemetry and client attributes, and waits until the server has them.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use serde::Serialize;
use tb_tests::example::{self, PATIENCE, Server};
use tb_tokio::Error;
use tokio::runtime::Builder;

#[derive(Serialize)]
struct Reading {
    temperature: f64,
    humidity: u8,
}

#[derive(Serialize)]
struct About {
    serial: &'static str,
    firmware: &'static str,
}

async fn device(server: &Server) -> Result<(), Error> {
    let client = tb_tokio::connect(server.url(), server.credentials()).await?;
    let reading = client.send_telemetry(&Reading {
        temperature: 21.5,
        humidity: 40,
    })?;
    let about = client.send_attributes(&About {
        serial: "A-17",
        firmware: "v1",
    })?;
    // Both are on their way; wait for them in any order.
    println!("telemetry: {}", reading.await?);
    println!("attributes: {}", about.await?);
    client.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(device(server))?)
    })
}
