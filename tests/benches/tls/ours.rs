//! What our two clients have in common here: which of them speak TLS, and whom they trust.

use std::io;
use std::path::PathBuf;

use tb_driver::Setup;
use tb_driver::tls::{Pem, TlsConfig};
use tb_proto::Scheme;
use tb_tests::bench::Order;

pub(crate) use crate::plain::{PATIENCE, ROOM, counter, value};

/// Whether a client of this name speaks TLS.
pub(crate) fn encrypts(client: &str) -> bool {
    client.ends_with("TLS")
}

/// Where the processes of the clients find the authority of the server.
pub(crate) fn authority() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-tls-authority.pem")
}

pub(crate) fn trusting() -> TlsConfig {
    TlsConfig::new().ca(Pem::file(authority()))
}

/// What a client has that is compared with others, over TLS if its name says so.
pub(crate) fn config(order: &Order) -> io::Result<Setup> {
    let scheme = if encrypts(&order.client) {
        Scheme::Mqtts
    } else {
        Scheme::Mqtt
    };
    let config = crate::plain::config_over(scheme, order)?;
    Ok(Setup::from(config).tls(trusting()))
}
