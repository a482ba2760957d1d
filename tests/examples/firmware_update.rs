//! A device is told of a new firmware, fetches it into a file, installs it and says so.
//!
//! `cargo run --example firmware_update` brings a simulated ThingsBoard with a firmware along. With
//! `TB_URL=mqtt://host:port TB_TOKEN=…` it does the same against that server; assign a firmware to the
//! device there. The file is kept in `TB_FILE`, or in the directory for temporary files; started again
//! in the middle of a download, it goes on where it was.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Assignment, Control, Package, Setup};
use tb_tokio::{Config, Credentials, FileSink, Installed, Progress, Receiver, Source};
use tokio::time::timeout;

/// After this long without an offer there is nothing to do.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const SIMULATED_TOKEN: &str = "A1_TEST_TOKEN";

type Error = Box<dyn std::error::Error>;

pub(crate) async fn device(url: &str, token: &str, file: PathBuf) -> Result<(), Error> {
    let config = Config::new(url.try_into()?, Credentials::token(token));
    let client = tb_tokio::start(config)?;

    // The platform is told what runs, and says whether that is what it wants.
    let running = Installed::new("pump", "1.3");
    println!("running       {running}");
    let mut updates = client.update_firmware(running)?;
    let Ok(Some(offer)) = timeout(PATIENCE, updates.recv()).await else {
        println!("offered       nothing");
        return Ok(());
    };
    let package = offer.package();
    println!(
        "offered       {}: {:?}",
        package.installed(),
        package.source
    );
    if let Source::External { url, .. } = &package.source {
        println!("              fetch it from {url} yourself");
        return Ok(());
    }

    let mut download = offer.download(FileSink::new(file));
    let progress = download.progress();
    let progress = tokio::spawn(show(progress));
    let file = download.await?;
    progress.await?;
    println!("verified      {}", file.path().display());

    // The platform has to know before the device restarts.
    updates.updating()?.await?;
    println!("installing    (here a device would restart)");
    // After the restart this is the first thing to say.
    updates.updated(package.installed())?.await?;
    println!("running       {}", package.installed());

    client.disconnect(PATIENCE).await?;
    Ok(())
}

async fn show(progress: Option<Receiver<Progress>>) {
    let Some(mut progress) = progress else { return };
    let mut shown = None;
    while let Some(Progress { done, total }) = progress.recv().await {
        let quarter = done * 4 / total.max(1);
        if shown != Some(quarter) {
            println!("downloaded    {done} of {total} bytes");
            shown = Some(quarter);
        }
    }
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

fn run() -> Result<(), Error> {
    let file = env::var_os("TB_FILE").map_or_else(
        || env::temp_dir().join("firmware_update.bin"),
        PathBuf::from,
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if let Ok(url) = env::var("TB_URL") {
        let token = env::var("TB_TOKEN").unwrap_or_default();
        return runtime.block_on(device(&url, &token, file));
    }
    let server = simulated()?;
    let url = format!("mqtt://{}", server.address());
    runtime.block_on(device(&url, SIMULATED_TOKEN, file))
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
