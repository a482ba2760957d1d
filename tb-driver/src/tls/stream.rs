//! TLS over an asynchronous stream.

use alloc::vec::Vec;
use core::cell::Cell;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use futures_io::{AsyncRead, AsyncWrite};

use super::{TlsError, TlsSession};

/// A record holds at most this much (RFC 8446, 5.1); so much is encrypted and read at a time.
const RECORD: usize = 16 * 1024;

thread_local! {
    /// The streams of a thread read one after the other: one buffer serves all of them, and a
    /// connection that is idle holds none.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// TLS over `S`.
///
/// A write may keep up to one record that has not gone out yet; flushing sends it, and so does every
/// later call. Closing says goodbye to the peer (`close_notify`). A connection that is cut without
/// a goodbye ends as if it had been closed: MQTT frames its packets itself.
#[derive(Debug)]
pub struct TlsStream<S> {
    session: TlsSession,
    stream: S,
    closing: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    pub(super) const fn new(session: TlsSession, stream: S) -> Self {
        Self {
            session,
            stream,
            closing: false,
        }
    }

    /// What is known about TLS.
    pub const fn session(&self) -> &TlsSession {
        &self.session
    }

    /// Sets TLS up.
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_send(cx))?;
            if !self.session.is_handshaking() {
                return Pin::new(&mut self.stream).poll_flush(cx);
            }
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            ready!(self.poll_receive(cx))?;
        }
    }

    /// Sends what there is to send, as far as that goes without waiting.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.session.output().is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, self.session.output()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.session.sent(sent),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once from the peer; `false`: nothing more comes.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
        buffer.resize(RECORD, 0);
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
        let taken = match read {
            Poll::Ready(Ok(0)) => Poll::Ready(self.session.handle_end().map(|()| false)),
            Poll::Ready(Ok(read)) => {
                // A stream that claims more than fits is broken.
                let data = buffer.get(..read).unwrap_or_default();
                Poll::Ready(self.session.handle_input(data).map(|()| true))
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        };
        // While a thread ends there is no place for it any more.
        let _ = BUFFER.try_with(|place| place.set(buffer));
        taken.map(|taken| taken.map_err(|error| self.fail(error, cx)))
    }

    /// Tells the peer what is wrong, if that goes without waiting.
    fn fail(&mut self, error: TlsError, cx: &mut Context<'_>) -> io::Error {
        if matches!(self.poll_send(cx), Poll::Ready(Ok(()))) {
            let _ = Pin::new(&mut self.stream).poll_close(cx);
        }
        error.into()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let read = self.session.read(buf);
            if read > 0 || buf.is_empty() || self.session.is_closed() {
                return Poll::Ready(Ok(read));
            }
            let more = ready!(self.poll_receive(cx))?;
            // Answers of TLS itself go out at once if they can, or with the next write.
            if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
            if !more {
                return Poll::Ready(Ok(0));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        let record = buf.get(..RECORD).unwrap_or(buf);
        let written = self.session.write(record);
        match self.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What waits goes out before the next record is taken.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(written)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closing {
            self.closing = true;
            self.session.close();
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// A connection of [`Tls`](super::Tls): plain or encrypted, as the address asked.
#[derive(Debug)]
pub enum MaybeTls<S> {
    /// `mqtt://`
    Plain(S),
    /// `mqtts://`
    Tls(Box<TlsStream<S>>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for MaybeTls<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MaybeTls<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_close(cx),
            Self::Tls(stream) => Pin::new(stream).poll_close(cx),
        }
    }
}
