//! Our clients beside others: processor time, throughput, latency and write calls on the same workloads.
//!
//! `cargo bench -p tb-tests --bench peers [-- [--short] [--only CLIENT]]`
//!
//! To profile one client: `serve` as the argument prints the address of a minimal peer and stays, and
//! `client CLIENT WORKLOAD ADDRESS MESSAGES WINDOW` runs a client alone.

mod on_threads;
mod on_tokio;
mod ours;

use std::io;
use std::process::ExitCode;

use tb_tests::bench::{MinimalPeer, Order, Program, Table, Workload, build_peers, run_floor};

/// How much is done; what is measured does not depend on it, only how steady the figures are.
struct Effort {
    rounds: usize,
    pipelined: u64,
    round_trips: u64,
    connections: u64,
}

const FULL: Effort = Effort {
    rounds: 5,
    pipelined: 300_000,
    round_trips: 20_000,
    connections: 1_000,
};
/// To see that everything runs.
const SHORT: Effort = Effort {
    rounds: 1,
    pipelined: 10_000,
    round_trips: 500,
    connections: 50,
};

const WINDOW: u16 = 1_000;
/// Cost must not depend on how many messages are unacknowledged.
const OTHER_WINDOWS: [u16; 3] = [100, 10_000, 60_000];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((first, order)) if first == "client" => run_client(order),
        Some((first, _)) if first == "serve" => serve(),
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

fn serve() -> io::Result<()> {
    println!("{}", MinimalPeer::start()?.address());
    loop {
        std::thread::park();
    }
}

fn run_client(arguments: &[String]) -> io::Result<()> {
    let order = Order::from_arguments(arguments)
        .ok_or_else(|| io::Error::other(format!("no order: {arguments:?}")))?;
    let measured = match order.client.as_str() {
        "floor" => run_floor(&order)?,
        "tb-tokio" => on_tokio::run(&order)?,
        "tb-blocking" => on_threads::run(&order)?,
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
        ("tb-tokio", &ours),
        ("tb-blocking", &ours),
        ("rumqttc", &others),
        ("rumqttc blocking", &others),
    ]
    .into_iter()
    .filter(|(client, _)| only.is_none_or(|only| only == client))
    .collect();

    let peer = MinimalPeer::start()?;
    let order = |client: &str, workload, window| Order {
        client: client.to_owned(),
        workload,
        server: peer.address(),
        messages: match workload {
            Workload::RoundTrip => effort.round_trips,
            Workload::Idle => effort.connections,
            _ => effort.pipelined,
        },
        window,
    };
    let mut tables = Workload::WITH_MESSAGES.map(|workload| (workload, Table::new(workload)));
    let mut windows = Table::new(Workload::Acknowledged);
    let mut idle = Table::new(Workload::Idle);
    // Round by round, not client by client: what else the machine does then hits all alike.
    for _ in 0..effort.rounds {
        for (client, program) in &clients {
            for (workload, table) in &mut tables {
                table.add(client, program.run(&order(client, *workload, WINDOW))?);
            }
            idle.add(client, program.run(&order(client, Workload::Idle, WINDOW))?);
        }
        for (client, program) in clients
            .iter()
            .filter(|(client, _)| client.starts_with("tb-"))
        {
            for window in OTHER_WINDOWS {
                let measured = program.run(&order(client, Workload::Acknowledged, window))?;
                windows.add(&format!("{client}, {window}"), measured);
            }
        }
    }
    println!(
        "medians of {} rounds: {} messages, window {WINDOW}; {} round trips; {} idle connections\n",
        effort.rounds, effort.pipelined, effort.round_trips, effort.connections
    );
    for (workload, table) in &mut tables {
        for (client, program) in &clients {
            let order = order(client, *workload, WINDOW);
            table.set_writes(client, program.write_calls(&order));
        }
        println!("{table}");
    }
    println!("{idle}");
    println!("At other windows, {windows}");
    Ok(())
}
