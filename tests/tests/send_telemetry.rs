//! What the example `send_telemetry` stores, and what it says about each way to fail: one line that names what
//! to change.

#[allow(
    dead_code,
    reason = "the example is run here without its main function"
)]
#[path = "../examples/send_telemetry.rs"]
mod example;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Setup, Stored, TypedValue};

fn send(url: &str, token: &str) -> Result<(), tb_tokio::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(example::send(url, token, Duration::from_secs(2)))
}

/// What the example prints on standard error.
fn failure(url: &str, token: &str) -> String {
    let sent = send(url, token);
    sent.expect_err("the example must fail").to_string()
}

/// A peer that treats every connection like this.
fn peer(treat: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        // Kept open: a peer that only keeps silent must not hang up.
        let mut held = Vec::new();
        for stream in listener.incoming().flatten() {
            held.push(stream.try_clone());
            treat(stream);
        }
    });
    url
}

#[test]
fn a_server_that_takes_the_reading_has_it() {
    let server = SimulatorServer::start(Setup::one_device("A1_TEST_TOKEN")).unwrap();
    send(&format!("mqtt://{}", server.address()), "A1_TEST_TOKEN").unwrap();
    let stored = server.stored();
    assert!(
        matches!(
            &stored[..],
            [Stored::Telemetry { key, value: TypedValue::Double(21.5), .. }] if key == "temperature"
        ),
        "{stored:?}"
    );
}

#[test]
fn a_port_where_nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(
        failure(&url, "A1_TEST_TOKEN"),
        "nobody listens at that address and port: check host and port, and whether the server is running"
    );
}

#[test]
fn a_token_that_the_server_does_not_know() {
    let server = SimulatorServer::start(Setup::one_device("A1_TEST_TOKEN")).unwrap();
    assert_eq!(
        failure(&format!("mqtt://{}", server.address()), "wrong"),
        "the server does not accept these credentials: \
         copy the access token from the device's page, and check that the device exists there"
    );
}

#[test]
fn a_server_that_never_answers_connect() {
    let url = peer(drop);
    assert_eq!(
        failure(&url, "A1_TEST_TOKEN"),
        "the server did not answer CONNECT in time: \
         check whether this is the MQTT port of the server and not its TLS port"
    );
}

#[test]
fn a_port_that_speaks_tls() {
    // What a TLS server does with CONNECT: a fatal alert (unexpected_message), then it hangs up.
    let url = peer(|mut stream| {
        let _ = stream.read(&mut [0; 256]);
        let _ = stream.write_all(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x0A]);
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let text = failure(&url, "A1_TEST_TOKEN");
    assert!(
        text.ends_with(
            "check whether this is the MQTT port (1883) of the server and neither TLS nor HTTP"
        ),
        "{text}"
    );
}

#[test]
fn a_port_that_does_not_speak_tls() {
    // What a broker that reads TLS's ClientHello as MQTT may answer: DISCONNECT, malformed packet.
    let url = peer(|mut stream| {
        let _ = stream.read(&mut [0; 256]);
        let _ = stream.write_all(&[0xE0, 0x01, 0x81]);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        // Until the client has gone: data that nobody read would turn the end into a reset.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    assert_eq!(
        failure(&url.replace("mqtt://", "mqtts://"), "A1_TEST_TOKEN"),
        "the server does not speak TLS at this port: \
         write mqtt:// for plain MQTT, or use the TLS port (8883)"
    );
}

#[test]
fn an_address_or_token_that_cannot_work() {
    assert_eq!(
        failure("localhost:1883", "t"),
        "write the address as mqtt://host:port"
    );
    assert_eq!(
        failure("http://localhost", "t"),
        "unknown scheme \"http\": use mqtt:// (TCP) or mqtts:// (TLS)"
    );
    assert_eq!(
        failure("mqtt://localhost", ""),
        "the access token is empty: copy it from the device's page"
    );
}

#[test]
fn a_server_that_takes_the_message_and_says_nothing() {
    // CONNACK of MQTT 5, and then silence.
    let url = peer(|mut stream| {
        let _ = stream.read(&mut [0; 256]);
        let _ = stream.write_all(&[0x20, 0x03, 0x00, 0x00, 0x00]);
    });
    assert_eq!(
        failure(&url, "A1_TEST_TOKEN"),
        "not over in time: wait longer, or look at the state of the connection; it goes on meanwhile"
    );
}
