//! A thread without any executor drives a client of `async-io`, and another thread uses it.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;
use std::thread;

use serde_json::json;
use tb_async_std::{Config, Error};
use tb_tests::example::{self, PATIENCE, Server};

fn device(server: &Server) -> Result<(), Error> {
    let config = Config::new(server.url().try_into()?, server.credentials());
    let (client, driver) = tb_async_std::prepare(config)?;
    let worker = thread::spawn(|| driver.run());

    client.connected_wait(PATIENCE)?;
    let reading = client.send_telemetry(&json!({ "temperature": 21.5 }))?;
    println!("telemetry: {}", reading.wait_timeout(PATIENCE)?);
    client.disconnect(PATIENCE).wait()?;
    // It ends with the client.
    let _ = worker.join();
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| Ok(device(server)?))
}
