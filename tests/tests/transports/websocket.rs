//! MQTT over WebSocket: the connectors of the examples, on every executor and on threads.

#[path = "../../examples/websocket_transport.rs"]
#[expect(dead_code, reason = "its `main` is run by another test")]
mod websocket_transport;

#[path = "../../examples/websocket_transport_blocking.rs"]
#[expect(dead_code, reason = "its `main` is run by another test")]
mod websocket_transport_blocking;

use std::time::Duration;

use tb_driver::NotConnected;
use tb_driver::proxy::Proxied;
use tb_proto::{Cause, LinkLost};

use crate::client::{
    config_for, does_not_connect, nothing_is_lost, on_smol, on_threads, on_tokio, server,
};
use crate::proxy_server::{ProxyServer, Speaks};
use websocket_transport::{Gateway, WebSocket};
use websocket_transport_blocking::WebSocket as OnThreads;

#[test]
fn nothing_is_lost_over_web_socket() {
    let server = server();
    let gateway = Gateway::start(server.address()).unwrap();
    let config = config_for(&format!("mqtt://{}", gateway.address()));
    let (client, _runtime) = on_tokio(config.clone(), WebSocket::over(tb_tokio::Tcp));
    nothing_is_lost(&client, &server);
    let client = on_smol(config.clone(), WebSocket::over(tb_async_std::Tcp));
    nothing_is_lost(&client, &server);
    let client = on_threads(config, OnThreads::over(tb_blocking::Tcp));
    nothing_is_lost(&client, &server);
}

#[test]
fn web_socket_goes_on_top_of_a_proxy() {
    let server = server();
    let gateway = Gateway::start(server.address()).unwrap();
    let proxy = ProxyServer::start(Speaks::Http, false);
    let config = config_for(&format!("mqtt://{}", gateway.address()));
    let transport = WebSocket::over(Proxied::over(tb_async_std::Tcp, proxy.proxy()));
    nothing_is_lost(&on_smol(config.clone(), transport), &server);
    let served = proxy.served();
    assert!(served > 0);
    let transport = OnThreads::over(Proxied::over(tb_blocking::Tcp, proxy.proxy()));
    nothing_is_lost(&on_threads(config, transport), &server);
    assert!(proxy.served() > served);
}

#[test]
fn a_server_that_speaks_no_web_socket_is_told_and_tried_again() {
    // A proxy answers what is no CONNECT with the same refusal as any web server does.
    let proxy = ProxyServer::start(Speaks::Http, true);
    let config = config_for(&proxy.proxy().address().to_string());
    let last = Some(Cause::Lost(LinkLost::Unreachable));
    for client in [
        on_smol(config.clone(), WebSocket::over(tb_async_std::Tcp)),
        on_threads(config, OnThreads::over(tb_blocking::Tcp)),
    ] {
        let error = does_not_connect(&client, Duration::from_millis(300));
        assert_eq!(error, NotConnected::TimedOut { last });
    }
}
