//! Sends one reading and says when the server has it, or what to change.
//!
//! `TB_URL=mqtt://localhost TB_TOKEN=A1_TEST_TOKEN cargo run --example send_telemetry`

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use tb_tokio::{Config, Credentials, Error};
use tokio::time::timeout;

#[derive(Serialize)]
struct Reading {
    temperature: f64,
}

pub(crate) async fn send(url: &str, token: &str, patience: Duration) -> Result<(), Error> {
    // Half of the time for one attempt: what it failed of can then be told.
    let config =
        Config::new(url.try_into()?, Credentials::token(token)).connect_timeout(patience / 2);
    let client = tb_tokio::connect_with(config, patience).await?;
    let ticket = client.send_telemetry(&Reading { temperature: 21.5 })?;
    match timeout(patience, ticket).await {
        Ok(outcome) => println!("{}", outcome?),
        Err(_) => return Err(Error::TimedOut),
    }
    client.disconnect(patience).await?;
    Ok(())
}

fn main() -> ExitCode {
    let text = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let url = text("TB_URL", "mqtt://localhost");
    let token = text("TB_TOKEN", "");
    let patience = Duration::from_secs(text("TB_TIMEOUT", "10").parse().unwrap_or(10));

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let sent = match runtime {
        Ok(runtime) => runtime.block_on(send(&url, &token, patience)),
        Err(error) => {
            eprintln!("the runtime does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match sent {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
