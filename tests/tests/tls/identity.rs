//! Certificates and keys as they come.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustls::version;
use serde_json::json;
use tb_driver::Setup;
use tb_driver::tls::{Identity, Pem, TlsConfig, TlsSetupError};
use tb_proto::{Config, Credentials};
use tb_tests::certificates::{Authority, Issued, Validity};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{ProvisionProfile, ProvisionStrategy, Setup as Simulated, Stored};

use crate::peer::{BOTH, HOST, Pair, ordinary};

fn identity(device: &Issued) -> Identity {
    Identity::new(Pem::text(&device.chain), Pem::text(&device.key))
}

fn checked(identity: Identity) -> Result<(), TlsSetupError> {
    TlsConfig::new().identity(identity).check(HOST)
}

/// A file that is gone at the end of the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("tb-tls-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn pem(&self) -> Pem {
        Pem::file(&self.0)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn each_thing_wrong_with_a_key_is_told_apart() {
    let device = Issued::self_signed(&["device"]);
    assert_eq!(checked(identity(&device)), Ok(()));
    let with_key = |key: &str| checked(Identity::new(Pem::text(&device.chain), Pem::text(key)));
    let pem = |key: &str| Pem::text(key);

    let stranger = Issued::self_signed(&["stranger"]);
    assert_eq!(with_key(&stranger.key), Err(TlsSetupError::KeyMismatch));
    let chain = &device.chain;
    assert_eq!(
        with_key(chain),
        Err(TlsSetupError::NotPrivate { pem: pem(chain) })
    );
    assert_eq!(
        with_key("nothing"),
        Err(TlsSetupError::NoPrivateKey {
            pem: pem("nothing")
        })
    );
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
    assert_eq!(
        with_key(old),
        Err(TlsSetupError::OldEncryption { pem: pem(old) })
    );
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(
        with_key(encrypted),
        Err(TlsSetupError::EncryptedKey {
            pem: pem(encrypted)
        })
    );
    let broken = device.key.replace("MIG", "AAA");
    assert_eq!(
        with_key(&broken),
        Err(TlsSetupError::UnsupportedKey { pem: pem(&broken) })
    );
    let no_chain = Identity::new(Pem::text(&device.key), Pem::text(&device.key));
    assert_eq!(
        checked(no_chain),
        Err(TlsSetupError::NoCertificate {
            pem: pem(&device.key)
        })
    );
}

#[test]
fn key_and_certificate_may_stand_in_one_file() {
    let device = Issued::self_signed(&["device"]);
    let both = format!("{}{}", device.key, device.chain);
    let identity = Identity::new(Pem::text(&both), Pem::text(&both));
    assert_eq!(checked(identity), Ok(()));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let missing = Pem::file("/nowhere/ca.pem");
    let error = TlsConfig::new().ca(missing).check(HOST).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read /nowhere/ca.pem: entity not found"
    );
}

#[test]
fn a_host_that_no_certificate_can_be_for_is_refused() {
    let error = TlsConfig::new().check("under_score.").map(drop);
    assert_eq!(error, Ok(()), "what resolvers take is taken");
    let error = TlsConfig::new().server_name("a b").check(HOST);
    let name = "a b".to_owned();
    assert_eq!(error, Err(TlsSetupError::ServerName { name }));
    assert_eq!(TlsConfig::new().check("fe80::1%eth0"), Ok(()));
}

#[test]
fn no_secret_is_shown() {
    let device = Issued::self_signed(&["device"]);
    let shown = format!("{:?}", TlsConfig::new().identity(identity(&device)));
    let line = device.key.lines().nth(1).unwrap();
    assert!(!shown.contains(line), "{shown}");
    let error = checked(Identity::new(
        Pem::text(&device.key),
        Pem::text(&device.key),
    ));
    assert!(!format!("{error:?}").contains(line));
}

#[test]
fn a_certificate_that_was_renewed_is_used_at_the_next_connect() {
    let (authority, server) = ordinary();
    let server = server.server(&BOTH, None);
    let devices = ["old", "new"].map(|name| authority.issue(&[name], Validity::Now));
    let files = [
        File::new("chain.pem", &devices[0].chain),
        File::new("key.pem", &devices[0].key),
    ];
    let config = TlsConfig::new()
        .ca(Pem::text(authority.pem()))
        .identity(Identity::new(files[0].pem(), files[1].pem()));
    for device in devices {
        fs::write(&files[0].0, &device.chain).unwrap();
        fs::write(&files[1].0, &device.key).unwrap();
        let mut pair = Pair::new(&config, server.clone());
        pair.exchange(usize::MAX).unwrap();
        assert_eq!(text(&pair), device.text());
    }
}

/// The certificate that the server saw, as ThingsBoard knows it.
fn text(pair: &Pair) -> String {
    let der = &pair.server.peer_certificates().unwrap()[0];
    tb_tests::certificates::text_of(der)
}

#[test]
fn a_trusted_authority_that_was_replaced_is_used_at_the_next_connect() {
    let authorities = ["one", "two"].map(Authority::new);
    let file = File::new("ca.pem", "");
    let config = TlsConfig::new().ca(file.pem());
    for authority in &authorities {
        fs::write(&file.0, authority.pem()).unwrap();
        let server = authority.issue(&[HOST], Validity::Now);
        let mut pair = Pair::new(&config, server.server(&BOTH, None));
        pair.exchange(usize::MAX).unwrap();
    }
}

/// What ThingsBoard calls the X.509 certificate chain strategy (TB §1.6, C-028).
#[test]
fn a_device_that_nobody_has_entered_is_created_by_the_chain_that_it_shows() {
    const PATIENCE: Duration = Duration::from_secs(30);
    let authority = Authority::new("Pumps Ltd");
    let factory = authority.below("Factory 2");
    let key = text_of_pem(&factory.pem());
    let mut profile =
        ProvisionProfile::new(ProvisionStrategy::X509CertificateChain, &key, "unused");
    profile.common_name_pattern = Some("^(.+)\\.pumps\\.example$".to_owned());
    profile.creates_devices = true;
    let simulated = Simulated {
        provision_profiles: vec![profile],
        ..Simulated::default()
    };
    let certificate = authority.issue(&["127.0.0.1"], Validity::Now);
    let server =
        SimulatorServer::start_tls(simulated, certificate.server(&[&version::TLS13], None))
            .unwrap();
    let url = format!("mqtts://{}", server.address());
    let device = factory.issue(&["pump-7.pumps.example"], Validity::Now);
    let tls = TlsConfig::new()
        .ca(Pem::text(authority.pem()))
        .identity(identity(&device.through(&factory)));
    let config = Config::new(url.parse().unwrap(), Credentials::certificate());

    let client = tb_blocking::connect_with(Setup::from(config).tls(tls), PATIENCE).unwrap();
    let ticket = client.send_telemetry(&json!({ "pressure": 2.5 })).unwrap();
    ticket.wait_timeout(PATIENCE).unwrap();
    server.with(|simulator, _| {
        let stored = simulator.stored().iter();
        let mut devices = stored.filter_map(|fact| match fact {
            Stored::Telemetry { device, .. } => Some(device.as_str()),
            _ => None,
        });
        assert_eq!(devices.next(), Some("pump-7"));
    });
}

fn text_of_pem(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}
