//! A device on threads that sends one reading.

use std::error::Error;
use std::time::Duration;

use serde_json::json;
use tb_blocking::Credentials;

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("tell the address")?;
    let client = tb_blocking::connect(&*url, Credentials::token("A1_TEST_TOKEN"))?;
    client
        .send_telemetry(&json!({ "temperature": 41.9 }))?
        .wait()?;
    client.disconnect(Duration::from_secs(5)).wait()?;
    Ok(())
}
