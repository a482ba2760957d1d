//! Whom the operating system trusts.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustls::version;
use tb_driver::tls::TlsConfig;
use tb_driver::{NotConnected, StartError};
use tb_proto::{Cause, LinkLost, TlsFault};
use tb_tests::certificates::{Authority, Validity};
use tb_tests::sim::Setup;
use tb_tests::sim::server::SimulatorServer;

use crate::device::{publish, setup};

/// Where a process that this test has started is to connect to.
const ADDRESS: &str = "TB_TEST_ADDRESS";
const THIS: &str =
    "native_roots::who_stands_in_the_file_of_the_environment_is_trusted_and_nobody_else";

/// Whom the system trusts is read once in a process, from what its environment says: each case is a process, this
/// very test once more.
#[test]
fn who_stands_in_the_file_of_the_environment_is_trusted_and_nobody_else() {
    if let Ok(url) = env::var(ADDRESS) {
        println!(
            "\n{:?}",
            publish(setup(&url, TlsConfig::new().native_roots()))
        );
        return;
    }
    let authority = Authority::new("The system's CA");
    let certificate = authority.issue(&["127.0.0.1"], Validity::Now);
    let tls = certificate.server(&[&version::TLS13], None);
    let server = SimulatorServer::start_tls(Setup::one_device("A1_TEST_TOKEN"), tls).unwrap();
    let url = format!("mqtts://{}", server.address());

    let unknown = Cause::Lost(LinkLost::Tls(TlsFault::UnknownIssuer));
    let cases: [(&str, String, Result<(), NotConnected>); 3] = [
        ("its.pem", authority.pem(), Ok(())),
        (
            "others.pem",
            Authority::new("Another CA").pem(),
            Err(NotConnected::Refused(unknown)),
        ),
        (
            "nobody.pem",
            String::new(),
            Err(NotConnected::Start(StartError::Tls(
                tb_driver::tls::TlsSetupError::NoNativeRoots,
            ))),
        ),
    ];
    for (name, roots, expected) in cases {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&file, roots).unwrap();
        let said = outcome(&file, &url);
        let expected = format!("{expected:?}");
        assert!(said.lines().any(|line| line == expected), "{name}: {said}");
    }
}

/// What a process says for which the system trusts those in this file.
fn outcome(roots: &Path, url: &str) -> String {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture"])
        .env("SSL_CERT_FILE", roots)
        .env_remove("SSL_CERT_DIR")
        .env(ADDRESS, url)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}
