//! A gateway reads fifty meters. Each sends readings as often as one of its attributes says and answers
//! when it is asked; none of them notices that the server is restarted under the gateway.
//!
//! It brings a simulated ThingsBoard along, to restart it.

use std::convert::Infallible;
use std::error::Error;
use std::future::ready;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tb_tests::example::PATIENCE;
use tb_tests::sim::Setup;
use tb_tests::sim::server::SimulatorServer;
use tb_tokio::{Child, Config, Credentials, Delivery, Gateway};
use tokio::runtime::Builder;

const TOKEN: &str = "GATEWAY_TOKEN";
const METERS: usize = 50;

/// What a meter knows.
struct Meter {
    child: Child,
    interval_ms: AtomicU64,
    kwh: AtomicU64,
}

impl Meter {
    fn new(child: Child) -> Arc<Self> {
        Arc::new(Self {
            child,
            interval_ms: AtomicU64::new(50),
            kwh: AtomicU64::new(0),
        })
    }

    /// Reads the meter until the gateway is gone; gives the tickets of the readings.
    async fn send_readings(self: Arc<Self>) -> Vec<Delivery> {
        let mut tickets = Vec::new();
        loop {
            let kwh = self.kwh.fetch_add(1, Ordering::Relaxed) + 1;
            match self.child.send_telemetry(&json!({ "kWh": kwh })) {
                Ok(ticket) => tickets.push(ticket),
                Err(_) => return tickets,
            }
            let interval = self.interval_ms.load(Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(interval)).await;
        }
    }

    async fn follow_the_interval(self: Arc<Self>) {
        let mut updates = self.child.attribute_updates_of(["intervalMs"]);
        while let Some(update) = updates.recv().await {
            if let Ok(Some(interval)) = update.updated.get("intervalMs") {
                self.interval_ms.store(interval, Ordering::Relaxed);
            }
        }
    }

    async fn answer(self: Arc<Self>) -> Result<(), tb_tokio::Error> {
        let meter = Arc::clone(&self);
        let answering = self.child.serve("read", move |()| {
            let interval = meter.interval_ms.load(Ordering::Relaxed);
            ready(Ok::<_, Infallible>(json!({ "intervalMs": interval })))
        })?;
        answering.await;
        Ok(())
    }
}

/// The server has a new interval for each meter, and asks each until it keeps to it.
fn set_intervals(server: &SimulatorServer, from_ms: usize) -> Result<(), Box<dyn Error>> {
    let all_there = server.wait_until(PATIENCE, |server| {
        server.children_of("dev1").len() == METERS
    });
    if !all_there {
        return Err("not all meters are announced".into());
    }
    let intervals = (0..METERS).map(|n| (format!("meter {n}"), from_ms + n));
    for (device, interval) in intervals.clone() {
        let change = json!({
            "do": "set_shared", "device": device, "values": { "intervalMs": interval },
        });
        server.control(serde_json::from_value(change)?);
    }
    for (device, interval) in intervals {
        let expected = Some(json!({ "intervalMs": interval }));
        let deadline = Instant::now() + PATIENCE;
        for attempt in 0.. {
            let name = format!("{device}, attempt {attempt}");
            let call = json!({
                "do": "rpc", "call": name, "device": device, "method": "read", "params": null,
            });
            server.control(serde_json::from_value(call)?);
            let result = server.wait_for_result(PATIENCE, &name);
            if result.is_some_and(|result| result.reply == expected) {
                break;
            }
            if Instant::now() > deadline {
                return Err(format!("{device} does not keep to {interval} ms").into());
            }
        }
    }
    Ok(())
}

fn server(address: SocketAddr) -> std::io::Result<SimulatorServer> {
    let mut setup = Setup::one_device(TOKEN);
    setup.devices[0].gateway = true;
    SimulatorServer::bind(setup, address)
}

/// Gives the number of readings that were acknowledged, and that of all.
pub(crate) fn run() -> Result<(usize, usize), Box<dyn Error>> {
    let first = server(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = first.address();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let _entered = runtime.enter();

    let config = Config::new(
        format!("mqtt://{address}").parse()?,
        Credentials::token(TOKEN),
    );
    let often = Duration::from_millis(100);
    let gateway: Gateway = tb_tokio::start_gateway(config.backoff(often, often))?;
    let mut readings = Vec::new();
    for n in 0..METERS {
        let meter = Meter::new(gateway.child(&format!("meter {n}")).profile("meter")?);
        tokio::spawn(Arc::clone(&meter).follow_the_interval());
        tokio::spawn(Arc::clone(&meter).answer());
        readings.push(tokio::spawn(meter.send_readings()));
    }

    set_intervals(&first, 60)?;
    println!("{METERS} meters keep to their intervals; the server is restarted");
    drop(first);
    let second = server(address)?;
    set_intervals(&second, 120)?;
    println!("and again, with {} connections", gateway.stats().connects);

    gateway.disconnect(PATIENCE).wait()?;
    let (mut acknowledged, mut all) = (0, 0);
    for reading in readings {
        for ticket in runtime.block_on(reading)? {
            all += 1;
            acknowledged += usize::from(runtime.block_on(ticket).is_ok());
        }
    }
    println!("{acknowledged} of {all} readings were acknowledged");
    Ok((acknowledged, all))
}

pub(crate) fn main() -> ExitCode {
    match run() {
        Ok((acknowledged, all)) if acknowledged == all => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}
