//! The session alone: bytes in, bytes out.

use tb_driver::tls::{Pem, TlsConfig, TlsVersion};
use tb_proto::TlsFault;

use crate::peer::{BOTH, Pair, ordinary};

const VERSIONS: [&rustls::SupportedProtocolVersion; 2] = BOTH;

fn established(version: &'static rustls::SupportedProtocolVersion, piece: usize) -> Pair {
    let (authority, server) = ordinary();
    let config = TlsConfig::new().ca(Pem::text(authority.pem()));
    let mut pair = Pair::new(&config, server.server(&[version], None));
    pair.exchange(piece).unwrap();
    assert!(!pair.client.is_handshaking());
    pair
}

#[test]
fn bytes_go_through_in_both_directions_in_every_version() {
    for version in VERSIONS {
        let mut pair = established(version, usize::MAX);
        assert_eq!(pair.client.write(b"hello"), 5);
        pair.server_says(b"welcome");
        pair.exchange(usize::MAX).unwrap();
        assert_eq!(pair.server_hears(), b"hello");
        assert_eq!(pair.client_hears(), b"welcome");
        assert_eq!(
            pair.server.protocol_version(),
            Some(version.version),
            "what the server allows is what is spoken"
        );
    }
}

#[test]
fn a_handshake_and_a_record_cut_into_single_bytes_are_understood() {
    for version in VERSIONS {
        let mut pair = established(version, 1);
        pair.server_says(b"one byte at a time");
        pair.exchange(1).unwrap();
        assert_eq!(pair.client_hears(), b"one byte at a time");
    }
}

#[test]
fn a_record_cut_at_any_byte_is_understood_when_the_rest_comes() {
    let mut pair = established(VERSIONS[0], usize::MAX);
    pair.server_says(b"0123456789");
    let len = pair.sent_by_server().len();
    for cut in 0..len {
        let mut pair = established(VERSIONS[0], usize::MAX);
        pair.server_says(b"0123456789");
        let record = pair.sent_by_server();
        pair.client.handle_input(&record[..cut]).unwrap();
        assert_eq!(pair.client.read(&mut [0; 16]), 0, "cut at {cut}");
        pair.client.handle_input(&record[cut..]).unwrap();
        assert_eq!(pair.client_hears(), b"0123456789", "cut at {cut}");
    }
}

#[test]
fn many_records_at_once_are_read_in_pieces_of_any_size() {
    let mut pair = established(VERSIONS[0], usize::MAX);
    let text: Vec<u8> = (0..60_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    pair.server_says(&text);
    pair.exchange(usize::MAX).unwrap();
    let mut heard = Vec::new();
    let mut piece = [0; 777];
    loop {
        match pair.client.read(&mut piece) {
            0 => break,
            read => heard.extend_from_slice(&piece[..read]),
        }
    }
    assert_eq!(heard, text);
}

#[test]
fn nothing_is_taken_before_the_server_is_known() {
    let (authority, server) = ordinary();
    let config = TlsConfig::new().ca(Pem::text(authority.pem()));
    let mut pair = Pair::new(&config, server.server(&VERSIONS, None));
    assert_eq!(pair.client.write(b"the access token"), 0);
    pair.exchange(usize::MAX).unwrap();
    assert_eq!(pair.server_hears(), b"");
}

#[test]
fn a_goodbye_and_a_cut_are_told_apart() {
    let mut pair = established(VERSIONS[0], usize::MAX);
    pair.server_says(b"last words");
    pair.server.send_close_notify();
    pair.exchange(usize::MAX).unwrap();
    assert_eq!(pair.client_hears(), b"last words");
    assert!(pair.client.is_closed());
    assert_eq!(pair.client.handle_end(), Ok(()));
    assert!(!pair.client.is_truncated());

    let mut pair = established(VERSIONS[0], usize::MAX);
    assert_eq!(pair.client.handle_end(), Ok(()));
    assert!(pair.client.is_truncated());
}

#[test]
fn a_goodbye_of_this_side_reaches_the_server() {
    let mut pair = established(VERSIONS[0], usize::MAX);
    pair.client.write(b"last words");
    pair.client.close();
    let output = pair.client.take_output();
    let mut input = output.as_slice();
    pair.server.read_tls(&mut input).unwrap();
    assert!(pair.server.process_new_packets().unwrap().peer_has_closed());
    assert_eq!(pair.server_hears(), b"last words");
}

#[test]
fn a_handshake_cut_anywhere_is_an_early_close() {
    let (authority, server) = ordinary();
    let config = TlsConfig::new().ca(Pem::text(authority.pem()));
    for cut in [0, 1, 5, 100] {
        let mut pair = Pair::new(&config, server.server(&VERSIONS, None));
        let hello = pair.client.take_output();
        pair.server.read_tls(&mut hello.as_slice()).unwrap();
        pair.server.process_new_packets().unwrap();
        let answer = pair.sent_by_server();
        pair.client.handle_input(&answer[..cut]).unwrap();
        let error = pair.client.handle_end().unwrap_err();
        assert_eq!(error.fault, TlsFault::ClosedEarly);
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_record_ends_the_session_for_good() {
    let mut pair = established(VERSIONS[0], usize::MAX);
    pair.server_says(b"0123456789");
    let len = pair.sent_by_server().len();
    for at in 5..len {
        let mut pair = established(VERSIONS[0], usize::MAX);
        pair.server_says(b"0123456789");
        let mut record = pair.sent_by_server();
        record[at] ^= 1;
        let error = pair.client.handle_input(&record).unwrap_err();
        assert_eq!(error.fault, TlsFault::Broken);
        assert_eq!(pair.client_hears(), b"");
        assert_eq!(pair.client.handle_input(b"more"), Err(error));
    }
}

#[test]
fn a_new_key_in_the_middle_changes_nothing() {
    let mut pair = established(VERSIONS[0], usize::MAX);
    pair.server.refresh_traffic_keys().unwrap();
    pair.server_says(b"under the new key");
    pair.exchange(usize::MAX).unwrap();
    assert_eq!(pair.client_hears(), b"under the new key");
    pair.client.write(b"answer");
    pair.exchange(usize::MAX).unwrap();
    assert_eq!(pair.server_hears(), b"answer");
}

#[test]
fn a_minimum_of_tls_1_3_is_kept() {
    let (authority, server) = ordinary();
    let config = TlsConfig::new()
        .ca(Pem::text(authority.pem()))
        .minimum_version(TlsVersion::Tls1_3);
    let mut pair = Pair::new(&config, server.server(&[&rustls::version::TLS12], None));
    let error = pair.exchange(usize::MAX).unwrap_err();
    assert_eq!(error.fault, TlsFault::NothingInCommon);
}

#[test]
fn the_server_chooses_among_the_protocols_offered() {
    let (authority, server) = ordinary();
    let mut chooses = (*server.server(&VERSIONS, None)).clone();
    chooses.alpn_protocols = vec![b"mqtt".to_vec()];
    let config = TlsConfig::new().ca(Pem::text(authority.pem()));
    let mut pair = Pair::new(&config.clone().alpn(["x", "mqtt"]), chooses.clone().into());
    pair.exchange(usize::MAX).unwrap();
    assert_eq!(pair.client.alpn(), Some(&b"mqtt"[..]));

    let mut pair = Pair::new(&config.alpn(["http/1.1"]), chooses.into());
    let error = pair.exchange(usize::MAX).unwrap_err();
    assert_eq!(error.fault, TlsFault::NoCommonProtocol);
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    let (authority, server) = ordinary();
    let server = server.server(&[&rustls::version::TLS13], None);
    let config = TlsConfig::new().ca(Pem::text(authority.pem()));
    let kinds = [(); 2].map(|()| {
        let mut pair = Pair::new(&config, server.clone());
        pair.exchange(usize::MAX).unwrap();
        pair.server.handshake_kind().unwrap()
    });
    assert_eq!(
        kinds,
        [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed]
    );
}
