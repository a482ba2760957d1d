//! A device sends telemetry and client attributes, and waits until the server has them; on threads.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use serde_json::json;
use tb_blocking::Error;
use tb_tests::example::{self, PATIENCE, Server};

fn device(server: &Server) -> Result<(), Error> {
    let client = tb_blocking::connect(server.url(), server.credentials())?;
    let reading = client.send_telemetry(&json!({ "temperature": 21.5, "humidity": 40 }))?;
    let about = client.send_attributes(&json!({ "serial": "A-17", "firmware": "v1" }))?;
    println!("telemetry: {}", reading.wait_timeout(PATIENCE)?);
    println!("attributes: {}", about.wait_timeout(PATIENCE)?);
    client.disconnect(PATIENCE).wait()?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| Ok(device(server)?))
}
