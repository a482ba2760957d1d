//! A device asks for client and shared attributes.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use tb_tests::example::{self, PATIENCE, Server};
use tb_tokio::{AttributeQuery, Error};
use tokio::runtime::Builder;

async fn device(server: &Server) -> Result<(), Error> {
    let client = tb_tokio::connect(server.url(), server.credentials()).await?;
    let query = AttributeQuery::shared(["uploadFrequency"])
        .client_keys(["serial"])
        .timeout(PATIENCE);
    let answers = client.request_attributes(query)?.await?;
    // What was never set is not in the answer.
    let every: Option<u32> = answers.shared.get("uploadFrequency")?;
    let serial: Option<String> = answers.client.get("serial")?;
    println!("uploadFrequency {every:?}, serial {serial:?}");
    client.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(device(server))?)
    })
}
