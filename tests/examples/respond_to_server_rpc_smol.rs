//! A device on smol answers calls of the server by a function of its own, as a task beside others.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::json;
use smol::future::FutureExt;
use tb_async_std::Error;
use tb_tests::example::{self, PATIENCE, Server};

#[derive(Deserialize)]
struct SetSpeed {
    rpm: u32,
}

async fn device(server: &Server) -> Result<(), Error> {
    let client = tb_async_std::smol::connect(server.url(), server.credentials()).await?;

    let (answered, answers) = smol::channel::bounded(1);
    // Parameters that are no `SetSpeed` and errors are answered with `{"error": …}`.
    let speed = client.serve("setSpeed", async |speed: SetSpeed| {
        let _ = answered.try_send(speed.rpm);
        match speed.rpm {
            0..=3_000 => Ok(json!({ "rpm": speed.rpm })),
            _ => Err("too fast"),
        }
    })?;
    let called = async {
        server.call_the_device("setSpeed", json!({ "rpm": 700 }));
        let called = async { answers.recv().await.ok() };
        let patience = async {
            smol::Timer::after(PATIENCE).await;
            None
        };
        match called.or(patience).await {
            Some(rpm) => println!("setSpeed: {rpm} rpm"),
            None => println!("nobody called"),
        }
        // The answer is delivered before the client says goodbye.
        client.flush(PATIENCE).await?;
        client.disconnect(PATIENCE).await?;
        Ok(())
    };
    // The function is served until the client has disconnected.
    let ((), ended) = smol::future::zip(speed, called).await;
    ended
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| Ok(smol::block_on(device(server))?))
}
