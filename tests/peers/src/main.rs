//! Runs one client of another project through one workload and prints what it cost, as one line of JSON.
//!
//! `tb-peers CLIENT WORKLOAD SERVER MESSAGES WINDOW`

mod blocking;
mod tokio;

// Measured and ordered by the very code that measures and orders our own clients.
#[path = "../../src/bench/measure.rs"]
#[allow(dead_code, reason = "not every client needs all of it")]
mod measure;
#[path = "../../src/bench/order.rs"]
#[allow(dead_code, reason = "not every client needs all of it")]
mod order;

use std::error::Error;

use rumqttc::MqttOptions;

use crate::order::Order;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let order =
        Order::from_arguments(&arguments).ok_or_else(|| format!("no order: {arguments:?}"))?;
    let measured = match order.client.as_str() {
        "rumqttc" => tokio::run(&order)?,
        "rumqttc blocking" => blocking::run(&order)?,
        unknown => return Err(format!("no client of this name: {unknown}").into()),
    };
    serde_json::to_writer(std::io::stdout(), &measured)?;
    Ok(())
}

fn options(order: &Order) -> MqttOptions {
    let mut options = MqttOptions::new(
        "tb-peers",
        order.server.ip().to_string(),
        order.server.port(),
    );
    options.set_inflight(order.window);
    options
}
