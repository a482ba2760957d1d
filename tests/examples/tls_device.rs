//! A device that is known by its X.509 certificate, over TLS with a private authority.
//!
//! Against a server of yours: set TB_URL (`mqtts://…`), TB_CA_FILE, TB_CERT_FILE and TB_KEY_FILE. Without TB_URL
//! it runs against a simulator of its own.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tb_blocking::{Config, Credentials, Identity, Pem, Setup, TlsConfig};
use tb_tests::certificates::{Authority, Validity};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{DeviceSetup, Setup as Served};

const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn main() -> ExitCode {
    let run = if std::env::var_os("TB_URL").is_some() {
        tb_blocking::config_from_env()
            .map_err(Into::into)
            .and_then(device)
    } else {
        against_simulator()
    };
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn device(setup: Setup) -> Result<(), Box<dyn Error>> {
    let client = tb_blocking::connect_with(setup, DEADLINE)?;
    client
        .send_telemetry(&json!({ "temperature": 41.9 }))?
        .wait_timeout(DEADLINE)?;
    println!("acknowledged over TLS");
    client.disconnect(DEADLINE).wait_timeout(DEADLINE)?;
    Ok(())
}

/// What a company would have made with `openssl`: an authority, and what it signed.
fn against_simulator() -> Result<(), Box<dyn Error>> {
    let authority = Authority::new("Example CA");
    let server = authority.issue(&["localhost", "127.0.0.1"], Validity::Now);
    let own = authority.issue(&["pump 7"], Validity::Now);
    let pump = DeviceSetup {
        name: "pump 7".to_owned(),
        x509: Some(own.text()),
        ..DeviceSetup::default()
    };
    let served = Served {
        devices: vec![pump],
        ..Served::default()
    };
    let versions = [&rustls::version::TLS13];
    let server = SimulatorServer::start_tls(served, server.server(&versions, Some(&authority)))?;

    let tls = TlsConfig::new()
        .ca(Pem::text(authority.pem()))
        .identity(Identity::new(Pem::text(&own.chain), Pem::text(&own.key)));
    let url = format!("mqtts://{}", server.address());
    let config = Config::new(url.parse()?, Credentials::certificate());
    device(Setup::from(config).tls(tls))
}
