//! A device allows a customer to claim it for a minute, with a secret.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;
use std::time::Duration;

use tb_tests::example::{self, PATIENCE, Server};
use tb_tokio::{Claim, Error};
use tokio::runtime::Builder;

async fn device(server: &Server) -> Result<(), Error> {
    let client = tb_tokio::connect(server.url(), server.credentials()).await?;
    let claim = Claim::new("tulip").duration(Duration::from_secs(60));
    let outcome = client.claim(claim)?.await?;
    // What comes of it is never told to the device.
    println!("the server has the claim: {outcome}");
    client.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(device(server))?)
    })
}
