//! The suite over TLS: the server of a test and its client speak what the test's thread was told.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::OnceLock;

use tb_driver::tls::{Identity, Pem, TlsConfig};
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
    static CURRENT: Cell<Protection> = const { Cell::new(Protection::Plain) };
}

struct Certificates {
    authority: Authority,
    server: Issued,
    device: Issued,
}

fn certificates() -> &'static Certificates {
    static MADE: OnceLock<Certificates> = OnceLock::new();
    MADE.get_or_init(|| {
        let authority = Authority::new("Test CA");
        Certificates {
            server: authority.issue(&["127.0.0.1"], Validity::Now),
            device: authority.issue(&["dev1"], Validity::Now),
            authority,
        }
    })
}

/// Runs a test over this.
pub(crate) fn under(protection: Protection, test: fn()) {
    CURRENT.set(protection);
    test();
}

/// Serves over what this thread was told.
pub(crate) fn serve(mut setup: Setup) -> SimulatorServer {
    let (version, clients) = match CURRENT.get() {
        Protection::Plain => return SimulatorServer::start(setup).unwrap(),
        Protection::Tls1_2 => (&rustls::version::TLS12, None),
        Protection::Tls1_3 => (&rustls::version::TLS13, None),
        Protection::Mutual => {
            setup.devices[0].token = None;
            setup.devices[0].x509 = Some(certificates().device.text());
            (&rustls::version::TLS13, Some(&certificates().authority))
        }
    };
    let config = certificates().server.server(&[version], clients);
    SimulatorServer::start_tls(setup, config).unwrap()
}

/// The address of a server of this thread.
pub(crate) fn url(server: &SimulatorServer) -> String {
    url_of(server.address())
}

/// Another address that is to be spoken to in the same way.
pub(crate) fn url_of(address: SocketAddr) -> String {
    let scheme = match CURRENT.get() {
        Protection::Plain => "mqtt",
        Protection::Tls1_2 | Protection::Tls1_3 | Protection::Mutual => "mqtts",
    };
    format!("{scheme}://{address}")
}

/// What a client of this thread has to know; of no effect where nothing is encrypted.
pub(crate) fn tls() -> TlsConfig {
    let certificates = certificates();
    let tls = TlsConfig::new().ca(Pem::text(certificates.authority.pem()));
    match CURRENT.get() {
        Protection::Mutual => tls.identity(Identity::new(
            Pem::text(&certificates.device.chain),
            Pem::text(&certificates.device.key),
        )),
        Protection::Plain | Protection::Tls1_2 | Protection::Tls1_3 => tls,
    }
}
