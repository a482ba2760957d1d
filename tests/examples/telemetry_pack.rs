//! A device sends many readings: as one message with one outcome, and one by one without waiting.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use serde::Serialize;
use tb_tests::example::{self, PATIENCE, Server};
use tb_tokio::{Error, Telemetry};
use tokio::runtime::Builder;

#[derive(Serialize)]
struct Reading {
    temperature: f64,
}

/// 1 January 2026, in milliseconds since 1970.
const NEW_YEAR: i64 = 1_767_225_600_000;

async fn device(server: &Server) -> Result<(), Error> {
    let client = tb_tokio::connect(server.url(), server.credentials()).await?;

    // An hour of readings, each with its own time, in one message.
    let mut hour = Telemetry::batch();
    for minute in 0..60 {
        let temperature = 20.0 + f64::from(minute) / 10.0;
        hour = hour.entry_at(
            NEW_YEAR + i64::from(minute) * 60_000,
            &Reading { temperature },
        );
    }
    println!(
        "one message of 60 readings: {}",
        client.send_telemetry(hour)?.await?
    );

    // A thousand messages: all of them travel together, and each has its outcome.
    let mut tickets = Vec::new();
    for n in 0..1_000 {
        let temperature = f64::from(n) / 100.0;
        tickets.push(client.send_telemetry(&Reading { temperature })?);
    }
    let sent = tickets.len();
    for ticket in tickets {
        ticket.await?;
    }
    println!("{sent} messages acknowledged");
    client.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(device(server))?)
    })
}
