//! Transports that are not TCP to the server itself: what is promised holds over them too.

mod client;
mod proxies;
mod proxy_server;
mod quic;
mod udp_relay;
#[cfg(unix)]
mod unix;
mod websocket;
