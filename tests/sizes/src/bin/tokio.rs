//! A device on tokio that sends one reading.

use std::error::Error;
use std::time::Duration;

use serde_json::json;
use tb_tokio::Credentials;

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("tell the address")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = tb_tokio::connect(&*url, Credentials::token("A1_TEST_TOKEN")).await?;
        client
            .send_telemetry(&json!({ "temperature": 41.9 }))?
            .await?;
        client.disconnect(Duration::from_secs(5)).await?;
        Ok(())
    })
}
