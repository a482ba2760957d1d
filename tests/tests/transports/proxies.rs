//! Proxies between the client and its server.

use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use tb_driver::proxy::{Proxied, Proxy};
use tb_driver::{Client, NotConnected};
use tb_proto::{Cause, Config, LinkLost, TlsFault};

use crate::client::{
    PATIENCE, config, config_for, does_not_connect, nothing_is_lost, on_smol, on_threads, on_tokio,
    server,
};
use crate::proxy_server::{LOGIN, ProxyServer, Speaks};

const BOTH: [Speaks; 2] = [Speaks::Socks5, Speaks::Http];

/// Runs a test over each adapter.
pub(crate) fn everywhere(config: &Config, proxy: &Proxy, test: impl Fn(&Client)) {
    let (client, _runtime) = on_tokio(config.clone(), Proxied::over(tb_tokio::Tcp, proxy.clone()));
    test(&client);
    test(&on_smol(
        config.clone(),
        Proxied::over(tb_async_std::Tcp, proxy.clone()),
    ));
    test(&on_threads(
        config.clone(),
        Proxied::over(tb_blocking::Tcp, proxy.clone()),
    ));
}

#[test]
fn nothing_is_lost_through_a_proxy() {
    for speaks in BOTH {
        let (server, proxy) = (server(), ProxyServer::start(speaks, false));
        everywhere(&config(&server), &proxy.proxy(), |client| {
            let before = proxy.served();
            nothing_is_lost(client, &server);
            let connects = usize::try_from(client.stats().connects).unwrap();
            assert!(
                before + connects <= proxy.served(),
                "all of it went through"
            );
        });
    }
}

#[test]
fn the_proxy_is_told_who_we_are() {
    for speaks in BOTH {
        let (server, proxy) = (server(), ProxyServer::start(speaks, true));
        let login = proxy.proxy().login(LOGIN.0, LOGIN.1).unwrap();
        everywhere(&config(&server), &login, |client| {
            nothing_is_lost(client, &server);
        });
    }
}

#[test]
fn a_name_is_resolved_by_the_proxy() {
    let (server, proxy) = (server(), ProxyServer::start(Speaks::Socks5, false));
    let url = format!("mqtt://localhost:{}", server.address().port());
    everywhere(&config_for(&url), &proxy.proxy(), |client| {
        nothing_is_lost(client, &server);
    });
}

#[test]
fn a_login_that_is_wrong_or_missing_ends_connecting_at_once() {
    let refused = NotConnected::Refused(Cause::Lost(LinkLost::Proxy));
    for speaks in BOTH {
        let (server, proxy) = (server(), ProxyServer::start(speaks, true));
        let wrong = proxy.proxy().login(LOGIN.0, "wrong").unwrap();
        for login in [proxy.proxy(), wrong] {
            everywhere(&config(&server), &login, |client| {
                let error = does_not_connect(client, PATIENCE);
                assert_eq!(error, refused, "{speaks:?}");
            });
        }
        assert_eq!(proxy.served(), 0);
    }
}

#[test]
fn a_server_that_the_proxy_cannot_reach_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    drop(listener);
    for (speaks, why) in [
        (Speaks::Socks5, LinkLost::ConnectionRefused),
        (Speaks::Http, LinkLost::Unreachable),
    ] {
        let proxy = ProxyServer::start(speaks, false);
        everywhere(&config_for(&url), &proxy.proxy(), |client| {
            let last = Some(Cause::Lost(why));
            let error = does_not_connect(client, Duration::from_millis(300));
            assert_eq!(error, NotConnected::TimedOut { last });
        });
    }
}

#[test]
fn a_server_that_is_no_proxy_ends_connecting_at_once() {
    let server = server();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // Each client is gone again before or after it has read that.
            drop(stream.unwrap().write_all(b"SSH-2.0-OpenSSH_9.2\r\n"));
        }
    });
    let refused = NotConnected::Refused(Cause::Lost(LinkLost::Proxy));
    for scheme in ["socks5", "http"] {
        let proxy = format!("{scheme}://{address}").parse().unwrap();
        everywhere(&config(&server), &proxy, |client| {
            assert_eq!(does_not_connect(client, PATIENCE), refused);
        });
    }
}

#[test]
fn a_proxy_alone_never_stands_in_for_tls() {
    let refused = NotConnected::Refused(Cause::Lost(LinkLost::Tls(TlsFault::NotSupported)));
    for speaks in BOTH {
        let proxy = ProxyServer::start(speaks, false);
        everywhere(&config_for("mqtts://localhost"), &proxy.proxy(), |client| {
            assert_eq!(does_not_connect(client, PATIENCE), refused);
        });
        assert_eq!(proxy.served(), 0);
    }
}
