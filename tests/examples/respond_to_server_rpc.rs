//! A device answers calls of the server: one method by a function with parameters of its own type, all
//! others as they come.
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
struct SetSpeed {
    rpm: u32,
}

async fn device(server: &Server) -> Result<(), Error> {
    let client = tb_tokio::connect(server.url(), server.credentials()).await?;

    // Parameters that are no `SetSpeed` and errors are answered with `{"error": …}`.
    let speed = client.serve("setSpeed", async |speed: SetSpeed| {
        println!("setSpeed: {} rpm", speed.rpm);
        match speed.rpm {
            0..=3_000 => Ok(json!({ "rpm": speed.rpm })),
            _ => Err("too fast"),
        }
    })?;
    let serving = tokio::spawn(speed);

    let mut others = client.rpc_requests()?;
    server.call_the_device("setSpeed", json!({ "rpm": 700 }));
    server.call_the_device("getTemperature", json!({ "unit": "C" }));
    let call = timeout(PATIENCE, others.recv()).await;
    if let Some(call) = call.map_err(|_| Error::TimedOut)? {
        println!("{}({})", call.method(), call.params().as_json());
        let answer = json!({ "temperature": 21.5 });
        println!("answered: {}", call.reply(&answer)?.await?);
    }
    client.disconnect(PATIENCE).await?;
    // It ends with the client.
    let _ = serving.await;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(device(server))?)
    })
}
