//! A device fetches its firmware in chunks, checks it and reports how far it is.

use serde_json::{Map, Value};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{
    Assignment, ChecksumAlgorithm, Control, Package, Setup, UpdateKind, UpdateReport,
};

use crate::PATIENCE;
use crate::script::Script;

const TOKEN: &str = "PYTHON_DEVICE_TOKEN";
const DEVICE: &str = "dev1";
const TITLE: &str = "boiler";
const VERSION: &str = "v2";
/// Eighteen chunks and a part of one.
const PACKAGE_SIZE: u32 = 300_000;
const CHUNK_SIZE: &str = "16384";

/// Bytes without a period, so that no chunk can stand for another.
fn image() -> Vec<u8> {
    (0..PACKAGE_SIZE)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn server() -> SimulatorServer {
    let mut setup = Setup::one_device(TOKEN);
    setup
        .packages
        .insert("image".to_owned(), Package::Bytes(image()));
    SimulatorServer::start(setup).unwrap()
}

fn assign(server: &SimulatorServer, algorithm: ChecksumAlgorithm) {
    server.control(Control::SetFw(
        Assignment::of_package(DEVICE, "image", TITLE, VERSION).with_algorithm(algorithm),
    ));
}

/// What the device reports, in this order, and with what it runs meanwhile.
fn wait_for_reports(server: &SimulatorServer, states: &[&str]) {
    let complete = |reports: &[UpdateReport]| {
        (reports.last()).is_some_and(|report| report.state.as_deref() == Some("UPDATED"))
    };
    let arrived = server.wait_until(PATIENCE, |simulator| complete(simulator.update_reports()));
    let reports = server.with(|simulator, _| simulator.update_reports().to_vec());
    assert!(arrived, "{reports:?}");

    let wanted: Vec<_> = (states.iter())
        .map(|&state| {
            let (title, version) = match state {
                // The server's own: these tell what it wants.
                "QUEUED" | "INITIATED" | "UPDATED" => (TITLE, VERSION),
                _ => ("Initial", "v0"),
            };
            (state, title, version)
        })
        .collect();
    let told: Vec<_> = (reports.iter())
        .map(|report| {
            assert_eq!(report.kind, UpdateKind::Firmware);
            let [state, title, version] = [&report.state, &report.title, &report.version]
                .map(|part| part.as_deref().unwrap_or_default());
            (state, title, version)
        })
        .collect();
    assert_eq!(told, wanted);
}

#[test]
fn a_device_of_the_official_sdk_that_asks_for_its_firmware_has_it_and_says_so() {
    let server = server();
    assign(&server, ChecksumAlgorithm::Sha256);
    let mut script = Script::start("firmware", &server, &[TOKEN, CHUNK_SIZE, "asks"]);

    script.step("asked");
    wait_for_reports(
        &server,
        &[
            "QUEUED",
            "INITIATED",
            "IDLE",
            "DOWNLOADING",
            "DOWNLOADED",
            "VERIFIED",
            "UPDATING",
            "UPDATED",
        ],
    );
    let file = std::fs::read(script.directory().join(TITLE)).unwrap();
    assert!(file == image(), "{} bytes, and others", file.len());

    script.go_on();
    script.step("done");
    script.ends_well();
}

/// The SDK does not wait to be asked: an announcement is enough for it.
#[test]
fn a_device_of_the_official_sdk_that_is_told_of_a_firmware_accepts_every_checksum_of_it() {
    let server = server();
    let image = image();
    let checksums: Map<_, _> = (ChecksumAlgorithm::ALL.iter())
        .map(|algorithm| {
            let checksum = algorithm.checksum(&image);
            // The SDK forgets leading zeros of CRC32 and Murmur3, which this package does not have.
            (algorithm.name().to_owned(), Value::from(checksum))
        })
        .collect();
    let names: Vec<_> = checksums.keys().cloned().collect();
    let checksums = Value::Object(checksums).to_string();
    let arguments = [TOKEN, CHUNK_SIZE, "is_told", &checksums];
    let mut script = Script::start("firmware", &server, &arguments);

    script.step("listening");
    assign(&server, ChecksumAlgorithm::Murmur3_32);
    let received = script.step("received");
    assert_eq!(received["size"], PACKAGE_SIZE);
    assert_eq!(received["version"], VERSION);
    assert_eq!(received["accepted"], Value::from(names));
    wait_for_reports(
        &server,
        &[
            "QUEUED",
            "INITIATED",
            "DOWNLOADING",
            "DOWNLOADED",
            "VERIFIED",
            "UPDATING",
            "UPDATED",
        ],
    );

    script.go_on();
    script.step("done");
    script.ends_well();
}
