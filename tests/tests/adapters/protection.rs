//! The suite over TLS: the server of a test and its client speak what the test's thread was told.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};
use tb_driver::tls::{Identity, Pem, TlsConfig};
use tb_proto::{Credentials, ProvisionRequest};
use tb_tests::certificates::{Authority, Issued, Validity};
use tb_tests::sim::Setup;
use tb_tests::sim::server::SimulatorServer;

/// How bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    Plain,
    Tls1_2,
    Tls1_3,
    /// TLS 1.3, and the device is known by its certificate alone.
    Mutual,
}

thread_local! {
    static CURRENT: Cell<Option<Protection>> = const { Cell::new(None) };
}

/// What is made once for all tests.
struct Material {
    authority: Pem,
    device: Issued,
    stranger: Issued,
    tls_1_2: Arc<ServerConfig>,
    tls_1_3: Arc<ServerConfig>,
    mutual: Arc<ServerConfig>,
}

static MATERIAL: LazyLock<Material> = LazyLock::new(|| {
    let authority = Authority::new("Test CA");
    let server = authority.issue(&["127.0.0.1"], Validity::Now);
    Material {
        device: authority.issue(&["dev1"], Validity::Now),
        stranger: authority.issue(&["dev2"], Validity::Now),
        tls_1_2: server.server(&[&TLS12], None),
        tls_1_3: server.server(&[&TLS13], None),
        mutual: server.server(&[&TLS13], Some(&authority)),
        authority: Pem::text(authority.pem()),
    }
});

/// Runs a test over this.
pub(crate) fn under(protection: Protection, test: fn()) {
    CURRENT.set(Some(protection));
    test();
}

/// What the test of this thread runs over. Threads that a test starts are told nothing.
pub(crate) fn current() -> Protection {
    CURRENT
        .get()
        .expect("a test of the suite asks, on its own thread")
}

/// Serves over what this thread was told.
pub(crate) fn serve(mut setup: Setup) -> SimulatorServer {
    // Thousands of answers are waited for, and nothing depends on how late they are.
    setup.server.core_latency_ms = 1;
    let tls = match current() {
        Protection::Plain => return SimulatorServer::start(setup).unwrap(),
        Protection::Tls1_2 => &MATERIAL.tls_1_2,
        Protection::Tls1_3 => &MATERIAL.tls_1_3,
        Protection::Mutual => {
            if let Some(device) = setup.devices.first_mut() {
                device.token = None;
                device.x509 = Some(MATERIAL.device.text());
            }
            &MATERIAL.mutual
        }
    };
    SimulatorServer::start_tls(setup, Arc::clone(tls)).unwrap()
}

/// The address of a server of this thread.
pub(crate) fn url(server: &SimulatorServer) -> String {
    url_of(server.address())
}

/// Another address that is to be spoken to in the same way.
pub(crate) fn url_of(address: SocketAddr) -> String {
    let scheme = match current() {
        Protection::Plain => "mqtt",
        Protection::Tls1_2 | Protection::Tls1_3 | Protection::Mutual => "mqtts",
    };
    format!("{scheme}://{address}")
}

/// What a client of this thread has to know; of no effect where nothing is encrypted.
pub(crate) fn tls() -> TlsConfig {
    tls_of(&MATERIAL.device)
}

/// The same for a device with a certificate that the server does not know.
pub(crate) fn tls_of_a_stranger() -> TlsConfig {
    tls_of(&MATERIAL.stranger)
}

fn tls_of(device: &Issued) -> TlsConfig {
    let tls = TlsConfig::new().ca(MATERIAL.authority.clone());
    match current() {
        Protection::Mutual => tls.identity(Identity::new(
            Pem::text(&device.chain),
            Pem::text(&device.key),
        )),
        Protection::Plain | Protection::Tls1_2 | Protection::Tls1_3 => tls,
    }
}

/// By what the server knows the device: the token only where no certificate is shown.
pub(crate) fn credentials(token: &str) -> Credentials {
    match current() {
        Protection::Mutual => Credentials::certificate(),
        Protection::Plain | Protection::Tls1_2 | Protection::Tls1_3 => Credentials::token(token),
    }
}

/// Asks for the credentials by which the server will know a client of this thread.
pub(crate) fn asking(request: ProvisionRequest) -> ProvisionRequest {
    match current() {
        Protection::Mutual => request.certificate(MATERIAL.device.text()),
        Protection::Plain | Protection::Tls1_2 | Protection::Tls1_3 => request,
    }
}
