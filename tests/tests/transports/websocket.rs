//! MQTT over WebSocket: the connector of the example, on every executor.

#[path = "../../examples/websocket_transport.rs"]
#[expect(dead_code, reason = "its `main` is run by another test")]
mod websocket_transport;

use std::time::Duration;

use tb_driver::NotConnected;
use tb_driver::proxy::Proxied;
use tb_proto::{Cause, LinkLost};

use crate::client::{config_for, does_not_connect, nothing_is_lost, on_smol, on_tokio, server};
use crate::proxy_server::{ProxyServer, Speaks};
use websocket_transport::{Gateway, WebSocket};

#[test]
fn nothing_is_lost_over_web_socket() {
    let server = server();
    let gateway = Gateway::start(server.address()).unwrap();
    let config = config_for(&format!("mqtt://{}", gateway.address()));
    let (client, _runtime) = on_tokio(config.clone(), WebSocket::over(tb_tokio::Tcp));
    nothing_is_lost(&client, &server);
    let client = on_smol(config, WebSocket::over(tb_async_std::Tcp));
    nothing_is_lost(&client, &server);
}

#[test]
fn web_socket_goes_on_top_of_a_proxy() {
    let server = server();
    let gateway = Gateway::start(server.address()).unwrap();
    let proxy = ProxyServer::start(Speaks::Http, false);
    let config = config_for(&format!("mqtt://{}", gateway.address()));
    let transport = WebSocket::over(Proxied::over(tb_async_std::Tcp, proxy.proxy()));
    nothing_is_lost(&on_smol(config, transport), &server);
    assert!(proxy.served() > 0);
}

#[test]
fn a_server_that_speaks_no_web_socket_is_told_and_tried_again() {
    // A proxy answers what is no CONNECT with the same refusal as any web server does.
    let proxy = ProxyServer::start(Speaks::Http, true);
    let config = config_for(&proxy.proxy().address().to_string());
    let client = on_smol(config, WebSocket::over(tb_async_std::Tcp));
    let last = Some(Cause::Lost(LinkLost::Unreachable));
    let error = does_not_connect(&client, Duration::from_millis(300));
    assert_eq!(error, NotConnected::TimedOut { last });
}
