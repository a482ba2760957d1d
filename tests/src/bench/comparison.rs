//! `main` of a bench whose program is each of its clients, too.

use std::env;
use std::io;
use std::process::ExitCode;

use super::floor;
use super::measure::Measurement;
use super::order::Order;

/// Compares, or is one of those that are compared: `client` in front of an order makes the difference (see
/// [`Program::this`](super::Program::this)). `client` carries an order out if it knows the client of that name;
/// the floor is known to all.
pub fn main(
    compare: fn(&[String]) -> io::Result<()>,
    client: fn(&Order) -> Option<io::Result<Measurement>>,
) -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((first, order)) if first == "client" => carry_out(order, client),
        _ => compare(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(
    arguments: &[String],
    client: fn(&Order) -> Option<io::Result<Measurement>>,
) -> io::Result<()> {
    let order = Order::from_arguments(arguments)
        .ok_or_else(|| io::Error::other(format!("no order: {arguments:?}")))?;
    let measured = match order.client.as_str() {
        "floor" => floor::run(&order),
        name => client(&order)
            .unwrap_or_else(|| Err(io::Error::other(format!("no client of this name: {name}")))),
    };
    serde_json::to_writer(io::stdout(), &measured?)?;
    Ok(())
}
