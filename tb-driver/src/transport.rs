//! Transports of one's own: a page about the seam between a client and the network.
//!
//! A client needs a reliable, ordered stream of bytes in both directions; TCP is one of many. What opens
//! such streams is a *connector*, and there are two kinds:
//!
//! | | trait | gives |
//! |---|---|---|
//! | tasks | [`Connect`](crate::Connect) | a future of a stream of `futures-io` |
//! | threads | `tb_blocking::Connect` | a reading half, a writing half, and a way to stop both |
//!
//! `Driver::new(config, connector, …)` of the adapter makes a client of one. Nothing else changes: reconnecting,
//! back-off and every promise belong to the client, and a connector knows of none of them.
//!
//! # What there is
//!
//! - `Tcp` of each adapter, and `Unix` for sockets of the file system, where the system has them.
//! - [`Proxied::over`](crate::proxy::Proxied::over): through a SOCKS5 or HTTP proxy.
//! - `Tls::over` (`tb_driver::tls`, `tb_blocking::Tls`): TLS where the address asks for it, over any other. It asks
//!   the one below for `mqtt://`, so that a transport without TLS refuses `mqtts://` wherever it stands alone.
//! - [`Compat`](https://docs.rs/tb-tokio) of `tb-tokio`: any stream of tokio.
//!
//! Connectors go on top of each other. One that wraps another asks it for what *it* needs, a connection to a
//! proxy for instance, and hands on the rest; on threads `tb_blocking::Connection::then` is where it says what it
//! has to say to the peer. The examples `websocket_transport` and `websocket_transport_blocking` have one for WebSocket,
//! and `WebSocket::over(Tls::over(Proxied::over(Tcp, proxy)))` is a transport as well. Others stand on their own:
//! the example `quic_transport` carries MQTT on one stream of QUIC, which is never without TLS.
//!
//! # What a connector owes
//!
//! 1. **It tells why it failed**, by a [`ConnectError`](crate::ConnectError): the kind of failure decides when
//!    the client tries again, and whether `connect` waits for that at all.
//! 2. **It never falls back.** A target whose [scheme](tb_proto::Endpoint::scheme) asks for TLS is refused by
//!    a connector that has none ([`refuse_tls`](crate::refuse_tls)).
//! 3. **It may be dropped** at any moment, connecting or connected; that ends the connection. The client sets
//!    the deadline for connecting.
//! 4. **Its stream ends with the peer**: a read of 0 bytes says so, and a write of 0 bytes is an error.
//! 5. **Flushing sends.** Bytes may wait in the stream until it is flushed; it is flushed whenever the client
//!    has no more to write. Closing flushes and says goodbye as far as that does not block, and the stream is
//!    dropped right after it: what has to outlive it, as the last bytes of QUIC do, is the transport's concern.
//! 6. **It lives as long as MQTT is silent.** The client pings when nothing was written for
//!    [`keep_alive`](tb_proto::Config::keep_alive); a transport that ends idle connections earlier keeps them
//!    alive by itself.
//!
//! # Example
//!
//! A transport that counts the bytes it carries, over any other:
//!
//! ```
//! use core::future::Future;
//! use core::pin::Pin;
//! use core::task::{Context, Poll};
//! use std::io;
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicUsize, Ordering};
//!
//! use futures_io::{AsyncRead, AsyncWrite};
//! use tb_driver::{Connect, ConnectError};
//! use tb_proto::Endpoint;
//!
//! struct Counted<C> {
//!     inner: C,
//!     written: Arc<AtomicUsize>,
//! }
//!
//! struct Counting<S> {
//!     inner: S,
//!     written: Arc<AtomicUsize>,
//! }
//!
//! impl<C: Connect<Connecting: Send + 'static>> Connect for Counted<C> {
//!     type Stream = Counting<C::Stream>;
//!     type Connecting = Pin<Box<dyn Future<Output = Result<Self::Stream, ConnectError>> + Send>>;
//!
//!     fn connect(&mut self, target: &Endpoint) -> Self::Connecting {
//!         let (connecting, written) = (self.inner.connect(target), Arc::clone(&self.written));
//!         Box::pin(async move { Ok(Counting { inner: connecting.await?, written }) })
//!     }
//! }
//!
//! impl<S: AsyncRead + Unpin> AsyncRead for Counting<S> {
//!     fn poll_read(
//!         mut self: Pin<&mut Self>,
//!         cx: &mut Context<'_>,
//!         buf: &mut [u8],
//!     ) -> Poll<io::Result<usize>> {
//!         Pin::new(&mut self.inner).poll_read(cx, buf)
//!     }
//! }
//!
//! impl<S: AsyncWrite + Unpin> AsyncWrite for Counting<S> {
//!     fn poll_write(
//!         mut self: Pin<&mut Self>,
//!         cx: &mut Context<'_>,
//!         buf: &[u8],
//!     ) -> Poll<io::Result<usize>> {
//!         let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
//!         if let Poll::Ready(Ok(written)) = polled {
//!             self.written.fetch_add(written, Ordering::Relaxed);
//!         }
//!         polled
//!     }
//!
//!     fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
//!         Pin::new(&mut self.inner).poll_flush(cx)
//!     }
//!
//!     fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
//!         Pin::new(&mut self.inner).poll_close(cx)
//!     }
//! }
//! ```
//!
//! # Without a driver
//!
//! A loop of one's own over [`tb_proto::Client`] needs no connector at all: the page of that
//! crate tells its six steps, and the examples `embed_blocking_loop` and `embed_thousand_devices` take them.
//! Between the two stands
//! [`Engine`](crate::Engine): the tickets and streams of the shared [`Client`](crate::Client) over a loop of
//! one's own, as the threads of `tb-blocking` are.
