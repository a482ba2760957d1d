//! Two kinds of cryptography in one program.

use core::slice;

use rustls::server::Acceptor;
use rustls::{SignatureScheme, crypto, version};
use tb_driver::tls::{Identity, Pem, TlsConfig, TlsSession, TlsSetupError};
use tb_tests::certificates::{Authority, Validity};
use tb_tests::sim::Setup;
use tb_tests::sim::server::SimulatorServer;

use crate::broker::Mosquitto;
use crate::device::{publish, publish_everywhere, setup};
use crate::openssl::{Folder, Key};

#[test]
fn the_cryptography_that_was_asked_for_is_used() {
    // ring knows nothing of the curve P-521.
    for (tls, knows) in [
        (TlsConfig::new(), false),
        (TlsConfig::new().aws_lc_rs(), true),
    ] {
        let hello = TlsSession::new(&tls, "localhost").unwrap().take_output();
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut hello.as_slice()).unwrap();
        let accepted = acceptor.accept().unwrap().unwrap();
        let schemes = accepted.client_hello().signature_schemes().to_vec();
        let known = schemes.contains(&SignatureScheme::ECDSA_NISTP521_SHA512);
        assert_eq!(known, knows, "{schemes:?}");
    }
}

/// One test: what is set for the process is set once and for all.
#[test]
fn what_the_process_has_as_its_default_makes_no_difference() {
    assert!(crypto::CryptoProvider::get_default().is_none());
    each_cryptography_connects();
    crypto::aws_lc_rs::default_provider()
        .install_default()
        .unwrap();
    each_cryptography_connects();
}

fn each_cryptography_connects() {
    let authority = Authority::new("Test CA");
    let certificate = authority.issue(&["127.0.0.1"], Validity::Now);
    let device = authority.issue(&["device"], Validity::Now);
    let trusting = TlsConfig::new()
        .ca(Pem::text(authority.pem()))
        .identity(Identity::new(
            Pem::text(&device.chain),
            Pem::text(&device.key),
        ));
    for version in [&version::TLS12, &version::TLS13] {
        let mut served = Setup::one_device("A1_TEST_TOKEN");
        served.devices[0].token = None;
        served.devices[0].x509 = Some(device.text());
        let tls = certificate.server(slice::from_ref(&version), Some(&authority));
        let server = SimulatorServer::start_tls(served, tls).unwrap();
        let url = format!("mqtts://{}", server.address());
        for tls in [trusting.clone(), trusting.clone().aws_lc_rs()] {
            assert_eq!(publish_everywhere(&setup(&url, tls)), Ok(()));
        }
    }
}

#[test]
fn a_key_that_only_aws_lc_rs_understands_is_used_with_it_and_refused_without() {
    let folder = Folder::new("p521", Key::Ec);
    folder.issue("server", Key::Ec, "root", "IP:127.0.0.1");
    folder.issue("device", Key::Ec521, "root", "DNS:device");
    let file = |name: &str| Pem::file(folder.path(name));
    let broker = Mosquitto::start_with(&folder.listener(true)).unwrap();
    let tls = TlsConfig::new()
        .ca(file("root.pem"))
        .identity(Identity::new(file("device.pem"), file("device.key")));
    assert_eq!(
        tls.check("127.0.0.1"),
        Err(TlsSetupError::UnsupportedKey {
            pem: file("device.key")
        })
    );
    let url = format!("mqtts://{}", broker.address());
    assert_eq!(publish(setup(&url, tls.aws_lc_rs())), Ok(()));
}
