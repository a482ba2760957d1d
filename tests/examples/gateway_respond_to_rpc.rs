//! A gateway answers calls to its children: one method of one meter by a function, all others as they come.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::future::ready;
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::json;
use tb_tests::example::{self, PATIENCE, Server};
use tb_tokio::Error;
use tokio::runtime::Builder;
use tokio::time::timeout;

#[derive(Deserialize)]
struct SetInterval {
    seconds: u32,
}

async fn gateway(server: &Server) -> Result<(), Error> {
    let gateway = tb_tokio::connect_gateway(server.url(), server.credentials()).await?;
    let mut others = gateway.child_rpc_requests()?;
    let meter = gateway.child("Meter 7").profile("meter")?;
    let valve = gateway.child("Valve 1").default_profile()?;

    let serving = meter.serve("setInterval", |interval: SetInterval| {
        println!("every {} s", interval.seconds);
        ready(match interval.seconds {
            1..=3_600 => Ok(json!({ "seconds": interval.seconds })),
            _ => Err("too long"),
        })
    })?;
    let serving = tokio::spawn(serving);

    // Once something of it is acknowledged, a child is announced and can be called.
    for child in [&meter, &valve] {
        child.send_attributes(&json!({ "online": true }))?.await?;
    }
    server.call("Meter 7", "setInterval", json!({ "seconds": 30 }));
    server.call("Valve 1", "open", json!({ "percent": 40 }));
    let call = timeout(PATIENCE, others.recv())
        .await
        .map_err(|_| Error::TimedOut)?;
    if let Some(call) = call {
        let name = call.child().unwrap_or_default();
        println!("{name}: {}({})", call.method(), call.params().as_json());
        let answered = call.reply(&json!({ "percent": 40 }))?.await?;
        println!("answered: {answered}");
    }

    gateway.disconnect(PATIENCE).await?;
    // It ends with the gateway.
    serving.await.map_err(|_| Error::TimedOut)
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(gateway(server))?)
    })
}
