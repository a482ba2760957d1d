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

use tb_tests::bench::{self, Effort, Measurement, MinimalPeer, Order, Program, Table, Workload};
use tb_tests::certificates::{Authority, Validity};

const FULL: Effort = Effort {
    rounds: 5,
    pipelined: 300_000,
    round_trips: 20_000,
    connections: 500,
};
/// To see that everything runs.
const SHORT: Effort = Effort {
    rounds: 1,
    pipelined: 5_000,
    round_trips: 200,
    connections: 20,
};

const WINDOW: u16 = 1_000;
const WORKLOADS: [Workload; 3] = [Workload::Acknowledged, Workload::RoundTrip, Workload::Idle];
const CLIENTS: [&str; 5] = [
    "floor",
    "tb-tokio",
    "tb-tokio, TLS",
    "tb-blocking",
    "tb-blocking, TLS",
];

fn main() -> ExitCode {
    bench::main(compare, client)
}

fn client(order: &Order) -> Option<io::Result<Measurement>> {
    match order.client.as_str() {
        "tb-tokio" | "tb-tokio, TLS" => Some(on_tokio::run(order)),
        "tb-blocking" | "tb-blocking, TLS" => Some(on_threads::run(order)),
        _ => None,
    }
}

fn compare(arguments: &[String]) -> io::Result<()> {
    let (effort, connects) = if arguments.iter().any(|argument| argument == "--short") {
        (SHORT, 10)
    } else {
        (FULL, 300)
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
                let order = effort.order(client, *workload, peer(client), WINDOW);
                table.add(client, this.run(&order)?);
            }
        }
    }
    println!(
        "medians of {} rounds: {} messages, {} round trips, {} idle connections; TLS 1.3 with ring, \
         a certificate of P-256\n",
        effort.rounds, effort.pipelined, effort.round_trips, effort.connections
    );
    for (_, table) in &tables {
        println!("{table}");
    }
    let addresses = (plain.address(), encrypted.address());
    println!("{}", connecting::measured(connects, addresses)?);
    Ok(())
}
