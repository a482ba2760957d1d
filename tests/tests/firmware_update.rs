//! What the examples `firmware_update` and `firmware_update_blocking` leave behind: the file, and a server
//! that knows what runs.

#[allow(
    dead_code,
    reason = "the example is run here without its main function"
)]
#[path = "../examples/firmware_update_blocking.rs"]
mod on_threads;
#[allow(
    dead_code,
    reason = "the example is run here without its main function"
)]
#[path = "../examples/firmware_update.rs"]
mod on_tokio;

use std::fs;
use std::path::PathBuf;

use tb_tests::sim::Package;
use tb_tests::sim::server::SimulatorServer;

/// A place where no earlier run has left a part of a download.
fn empty_directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).unwrap();
    }
    fs::create_dir(&directory).unwrap();
    directory
}

fn assert_updated(server: &SimulatorServer, file: PathBuf) {
    let length = 5_000_000;
    let fetched = fs::read(file).unwrap();
    assert!(
        fetched == Package::Pattern { length }.bytes(),
        "{} bytes, and others",
        fetched.len()
    );
    let reports = server.with(|simulator, _| simulator.update_reports().to_vec());
    let last = reports.last().expect("the device reports");
    assert_eq!(
        [&last.title, &last.version, &last.state].map(|part| part.as_deref().unwrap_or_default()),
        ["pump", "1.4", "UPDATED"],
        "{reports:?}"
    );
}

#[test]
fn the_example_on_tokio_fetches_the_firmware_and_reports_that_it_runs() {
    let file = empty_directory("firmware_update").join("firmware.bin");
    let server = on_tokio::simulated().unwrap();
    let url = format!("mqtt://{}", server.address());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let device = on_tokio::device(&url, on_tokio::SIMULATED_TOKEN, file.clone());
    runtime.block_on(device).unwrap();
    assert_updated(&server, file);
}

#[test]
fn the_example_on_threads_fetches_the_firmware_and_reports_that_it_runs() {
    let file = empty_directory("firmware_update_blocking").join("firmware.bin");
    let server = on_threads::simulated().unwrap();
    let url = format!("mqtt://{}", server.address());
    on_threads::device(&url, on_threads::SIMULATED_TOKEN, file.clone()).unwrap();
    assert_updated(&server, file);
}
