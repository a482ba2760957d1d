//! A gateway over loopback, in a process of its own, so that its processor time is that of nobody else.

use std::error::Error;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tb_tests::bench::{Measurement, Meter, Reading};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Setup, Stored};
use tb_tokio::{Child, Config, Credentials};
use tokio::runtime::Builder;

use super::machine::name;

const TOKEN: &str = "GATEWAY_TOKEN";

/// Readings without outcome at a time.
const WINDOW: usize = 100;

const DEADLINE: Duration = Duration::from_secs(60);

/// Runs both clients with more and more children, and prints what each message costs them.
pub(crate) fn compare(thorough: bool) -> Result<(), Box<dyn Error>> {
    let python = std::env::var_os("TB_PYTHON");
    println!();
    println!(
        "over loopback, one reading after the other with {WINDOW} on their way, for each reading"
    );
    println!("{:<44} {:>9} {:>9}", "", "CPU us", "per s");
    let numbers: &[(usize, usize)] = if thorough {
        &[(1, 50_000), (100, 50_000), (10_000, 50_000)]
    } else {
        &[(1, 500), (100, 500)]
    };
    for &(children, messages) in numbers {
        let this = std::env::current_exe()?;
        let cost = run(Command::new(this).arg("--client"), children, messages)?;
        print(&format!("tb-tokio, {children} children"), &cost);
    }
    let Some(python) = python else {
        println!("left out: the official Python SDK (TB_PYTHON names no Python that has it)");
        return Ok(());
    };
    for &(children, messages) in numbers {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/gateway/client.py");
        let messages = messages / 10;
        let cost = run(Command::new(&python).arg(script), children, messages)?;
        print(&format!("official Python SDK, {children} children"), &cost);
    }
    Ok(())
}

fn print(name: &str, cost: &Measurement) {
    println!("{name:<44} {:>9.2} {:>9.0}", cost.cpu_us, cost.per_second);
}

/// Runs a client against a simulator, which has to have everything in the end.
fn run(
    client: &mut Command,
    children: usize,
    messages: usize,
) -> Result<Measurement, Box<dyn Error>> {
    let mut setup = Setup::one_device(TOKEN);
    setup.devices[0].gateway = true;
    let server = SimulatorServer::start(setup)?;
    let output = client
        .arg(server.address().to_string())
        .args([children.to_string(), messages.to_string()])
        .stdout(Stdio::piped())
        .spawn()?
        .wait_with_output()?;
    if !output.status.success() {
        return Err(format!("the client failed: {}", output.status).into());
    }
    let is_number =
        |fact: &&Stored| matches!(fact, Stored::Telemetry { key, .. } if key == "counter");
    let stored = server.with(|simulator, _| simulator.stored().iter().filter(is_number).count());
    // And one of each child, so that it is announced.
    if stored != messages + children {
        return Err(format!("{stored} of {} readings are stored", messages + children).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The client of this project: it prints what it cost.
pub(crate) fn client(
    address: &str,
    children: usize,
    messages: usize,
) -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let cost = runtime.block_on(readings(address, children, messages))?;
    serde_json::to_writer(io::stdout(), &cost)?;
    Ok(())
}

async fn readings(
    address: &str,
    children: usize,
    messages: usize,
) -> Result<Measurement, Box<dyn Error>> {
    let url = format!("mqtt://{address}");
    let config = Config::new(url.parse()?, Credentials::token(TOKEN));
    let gateway = tb_tokio::connect_gateway_with(config, DEADLINE).await?;
    let children: Vec<Child> = (0..children)
        .map(|at| gateway.child(&name(at)).profile("meter"))
        .collect::<Result<_, _>>()?;
    send(&children, children.len()).await?;
    let meter = Meter::start()?;
    send(&children, messages).await?;
    let cost = meter.stop(messages as u64, Vec::new())?;
    gateway.disconnect(DEADLINE).await?;
    Ok(cost)
}

async fn send(children: &[Child], messages: usize) -> Result<(), Box<dyn Error>> {
    let mut tickets = std::collections::VecDeque::with_capacity(WINDOW);
    for at in 0..messages {
        if tickets.len() == WINDOW
            && let Some(oldest) = tickets.pop_front()
        {
            let _delivered: tb_tokio::Delivered = Box::pin(oldest).await?;
        }
        let child = &children[at % children.len()];
        tickets.push_back(child.send_telemetry(&Reading::numbered(at as u64))?);
    }
    for ticket in tickets {
        ticket.await?;
    }
    Ok(())
}
