//! The quickstart on async-std: a device connects, has its telemetry acknowledged, reads a shared
//! attribute and answers a call.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use async_std::future::timeout;
use serde_json::json;
use tb_async_std::{AttributeQuery, Error};
use tb_tests::example::{self, PATIENCE, Server};

async fn device(server: &Server) -> Result<(), Error> {
    let client = tb_async_std::async_std::connect(server.url(), server.credentials()).await?;
    let reading = client.send_telemetry(&json!({ "temperature": 21.5 }))?;
    println!("telemetry: {}", reading.await?);

    let query = AttributeQuery::shared(["uploadFrequency"]).timeout(PATIENCE);
    let values = client.request_attributes(query)?.await?;
    let seconds = values.shared.get::<u32>("uploadFrequency")?;
    println!("uploadFrequency: {seconds:?}");

    let mut calls = client.rpc_requests()?;
    server.call_the_device("getTemperature", json!({ "unit": "C" }));
    let call = timeout(PATIENCE, calls.recv()).await;
    if let Ok(Some(call)) = call {
        println!("{}({})", call.method(), call.params().as_json());
        let answer = json!({ "temperature": 21.5 });
        println!("answered: {}", call.reply(&answer)?.await?);
    }
    client.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| Ok(async_std::task::block_on(device(server))?))
}
