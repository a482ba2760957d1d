//! A gateway answers calls to its children: one method of one meter by a function, all others as they
//! come; on threads.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;
use std::thread;

use serde::Deserialize;
use serde_json::json;
use tb_blocking::Error;
use tb_tests::example::{self, PATIENCE, Server};

#[derive(Deserialize)]
struct SetInterval {
    seconds: u32,
}

fn gateway(server: &Server) -> Result<(), Error> {
    let gateway = tb_blocking::connect_gateway(server.url(), server.credentials())?;
    let mut others = gateway.child_rpc_requests()?;
    let meter = gateway.child("Meter 7").profile("meter")?;
    let valve = gateway.child("Valve 1").default_profile()?;

    let served = meter.clone();
    let serving = thread::spawn(move || {
        served.serve_wait("setInterval", |interval: SetInterval| {
            println!("every {} s", interval.seconds);
            match interval.seconds {
                1..=3_600 => Ok(json!({ "seconds": interval.seconds })),
                _ => Err("too long"),
            }
        })
    });

    // Once something of it is acknowledged, a child is announced and can be called.
    for child in [&meter, &valve] {
        let there = child.send_attributes(&json!({ "online": true }))?;
        there.wait_timeout(PATIENCE)?;
    }
    server.call("Meter 7", "setInterval", json!({ "seconds": 30 }));
    server.call("Valve 1", "open", json!({ "percent": 40 }));
    let call = others.recv_timeout(PATIENCE)?;
    let name = call.child().unwrap_or_default();
    println!("{name}: {}({})", call.method(), call.params().as_json());
    let answered = call.reply(&json!({ "percent": 40 }))?;
    println!("answered: {}", answered.wait_timeout(PATIENCE)?);

    gateway.disconnect(PATIENCE).wait()?;
    // It ends with the gateway.
    serving.join().unwrap_or(Err(Error::TimedOut))
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| Ok(gateway(server)?))
}
