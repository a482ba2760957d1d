//! A device calls a method of the server's rule chain.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use serde::Deserialize;
use tb_tests::example::{self, PATIENCE, Server};
use tb_tokio::{Error, RpcCall};
use tokio::runtime::Builder;

#[derive(Deserialize)]
struct Now {
    time: i64,
}

async fn device(server: &Server) -> Result<(), Error> {
    let client = tb_tokio::connect(server.url(), server.credentials()).await?;
    // A call that changes nothing may be made again when the connection is lost before its answer.
    let call = RpcCall::new("getCurrentTime")
        .idempotent()
        .timeout(PATIENCE);
    let now: Now = client.send_rpc_call(call)?.await?.parse()?;
    println!("the server's time is {} ms", now.time);
    client.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(device(server))?)
    })
}
