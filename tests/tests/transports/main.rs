//! Transports that are not TCP to the server itself: what is promised holds over them too.

mod client;
mod proxies;
mod proxy_server;
mod quic;
#[cfg(target_os = "linux")]
mod silence;
mod udp_relay;
#[cfg(unix)]
mod unix;
mod websocket;
