//! A device without an async runtime is told of a new firmware, fetches it into a file, installs it and
//! says so: `firmware_update` on threads.
//!
//! `cargo run --example firmware_update_blocking` brings a simulated ThingsBoard with a firmware along.
//! With `TB_URL=mqtt://host:port TB_TOKEN=…` it does the same against that server. The file is kept in
//! `TB_FILE`, or in the directory for temporary files.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tb_blocking::{Config, Credentials, Error, FileSink, Installed};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Assignment, Control, Package, Setup};

/// After this long without an offer there is nothing to do.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const SIMULATED_TOKEN: &str = "A1_TEST_TOKEN";

pub(crate) fn device(url: &str, token: &str, file: PathBuf) -> Result<(), Error> {
    let config = Config::new(url.try_into()?, Credentials::token(token));
    let client = tb_blocking::start(config)?;

    let running = Installed::new("pump", "1.3");
    println!("running       {running}");
    let mut updates = client.update_firmware(running)?;
    let Ok(offer) = updates.recv_timeout(PATIENCE) else {
        println!("offered       nothing");
        return Ok(());
    };
    let next = offer.package().installed();
    println!("offered       {next}");

    // This thread hashes and writes; the client's own threads go on with everything else.
    let file = offer.download(FileSink::new(file)).wait()?;
    println!("verified      {}", file.path().display());

    updates.updating()?.wait_timeout(PATIENCE)?;
    println!("installing    (here a device would restart)");
    updates.updated(next.clone())?.wait_timeout(PATIENCE)?;
    println!("running       {next}");

    client.disconnect(PATIENCE).wait()?;
    Ok(())
}

/// A ThingsBoard that wants its device to run pump 1.4.
pub(crate) fn simulated() -> std::io::Result<SimulatorServer> {
    let mut setup = Setup::one_device(SIMULATED_TOKEN);
    let length = 5_000_000;
    setup
        .packages
        .insert("pump-1.4".to_owned(), Package::Pattern { length });
    let server = SimulatorServer::start(setup)?;
    let assignment = Assignment::of_package("dev1", "pump-1.4", "pump", "1.4");
    server.control(Control::SetFw(assignment));
    Ok(server)
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let file = env::var_os("TB_FILE").map_or_else(
        || env::temp_dir().join("firmware_update_blocking.bin"),
        PathBuf::from,
    );
    if let Ok(url) = env::var("TB_URL") {
        let token = env::var("TB_TOKEN").unwrap_or_default();
        return Ok(device(&url, &token, file)?);
    }
    let server = simulated()?;
    let url = format!("mqtt://{}", server.address());
    Ok(device(&url, SIMULATED_TOKEN, file)?)
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed        {error}");
            ExitCode::FAILURE
        }
    }
}
