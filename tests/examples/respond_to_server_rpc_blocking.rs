//! A device answers calls of the server: one method by a function with parameters of its own type, all
//! others as they come; on threads.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;
use std::thread;

use serde::Deserialize;
use serde_json::json;
use tb_blocking::Error;
use tb_tests::example::{self, PATIENCE, Server};

#[derive(Deserialize)]
struct SetSpeed {
    rpm: u32,
}

fn device(server: &Server) -> Result<(), Error> {
    let client = tb_blocking::connect(server.url(), server.credentials())?;

    // Parameters that are no `SetSpeed` and errors are answered with `{"error": …}`.
    let served = client.clone();
    let serving = thread::spawn(move || {
        served.serve_wait("setSpeed", |speed: SetSpeed| {
            println!("setSpeed: {} rpm", speed.rpm);
            match speed.rpm {
                0..=3_000 => Ok(json!({ "rpm": speed.rpm })),
                _ => Err("too fast"),
            }
        })
    });

    let mut others = client.rpc_requests()?;
    server.call_the_device("setSpeed", json!({ "rpm": 700 }));
    server.call_the_device("getTemperature", json!({ "unit": "C" }));
    let call = others.recv_timeout(PATIENCE)?;
    println!("{}({})", call.method(), call.params().as_json());
    let answer = json!({ "temperature": 21.5 });
    println!("answered: {}", call.reply(&answer)?.wait_timeout(PATIENCE)?);

    client.disconnect(PATIENCE).wait()?;
    // It ends with the client.
    serving.join().unwrap_or(Err(Error::TimedOut))
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| Ok(device(server)?))
}
