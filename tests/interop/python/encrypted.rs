//! Over TLS, where the server's certificate and the device's are verified by another implementation.

use std::fs;
use std::path::{Path, PathBuf};

use tb_tests::certificates::{Authority, Issued, Validity};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Setup, Stored};

use crate::script::Script;

const TOKEN: &str = "PYTHON_DEVICE_TOKEN";
const VERSIONS: [&rustls::SupportedProtocolVersion; 1] = [&rustls::version::TLS12];

/// A file that is gone at the end of the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn ordinary() -> (Authority, Issued) {
    let authority = Authority::new("Test CA");
    let server = authority.issue(&["127.0.0.1"], Validity::Now);
    (authority, server)
}

#[test]
fn a_device_of_the_official_sdk_with_a_token_sends_over_tls() {
    let (authority, server) = ordinary();
    let ca = File::new("token-ca.pem", &authority.pem());
    let setup = Setup::one_device(TOKEN);
    let server = SimulatorServer::start_tls(setup, server.server(&VERSIONS, None)).unwrap();
    let script = Script::start("encrypted", &server, &[ca.path(), TOKEN]);
    sends_one_reading(script, &server);
}

#[test]
fn a_device_of_the_official_sdk_is_known_by_its_certificate() {
    let (authority, server) = ordinary();
    let device = authority.issue(&["device"], Validity::Now);
    let ca = File::new("certificate-ca.pem", &authority.pem());
    let chain = File::new("certificate-chain.pem", &device.chain);
    let key = File::new("certificate-key.pem", &device.key);
    let mut setup = Setup::one_device(TOKEN);
    setup.devices[0].token = None;
    setup.devices[0].x509 = Some(device.text());
    let tls = server.server(&VERSIONS, Some(&authority));
    let server = SimulatorServer::start_tls(setup, tls).unwrap();
    let files = [ca.path(), chain.path(), key.path()];
    sends_one_reading(Script::start("encrypted", &server, &files), &server);
}

fn sends_one_reading(script: Script, server: &SimulatorServer) {
    assert_eq!(script.step("telemetry")["code"], 0);
    script.step("done");
    script.ends_well();
    let is_reading =
        |fact: &Stored| matches!(fact, Stored::Telemetry { key, .. } if key == "temperature");
    assert!(server.stored().iter().any(is_reading));
}
