//! A device follows its shared attributes: all changes as they come, and its settings as one value; on
//! threads.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::json;
use tb_blocking::Error;
use tb_tests::example::{self, PATIENCE, Server};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    upload_frequency: u32,
}

fn device(server: &Server) -> Result<(), Error> {
    let client = tb_blocking::connect(server.url(), server.credentials())?;
    let mut updates = client.attribute_updates();
    let mut settings = client.watch::<Settings>();

    // Fetched first, so the subscription stands when this is over.
    settings.changed_timeout(PATIENCE)?;
    if let Some(settings) = settings.get() {
        println!("every {} s", settings.upload_frequency);
    }
    server.set_shared("uploadFrequency", json!(60));
    for (key, value) in updates.recv_timeout(PATIENCE)?.updated.iter() {
        println!("{key} was changed to {value}");
    }
    settings.changed_timeout(PATIENCE)?;
    if let Some(settings) = settings.get() {
        println!("every {} s from now on", settings.upload_frequency);
    }
    client.disconnect(PATIENCE).wait()?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| Ok(device(server)?))
}
