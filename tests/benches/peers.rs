//! Our clients beside others: processor time, throughput, latency and write calls on the same workloads.
//!
//! `cargo bench -p tb-tests --bench peers [-- [--short] [--only CLIENT]]`

use std::io;
use std::process::ExitCode;

use tb_tests::bench::{
    Measurement, MinimalPeer, Order, Program, Table, Workload, build_peers, run_floor,
};

/// How much is done; what is measured does not depend on it, only how steady the figures are.
struct Effort {
    rounds: usize,
    pipelined: u64,
    round_trips: u64,
}

const FULL: Effort = Effort {
    rounds: 5,
    pipelined: 300_000,
    round_trips: 20_000,
};
/// To see that everything runs.
const SHORT: Effort = Effort {
    rounds: 1,
    pipelined: 10_000,
    round_trips: 500,
};

const WINDOW: u16 = 1_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((first, order)) if first == "client" => run_client(order),
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

fn run_client(arguments: &[String]) -> io::Result<()> {
    let order = Order::from_arguments(arguments)
        .ok_or_else(|| io::Error::other(format!("no order: {arguments:?}")))?;
    let measured = match order.client.as_str() {
        "floor" => run_floor(&order)?,
        unknown => {
            return Err(io::Error::other(format!(
                "no client of this name: {unknown}"
            )));
        }
    };
    serde_json::to_writer(io::stdout(), &measured)?;
    Ok(())
}

fn compare(arguments: &[String]) -> io::Result<()> {
    let effort = if arguments.iter().any(|argument| argument == "--short") {
        SHORT
    } else {
        FULL
    };
    let only = arguments
        .iter()
        .skip_while(|argument| *argument != "--only")
        .nth(1);
    let ours = Program::this()?;
    let others = build_peers()?;
    let clients: Vec<(&str, &Program)> = [
        ("floor", &ours),
        ("rumqttc", &others),
        ("rumqttc blocking", &others),
    ]
    .into_iter()
    .filter(|(client, _)| only.is_none_or(|only| only == client))
    .collect();

    let peer = MinimalPeer::start()?;
    let mut tables = Workload::ALL.map(|workload| (workload, Table::new(workload)));
    let order = |client: &str, workload| Order {
        client: client.to_owned(),
        workload,
        server: peer.address(),
        messages: match workload {
            Workload::RoundTrip => effort.round_trips,
            _ => effort.pipelined,
        },
        window: WINDOW,
    };
    // Round by round, not client by client: what else the machine does then hits all alike.
    for _ in 0..effort.rounds {
        for (workload, table) in &mut tables {
            for (client, program) in &clients {
                let measured: Measurement = program.run(&order(client, *workload))?;
                table.add(client, measured);
            }
        }
    }
    println!(
        "medians of {} rounds, {} messages ({} round trips), window {WINDOW}\n",
        effort.rounds, effort.pipelined, effort.round_trips
    );
    for (workload, table) in &mut tables {
        for (client, program) in &clients {
            table.set_writes(client, program.write_calls(&order(client, *workload)));
        }
        println!("{table}");
    }
    Ok(())
}
