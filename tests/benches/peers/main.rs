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

use tb_tests::bench::{
    self, Effort, Measurement, MinimalPeer, Order, Program, Table, Workload, build_peers,
};

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
    bench::main(compare, client)
}

fn client(order: &Order) -> Option<io::Result<Measurement>> {
    match order.client.as_str() {
        "tb-tokio" => Some(on_tokio::run(order)),
        "tb-blocking" => Some(on_threads::run(order)),
        _ => None,
    }
}

fn serve() -> io::Result<()> {
    println!("{}", MinimalPeer::start()?.address());
    loop {
        std::thread::park();
    }
}

fn compare(arguments: &[String]) -> io::Result<()> {
    let effort = if arguments.iter().any(|argument| argument == "--short") {
        SHORT
    } else {
        FULL
    };
    if arguments.iter().any(|argument| argument == "serve") {
        return serve();
    }
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
    let order =
        |client: &str, workload, window| effort.order(client, workload, peer.address(), window);
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
