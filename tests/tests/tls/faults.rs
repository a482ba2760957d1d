//! What is wrong is told apart, and what can be done about it is said.

use tb_driver::NotConnected;
use tb_driver::tls::{Identity, Pem, TlsConfig, TlsError};
use tb_proto::{Cause, LinkLost, TlsFault};
use tb_tests::certificates::{Authority, Issued, Validity};

use crate::peer::{BOTH, HOST, Pair, ordinary};

/// What a client that trusts `authority` makes of this server.
fn judged(authority: &Authority, server: &Issued) -> TlsFault {
    fault(&TlsConfig::new().ca(Pem::text(authority.pem())), server)
}

fn fault(config: &TlsConfig, server: &Issued) -> TlsFault {
    shown(config, server, None).unwrap_err().fault
}

fn shown(config: &TlsConfig, server: &Issued, clients: Option<&Authority>) -> Result<(), TlsError> {
    Pair::new(config, server.server(&BOTH, clients)).exchange(usize::MAX)
}

#[test]
fn each_thing_wrong_with_a_server_is_told_apart() {
    let (authority, good) = ordinary();
    let trusting = TlsConfig::new().ca(Pem::text(authority.pem()));
    assert_eq!(shown(&trusting, &good, None), Ok(()));

    let expired = authority.issue(&[HOST], Validity::Over);
    assert_eq!(judged(&authority, &expired), TlsFault::Expired);
    let early = authority.issue(&[HOST], Validity::NotYet);
    assert_eq!(judged(&authority, &early), TlsFault::NotYetValid);
    let other = authority.issue(&["other.example"], Validity::Now);
    assert_eq!(judged(&authority, &other), TlsFault::WrongName);
    let nameless = authority.issue(&[], Validity::Now);
    assert_eq!(judged(&authority, &nameless), TlsFault::NoName);
    let stranger = Authority::new("Another CA").issue(&[HOST], Validity::Now);
    assert_eq!(judged(&authority, &stranger), TlsFault::UnknownIssuer);
    assert_eq!(fault(&TlsConfig::new(), &good), TlsFault::UnknownIssuer);

    let own = Issued::own_authority(&[HOST]);
    let as_ca = TlsConfig::new().ca(Pem::text(&own.chain));
    assert_eq!(fault(&as_ca, &own), TlsFault::AuthorityAsServer);
    let pinned = TlsConfig::new().pinned(Pem::text(&own.chain));
    assert_eq!(shown(&pinned, &own, None), Ok(()));
    assert_eq!(fault(&pinned, &good), TlsFault::NotPinned);
}

#[test]
fn an_intermediate_authority_has_to_be_shown() {
    let root = Authority::new("Root");
    let middle = root.below("Middle");
    let server = middle.issue(&[HOST], Validity::Now);
    assert_eq!(judged(&root, &server), TlsFault::UnknownIssuer);
    let config = TlsConfig::new().ca(Pem::text(root.pem()));
    assert_eq!(shown(&config, &server.through(&middle), None), Ok(()));
}

#[test]
fn another_name_can_be_expected() {
    let authority = Authority::new("Test CA");
    let server = authority.issue(&["inside.example"], Validity::Now);
    let config = TlsConfig::new().ca(Pem::text(authority.pem()));
    assert_eq!(fault(&config, &server), TlsFault::WrongName);
    let config = config.server_name("inside.example");
    assert_eq!(shown(&config, &server, None), Ok(()));
}

#[test]
fn without_verification_every_server_is_taken() {
    let config = TlsConfig::new().dangerously_accept_any_server_certificate();
    let server = Issued::self_signed(&["anybody.example"]);
    assert_eq!(shown(&config, &server, None), Ok(()));
}

#[test]
fn a_server_that_wants_a_certificate_and_one_that_refuses_it_are_told_apart() {
    for version in BOTH {
        let (authority, server) = ordinary();
        let server = server.server(&[version], Some(&authority));
        let config = TlsConfig::new().ca(Pem::text(authority.pem()));
        let fault = |config: &TlsConfig| {
            let exchanged = Pair::new(config, server.clone()).exchange(usize::MAX);
            exchanged.map_err(|error| error.fault)
        };
        assert_eq!(fault(&config), Err(TlsFault::CertificateRequired));
        let identity =
            |device: Issued| Identity::new(Pem::text(device.chain), Pem::text(device.key));
        let stranger = Issued::self_signed(&["stranger"]);
        assert_eq!(
            fault(&config.clone().identity(identity(stranger))),
            Err(TlsFault::CertificateRefused)
        );
        let device = authority.issue(&["device"], Validity::Now);
        assert_eq!(fault(&config.identity(identity(device))), Ok(()));
    }
}

#[test]
fn a_peer_that_speaks_no_tls_is_known_by_its_first_byte() {
    let (_, server) = ordinary();
    for first in ["HTTP/1.1 400 Bad Request", " \u{2}\0\0", "SSH-2.0"] {
        let mut pair = Pair::new(&TlsConfig::new(), server.server(&BOTH, None));
        let error = pair.client.handle_input(first.as_bytes()).unwrap_err();
        assert_eq!(error.fault, TlsFault::NotTls, "{first}");
    }
}

#[test]
fn every_fault_says_what_it_is_what_to_do_and_whether_trying_again_helps() {
    let all = [
        TlsFault::Expired,
        TlsFault::NotYetValid,
        TlsFault::WrongName,
        TlsFault::NoName,
        TlsFault::UnknownIssuer,
        TlsFault::AuthorityAsServer,
        TlsFault::NotPinned,
        TlsFault::InvalidCertificate,
        TlsFault::NotTls,
        TlsFault::ClosedEarly,
        TlsFault::NothingInCommon,
        TlsFault::NoCommonProtocol,
        TlsFault::CertificateRequired,
        TlsFault::CertificateRefused,
        TlsFault::Broken,
        TlsFault::Local,
        TlsFault::NotSupported,
    ];
    let said: Vec<String> = all
        .iter()
        .map(|&fault| {
            let retries = if fault.is_permanent() {
                "stop"
            } else {
                "retry"
            };
            let error = NotConnected::Refused(Cause::Lost(LinkLost::Tls(fault)));
            format!("{retries}: {error}\n")
        })
        .collect();
    assert_eq!(said.concat(), include_str!("faults.txt"));
}
