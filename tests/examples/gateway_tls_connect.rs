//! A gateway connects over TLS to a server with a private authority, and sends for a child.
//!
//! Against a server of yours: set TB_URL (`mqtts://…`), TB_TOKEN and TB_CA_FILE. Without TB_URL it runs against
//! a simulator of its own.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tb_tests::certificates::{Authority, Validity};
use tb_tests::sim::Setup as Served;
use tb_tests::sim::server::SimulatorServer;
use tb_tokio::{Config, Credentials, Pem, Setup, TlsConfig};
use tokio::runtime::Builder;

const DEADLINE: Duration = Duration::from_secs(30);
const TOKEN: &str = "GATEWAY_TOKEN";

async fn gateway(setup: Setup) -> Result<(), Box<dyn Error>> {
    let gateway = tb_tokio::connect_gateway_with(setup, DEADLINE).await?;
    let meter = gateway.child("Meter 7").profile("meter")?;
    let outcome = meter.send_telemetry(&json!({ "kWh": 4711 }))?.await?;
    println!("{} over TLS: {outcome}", meter.name());
    gateway.disconnect(DEADLINE).await?;
    Ok(())
}

/// A server with a certificate that no public authority knows.
fn simulated() -> Result<(SimulatorServer, Setup), Box<dyn Error>> {
    let authority = Authority::new("Example CA");
    let certificate = authority.issue(&["localhost", "127.0.0.1"], Validity::Now);
    let mut served = Served::one_device(TOKEN);
    served.devices[0].gateway = true;
    let tls = certificate.server(&[&rustls::version::TLS13], None);
    let server = SimulatorServer::start_tls(served, tls)?;

    let url = format!("mqtts://{}", server.address());
    let config = Config::new(url.parse()?, Credentials::token(TOKEN));
    let tls = TlsConfig::new().ca(Pem::text(authority.pem()));
    Ok((server, Setup::from(config).tls(tls)))
}

fn run() -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    if std::env::var_os("TB_URL").is_some() {
        return runtime.block_on(gateway(tb_tokio::config_from_env()?));
    }
    let (server, setup) = simulated()?;
    let sent = runtime.block_on(gateway(setup));
    drop(server);
    sent
}

pub(crate) fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}
