//! A gateway allows customers to claim its children for a minute, each with a secret of its own.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;
use std::time::Duration;

use tb_tests::example::{self, PATIENCE, Server};
use tb_tokio::{Claim, Error};
use tokio::runtime::Builder;

async fn gateway(server: &Server) -> Result<(), Error> {
    let gateway = tb_tokio::connect_gateway(server.url(), server.credentials()).await?;
    for (name, secret) in [("Meter 7", "tulip"), ("Meter 8", "crocus")] {
        let meter = gateway.child(name).profile("meter")?;
        let claim = Claim::new(secret).duration(Duration::from_secs(60));
        let outcome = meter.claim(claim)?.await?;
        // What comes of it is never told to the gateway.
        println!("the server has the claim of {name}: {outcome}");
    }
    gateway.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(gateway(server))?)
    })
}
