//! Ways to mosquitto that others provide: tinyproxy, microsocks, and its own WebSocket listener.

#[expect(dead_code, reason = "other tests use the rest of it")]
mod broker;
mod proxies;
#[path = "../examples/websocket_transport.rs"]
#[expect(dead_code, reason = "its `main` is run by another test")]
mod websocket_transport;
#[path = "../examples/websocket_transport_blocking.rs"]
#[expect(dead_code, reason = "its `main` is run by another test")]
mod websocket_transport_blocking;

use core::time::Duration;

use serde_json::json;
use tb_driver::proxy::{Proxied, Proxy};
use tb_driver::tls::{Pem, Tls, TlsConfig};
use tb_driver::{Client, NotConnected};
use tb_proto::{Cause, Config, Credentials, Delivered, LinkLost, ProtocolVersion, TlsFault};
use tb_tests::certificates::{Authority, Validity};

use broker::Mosquitto;
use proxies::{LOGIN, microsocks, tinyproxy};
use websocket_transport::WebSocket;
use websocket_transport_blocking::WebSocket as OnThreads;

const PATIENCE: Duration = Duration::from_secs(30);
const MESSAGES: u32 = 500;

fn config(address: core::net::SocketAddr) -> Config {
    let endpoint = format!("mqtt://{address}").parse().unwrap();
    Config::new(endpoint, Credentials::token("ANY"))
}

/// On tokio, on smol and on threads.
fn everywhere(config: &Config, proxy: &Proxy, test: impl Fn(&Client)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let transport = Proxied::over(tb_tokio::Tcp, proxy.clone());
    let timer = tb_tokio::TokioTimer::new();
    let (client, driver) = tb_driver::Driver::new(config.clone(), transport, timer).unwrap();
    runtime.spawn(driver);
    test(&client);

    let transport = Proxied::over(tb_async_std::Tcp, proxy.clone());
    test(&on_smol(config, transport));

    let transport = Proxied::over(tb_blocking::Tcp, proxy.clone());
    test(&on_threads(config, transport));
}

fn on_smol<C>(config: &Config, transport: C) -> Client
where
    C: tb_driver::Connect<Stream: Send, Connecting: Send> + Send + Unpin + 'static,
{
    let timer = tb_async_std::AsyncIoTimer::new();
    let (client, driver) = tb_driver::Driver::new(config.clone(), transport, timer).unwrap();
    smol::spawn(driver).detach();
    client
}

fn on_threads(config: &Config, transport: impl tb_blocking::Connect) -> Client {
    let (client, driver) = tb_blocking::Driver::new(config.clone(), transport).unwrap();
    driver.start().unwrap();
    client
}

fn everything_is_acknowledged(client: &Client) {
    let acknowledged = Delivered::Acknowledged {
        version: ProtocolVersion::V5,
    };
    let tickets: Vec<_> = (0..MESSAGES)
        .map(|number| client.send_telemetry(&json!({ "number": number })).unwrap())
        .collect();
    for ticket in tickets {
        assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), acknowledged);
    }
    client.disconnect(PATIENCE).wait_timeout(PATIENCE).unwrap();
}

fn is_refused(client: &Client) {
    let refused = NotConnected::Refused(Cause::Lost(LinkLost::Proxy));
    assert_eq!(client.connected_wait(PATIENCE), Err(refused));
}

#[test]
fn everything_goes_through_tinyproxy() {
    let broker = Mosquitto::start().unwrap();
    let running = tinyproxy(None, broker.address().port()).unwrap();
    let proxy = format!("http://{}", running.address()).parse().unwrap();
    everywhere(
        &config(broker.address()),
        &proxy,
        everything_is_acknowledged,
    );
}

#[test]
fn tinyproxy_is_told_who_we_are() {
    let broker = Mosquitto::start().unwrap();
    let running = tinyproxy(Some(LOGIN), broker.address().port()).unwrap();
    let proxy: Proxy = format!("http://{}", running.address()).parse().unwrap();
    everywhere(&config(broker.address()), &proxy, is_refused);
    let login = proxy.login(LOGIN.0, LOGIN.1).unwrap();
    everywhere(
        &config(broker.address()),
        &login,
        everything_is_acknowledged,
    );
}

#[test]
fn tinyproxy_forbids_ports_that_it_was_not_told() {
    let broker = Mosquitto::start().unwrap();
    let running = tinyproxy(None, 443).unwrap();
    let proxy = format!("http://{}", running.address()).parse().unwrap();
    everywhere(&config(broker.address()), &proxy, is_refused);
}

#[test]
fn everything_goes_through_microsocks() {
    let broker = Mosquitto::start().unwrap();
    let running = microsocks(None).unwrap();
    let proxy = format!("socks5://{}", running.address()).parse().unwrap();
    everywhere(
        &config(broker.address()),
        &proxy,
        everything_is_acknowledged,
    );
}

#[test]
fn microsocks_is_told_who_we_are() {
    let broker = Mosquitto::start().unwrap();
    let running = microsocks(Some(LOGIN)).unwrap();
    let proxy: Proxy = format!("socks5://{}", running.address()).parse().unwrap();
    everywhere(&config(broker.address()), &proxy, is_refused);
    let login = proxy.login(LOGIN.0, LOGIN.1).unwrap();
    everywhere(
        &config(broker.address()),
        &login,
        everything_is_acknowledged,
    );
}

#[test]
fn everything_goes_through_the_web_socket_of_mosquitto() {
    let broker = Mosquitto::start_with_web_socket().unwrap();
    let client = on_smol(
        &config(broker.address()),
        WebSocket::over(tb_async_std::Tcp),
    );
    everything_is_acknowledged(&client);
    let client = on_threads(&config(broker.address()), OnThreads::over(tb_blocking::Tcp));
    everything_is_acknowledged(&client);
}

#[test]
fn everything_goes_through_the_web_socket_of_mosquitto_over_tls() {
    let authority = Authority::new("an authority of the test");
    let certificate = authority.issue(&["localhost"], Validity::Now);
    let broker = Mosquitto::start_with_web_socket_over_tls(&certificate).unwrap();
    let url = format!("mqtts://localhost:{}", broker.address().port());
    let config = Config::new(url.parse().unwrap(), Credentials::token("ANY"));

    let tls = TlsConfig::new().ca(Pem::text(authority.pem()));
    let transport = Tls::over(tb_async_std::Tcp).config(tls);
    everything_is_acknowledged(&on_smol(&config, WebSocket::over(transport)));
    let tls = TlsConfig::new().ca(Pem::text(authority.pem()));
    let transport = Tls::over(tb_blocking::Tcp).config(tls);
    everything_is_acknowledged(&on_threads(&config, OnThreads::over(transport)));

    // Nobody is trusted who was not named.
    let stranger = WebSocket::over(Tls::over(tb_async_std::Tcp));
    let error = on_smol(&config, stranger).connected_wait(PATIENCE);
    let unknown = Cause::Lost(LinkLost::Tls(TlsFault::UnknownIssuer));
    assert_eq!(error, Err(NotConnected::Refused(unknown)));
}
