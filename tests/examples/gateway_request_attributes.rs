//! A gateway asks for attributes of a child: its own ones, shared ones, and one that is not there.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::process::ExitCode;

use serde_json::json;
use tb_blocking::{AttributeQuery, Error};
use tb_tests::example::{self, PATIENCE, Server};

fn gateway(server: &Server) -> Result<(), Error> {
    let gateway = tb_blocking::connect_gateway(server.url(), server.credentials())?;
    let meter = gateway.child("Meter 7").profile("meter")?;
    let named = meter.send_attributes(&json!({ "serial": "M-7", "rooms": 4 }))?;
    named.wait_timeout(PATIENCE)?;
    server.set_shared_of("Meter 7", "interval", json!(30));

    // Client or shared attributes: the server answers one kind at a time.
    let asked = meter.request_attributes(AttributeQuery::client(["serial", "rooms"]))?;
    let own = asked.wait_timeout(PATIENCE)?.client;
    println!("serial: {:?}", own.get::<String>("serial")?);
    println!("rooms: {:?}", own.get::<u32>("rooms")?);

    let asked = meter.request_attributes(AttributeQuery::shared(["interval", "unit"]))?;
    let shared = asked.wait_timeout(PATIENCE)?.shared;
    println!("every {:?} s", shared.get::<u32>("interval")?);
    println!("unit: {:?}", shared.get::<String>("unit")?);
    gateway.disconnect(PATIENCE).wait()?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| Ok(gateway(server)?))
}
