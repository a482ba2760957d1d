//! Our clients and mosquitto over TLS, with certificates that `openssl` made.

use core::time::Duration;
use std::fs;

use tb_driver::tls::{Identity, Pem, TlsConfig};
use tb_driver::{NotConnected, Setup};
use tb_proto::{Cause, Config, Credentials, LinkLost, TlsFault};

use crate::broker::Mosquitto;
use crate::openssl::{Folder, Key};
use crate::{PATIENCE, Reading, Start, on_threads, on_tokio};

const ADDRESS: &str = "IP:127.0.0.1";

#[test]
fn a_server_with_an_rsa_key_is_trusted_by_its_authority() {
    served_by("rsa", Key::Rsa);
}

#[test]
fn a_server_with_an_ec_key_is_trusted_by_its_authority() {
    served_by("ec", Key::Ec);
}

fn served_by(name: &str, key: Key) {
    let folder = Folder::new(name, key);
    folder.issue("server", key, "root", ADDRESS);
    let broker = serve(&folder, false);
    on_both(|start| assert_eq!(publish(start, &broker, trusting(&folder)), Ok(())));
}

#[test]
fn an_intermediate_authority_is_found_in_the_chain_and_missed_without_it() {
    let folder = Folder::new("chain", Key::Rsa);
    folder.authority("middle", Key::Ec);
    folder.issue("server", Key::Ec, "middle", ADDRESS);
    let alone = serve(&folder, false);
    on_both(|start| {
        let outcome = publish(start, &alone, trusting(&folder));
        assert_eq!(outcome, Err(refused(TlsFault::UnknownIssuer)));
    });
    let read = |name| fs::read_to_string(folder.path(name)).unwrap();
    let chain = read("server.pem") + &read("middle.pem");
    fs::write(folder.path("server.pem"), chain).unwrap();
    let chained = serve(&folder, false);
    on_both(|start| assert_eq!(publish(start, &chained, trusting(&folder)), Ok(())));
}

#[test]
fn an_expired_certificate_and_another_name_are_told_apart() {
    let folder = Folder::new("faults", Key::Ec);
    folder.issue_expired("server", Key::Ec, ADDRESS);
    let expired = serve(&folder, false);
    on_both(|start| {
        let outcome = publish(start, &expired, trusting(&folder));
        assert_eq!(outcome, Err(refused(TlsFault::Expired)));
    });
    folder.issue("server", Key::Ec, "root", "DNS:other.example");
    let other = serve(&folder, false);
    on_both(|start| {
        let outcome = publish(start, &other, trusting(&folder));
        assert_eq!(outcome, Err(refused(TlsFault::WrongName)));
        let expecting = trusting(&folder).server_name("other.example");
        assert_eq!(publish(start, &other, expecting), Ok(()));
    });
}

#[test]
fn a_broker_that_requires_certificates_takes_those_of_every_kind_of_key() {
    let folder = Folder::new("mutual", Key::Rsa);
    folder.issue("server", Key::Ec, "root", ADDRESS);
    let broker = serve(&folder, true);
    for (name, key) in [
        ("rsa", Key::Rsa),
        ("traditional", Key::RsaTraditional),
        ("ec", Key::Ec),
    ] {
        folder.issue(name, key, "root", "DNS:device");
        let file = |kind| Pem::file(folder.path(&format!("{name}.{kind}")));
        let tls = trusting(&folder).identity(Identity::new(file("pem"), file("key")));
        on_both(|start| assert_eq!(publish(start, &broker, tls.clone()), Ok(()), "{name}"));
    }
    on_both(|start| {
        let outcome = publish(start, &broker, trusting(&folder));
        assert_eq!(outcome, Err(refused(TlsFault::CertificateRequired)));
    });
}

fn refused(fault: TlsFault) -> NotConnected {
    NotConnected::Refused(Cause::Lost(LinkLost::Tls(fault)))
}

fn trusting(folder: &Folder) -> TlsConfig {
    TlsConfig::new().ca(Pem::file(folder.path("root.pem")))
}

/// A mosquitto with the certificate `server` of the folder.
fn serve(folder: &Folder, requires_certificates: bool) -> Mosquitto {
    Mosquitto::start_with(&folder.listener(requires_certificates)).unwrap()
}

fn on_both(test: impl Fn(Start<'_>)) {
    on_tokio(&test);
    test(&on_threads);
}

/// Whether a reading is acknowledged, and if not, why there is no connection.
fn publish(start: Start<'_>, broker: &Mosquitto, tls: TlsConfig) -> Result<(), NotConnected> {
    let url = format!("mqtts://{}", broker.address());
    let config = Config::new(url.parse().unwrap(), Credentials::token("ANY"))
        .backoff(Duration::from_millis(5), Duration::from_millis(50));
    let client = start(Setup::from(config).tls(tls));
    client.connected_wait(PATIENCE)?;
    let ticket = client.send_telemetry(&Reading { number: 1 }).unwrap();
    ticket.wait_timeout(PATIENCE).unwrap();
    Ok(())
}
