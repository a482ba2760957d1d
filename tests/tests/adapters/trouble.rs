//! A transport that behaves as badly as the traits allow.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use tb_driver::ConnectError;
use tb_proto::Endpoint;

/// What a stream does to its user.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    /// Most bytes that one read gives.
    pub(crate) read: usize,
    /// Most bytes that one write takes.
    pub(crate) write: usize,
    /// Every other operation is not ready, or interrupted.
    pub(crate) hesitant: bool,
    /// Nothing leaves before it is flushed.
    pub(crate) buffered: bool,
    /// Once this is set the first connection takes no byte any more.
    pub(crate) jammed: Option<Arc<AtomicBool>>,
}

impl Default for Trouble {
    fn default() -> Self {
        Self {
            read: usize::MAX,
            write: usize::MAX,
            hesitant: false,
            buffered: false,
            jammed: None,
        }
    }
}

/// A transport with [`Trouble`], for both kinds of adapters.
pub(crate) struct Troubling<C> {
    inner: C,
    trouble: Trouble,
    connections: Arc<AtomicU32>,
}

impl<C> Troubling<C> {
    pub(crate) fn new(inner: C, trouble: Trouble) -> Self {
        Self {
            inner,
            trouble,
            connections: Arc::default(),
        }
    }

    fn next(&self) -> Trouble {
        let first = self.connections.fetch_add(1, Ordering::Relaxed) == 0;
        let mut trouble = self.trouble.clone();
        trouble.jammed = trouble.jammed.filter(|_| first);
        trouble
    }
}

/// Every other call of one direction has to be made once more.
struct Hesitation {
    hesitant: bool,
    hesitated: bool,
}

impl Hesitation {
    fn new(hesitant: bool) -> Self {
        Self {
            hesitant,
            hesitated: false,
        }
    }

    fn hesitates(&mut self) -> bool {
        self.hesitated = self.hesitant && !self.hesitated;
        self.hesitated
    }
}

/// One direction or both of a troubled connection.
pub(crate) struct Troubled<S> {
    inner: S,
    trouble: Trouble,
    reading: Hesitation,
    writing: Hesitation,
    unflushed: Vec<u8>,
}

impl<S> Troubled<S> {
    fn new(inner: S, trouble: Trouble) -> Self {
        Self {
            inner,
            reading: Hesitation::new(trouble.hesitant),
            writing: Hesitation::new(trouble.hesitant),
            trouble,
            unflushed: Vec::new(),
        }
    }

    fn is_jammed(&self) -> bool {
        let jammed = self.trouble.jammed.as_ref();
        jammed.is_some_and(|jammed| jammed.load(Ordering::Relaxed))
    }

    fn not_yet<T>(cx: &Context<'_>) -> Poll<T> {
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<C> tb_driver::Connect for Troubling<C>
where
    C: tb_driver::Connect<Stream: Send, Connecting: Send + 'static>,
{
    type Stream = Troubled<C::Stream>;
    type Connecting = Pin<Box<dyn Future<Output = Result<Self::Stream, ConnectError>> + Send>>;

    fn connect(&mut self, target: &Endpoint) -> Self::Connecting {
        let (trouble, connecting) = (self.next(), self.inner.connect(target));
        Box::pin(async move { Ok(Troubled::new(connecting.await?, trouble)) })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Troubled<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.reading.hesitates() {
            return Self::not_yet(cx);
        }
        let most = buf.len().min(self.trouble.read);
        Pin::new(&mut self.inner).poll_read(cx, &mut buf[..most])
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Troubled<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.writing.hesitates() {
            return Self::not_yet(cx);
        }
        if self.is_jammed() {
            return Poll::Ready(Ok(0));
        }
        let part = &bytes[..bytes.len().min(self.trouble.write)];
        if self.trouble.buffered {
            self.unflushed.extend_from_slice(part);
            return Poll::Ready(Ok(part.len()));
        }
        Pin::new(&mut self.inner).poll_write(cx, part)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.writing.hesitates() {
            return Self::not_yet(cx);
        }
        let this = &mut *self;
        while !this.unflushed.is_empty() {
            let written = ready!(Pin::new(&mut this.inner).poll_write(cx, &this.unflushed))?;
            this.unflushed.drain(..written);
        }
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

impl tb_blocking::Connect for Troubling<tb_blocking::Tcp> {
    fn connect(&mut self, target: &Endpoint) -> Result<tb_blocking::Connection, ConnectError> {
        let stream = std::net::TcpStream::connect((target.host(), target.port()))?;
        stream.set_nodelay(true)?;
        let trouble = self.next();
        Ok(tb_blocking::Connection::new(
            Troubled::new(stream.try_clone()?, trouble.clone()),
            Troubled::new(stream.try_clone()?, trouble),
            move || drop(stream.shutdown(Shutdown::Both)),
        ))
    }
}

impl Read for Troubled<std::net::TcpStream> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.reading.hesitates() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = buf.len().min(self.trouble.read);
        self.inner.read(&mut buf[..most])
    }
}

impl Write for Troubled<std::net::TcpStream> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.writing.hesitates() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.is_jammed() {
            return Ok(0);
        }
        let part = &bytes[..bytes.len().min(self.trouble.write)];
        if self.trouble.buffered {
            self.unflushed.extend_from_slice(part);
            return Ok(part.len());
        }
        self.inner.write(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.writing.hesitates() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.inner.write_all(&std::mem::take(&mut self.unflushed))?;
        self.inner.flush()
    }
}
