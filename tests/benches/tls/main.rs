//! What TLS 1.3 costs: time to connect, processor time a message, and memory of an idle connection, each beside
//! the same without.
//!
//! `cargo bench -p tb-tests --bench tls [-- --short]`

mod connecting;
#[path = "../peers/on_threads.rs"]
mod on_threads;
#[path = "../peers/on_tokio.rs"]
mod on_tokio;
mod ours;
#[expect(dead_code, reason = "other benches use the rest of it")]
#[path = "../peers/ours.rs"]
mod plain;

use std::fs;
use std::io;
use std::process::ExitCode;

use tb_tests::bench::{MinimalPeer, Order, Program, Table, Workload, run_floor};
use tb_tests::certificates::{Authority, Validity};

/// How much is done; what is measured does not depend on it, only how steady the figures are.
struct Effort {
    rounds: usize,
    pipelined: u64,
    round_trips: u64,
    idle: u64,
    connects: usize,
}

const FULL: Effort = Effort {
    rounds: 5,
    pipelined: 300_000,
    round_trips: 20_000,
    idle: 500,
    connects: 300,
};
/// To see that everything runs.
const SHORT: Effort = Effort {
    rounds: 1,
    pipelined: 5_000,
    round_trips: 200,
    idle: 20,
    connects: 10,
};

const WORKLOADS: [Workload; 3] = [Workload::Acknowledged, Workload::RoundTrip, Workload::Idle];
const CLIENTS: [&str; 5] = [
    "floor",
    "tb-tokio",
    "tb-tokio, TLS",
    "tb-blocking",
    "tb-blocking, TLS",
];

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
        "tb-tokio" | "tb-tokio, TLS" => on_tokio::run(&order)?,
        "tb-blocking" | "tb-blocking, TLS" => on_threads::run(&order)?,
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
    let authority = Authority::new("Bench CA");
    fs::write(ours::authority(), authority.pem())?;
    let certificate = authority.issue(&["127.0.0.1"], Validity::Now);
    let tls = certificate.server(&[&rustls::version::TLS13], None);
    let (plain, encrypted) = (MinimalPeer::start()?, MinimalPeer::start_tls(tls)?);
    let peer = |client: &str| {
        if ours::encrypts(client) {
            encrypted.address()
        } else {
            plain.address()
        }
    };

    let this = Program::this()?;
    let mut tables = WORKLOADS.map(|workload| (workload, Table::new(workload)));
    // Round by round, not client by client: what else the machine does then hits all alike.
    for _ in 0..effort.rounds {
        for client in CLIENTS {
            for (workload, table) in &mut tables {
                let order = Order {
                    client: client.to_owned(),
                    workload: *workload,
                    server: peer(client),
                    messages: match workload {
                        Workload::RoundTrip => effort.round_trips,
                        Workload::Idle => effort.idle,
                        _ => effort.pipelined,
                    },
                    window: 1_000,
                };
                table.add(client, this.run(&order)?);
            }
        }
    }
    println!(
        "medians of {} rounds: {} messages, {} round trips, {} idle connections; TLS 1.3 with ring, \
         a certificate of P-256\n",
        effort.rounds, effort.pipelined, effort.round_trips, effort.idle
    );
    for (_, table) in &tables {
        println!("{table}");
    }
    let addresses = (plain.address(), encrypted.address());
    println!("{}", connecting::measured(effort.connects, addresses)?);
    Ok(())
}
