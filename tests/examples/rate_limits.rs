//! A device has more to say than the server takes at a time: the client keeps the server's limits, and
//! the program notices nothing but the time.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use serde_json::json;
use tb_tests::example::{self, PATIENCE, Server};
use tb_tests::sim::TenantLimits;
use tb_tokio::{Error, Telemetry};
use tokio::runtime::Builder;

/// 1 January 2026, in milliseconds since 1970.
const NEW_YEAR: i64 = 1_767_225_600_000;

async fn device(server: &Server) -> Result<(), Error> {
    let client = tb_tokio::connect(server.url(), server.credentials()).await?;

    // One message with more values than the server takes at once: it travels in parts.
    let mut pack = Telemetry::batch();
    for second in 0..1_000_i64 {
        pack = pack.entry_at(NEW_YEAR + second * 1_000, &json!({ "n": second }));
    }
    let ticket = client.send_telemetry(pack)?;
    for n in 0..50 {
        client.send_telemetry(&json!({ "n": n }))?; // never blocks
    }
    println!("1,000 readings in one message: {}", ticket.await?);

    let flushed = client.flush(PATIENCE).await;
    println!("and the others: {flushed:?}");
    for limit in client.limits().data_points {
        let (window, left) = (limit.window, limit.left);
        println!(
            "of {} values in {} s, {left} may be sent now",
            window.capacity(),
            window.seconds()
        );
    }
    client.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    let limits = TenantLimits {
        device_telemetry_messages: Some("100:1".to_owned()),
        device_data_points: Some("1000:1".to_owned()),
        ..TenantLimits::default()
    };
    example::main_with(limits, |server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(device(server))?)
    })
}
