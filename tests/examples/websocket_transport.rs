//! A transport of one's own: MQTT over WebSocket, on top of any other transport.
//!
//! ThingsBoard speaks plain MQTT; in front of it here stands a gateway that takes WebSocket, as those of web
//! infrastructures do. Everything of this example but [`WebSocket`] is that gateway.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll, ready};

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::client::IntoClientRequest;
use async_tungstenite::tungstenite::handshake::server::{Request, Response};
use async_tungstenite::tungstenite::http::HeaderValue;
use async_tungstenite::tungstenite::protocol::WebSocketConfig;
use async_tungstenite::tungstenite::{Error, Message};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::{Sink, Stream};
use serde_json::json;
use smol::Async;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use tb_async_std::{AsyncIoTimer, Config, Connect, ConnectError, Credentials, Tcp};
use tb_proto::{Endpoint, LinkLost};
use tb_tests::example::{self, PATIENCE};
use tb_tests::sim::Setup;
use tb_tests::sim::server::SimulatorServer;

/// The name under which MQTT travels in WebSocket [MQTT-6.0.0-3].
pub(crate) const SUBPROTOCOL: &str = "mqtt";

/// Larger messages of WebSocket end the connection; a packet of MQTT may travel in any number of them.
const LARGEST_MESSAGE: usize = 2 * 1024 * 1024;

/// Connects by WebSocket over the transport below: `WebSocket::over(Tcp)`.
#[derive(Clone, Debug)]
pub(crate) struct WebSocket<C> {
    inner: C,
}

impl<C> WebSocket<C> {
    pub(crate) const fn over(inner: C) -> Self {
        Self { inner }
    }
}

impl<C> Connect for WebSocket<C>
where
    C: Connect<Stream: Send, Connecting: Send + 'static>,
{
    type Stream = Messages<C::Stream>;
    type Connecting = Pin<Box<dyn Future<Output = Result<Self::Stream, ConnectError>> + Send>>;

    fn connect(&mut self, target: &Endpoint) -> Self::Connecting {
        // mqtt://host:port becomes ws://host:port/mqtt, and mqtts becomes wss.
        let url = format!("{}/mqtt", target.to_string().replacen("mqtt", "ws", 1));
        let connecting = self.inner.connect(target);
        Box::pin(async move {
            let stream = connecting.await?;
            let mut request = url.into_client_request().map_err(refused)?;
            let headers = request.headers_mut();
            headers.insert(
                "Sec-WebSocket-Protocol",
                HeaderValue::from_static(SUBPROTOCOL),
            );
            let upgrade =
                async_tungstenite::client_async_with_config(request, stream, Some(limits()));
            let (socket, _) = upgrade.await.map_err(refused)?;
            Ok(Messages::new(socket))
        })
    }
}

pub(crate) fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE))
}

/// The server does not want to speak WebSocket with us.
pub(crate) fn refused(error: Error) -> ConnectError {
    match error {
        Error::Io(error) => error.into(),
        error => ConnectError::new(LinkLost::Unreachable, error.to_string()),
    }
}

/// The messages of a WebSocket as a stream of bytes: where one ends and the next begins means nothing to MQTT.
pub(crate) struct Messages<S> {
    socket: WebSocketStream<S>,
    /// What is left to read of the last message.
    unread: bytes::Bytes,
}

impl<S> Messages<S> {
    const fn new(socket: WebSocketStream<S>) -> Self {
        Self {
            socket,
            unread: bytes::Bytes::new(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Messages<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                // They are answered as they come.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed)) | None => {
                    return Poll::Ready(Ok(0));
                }
                // MQTT travels in binary messages alone [MQTT-6.0.0-1].
                Some(Ok(_)) => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                Some(Err(error)) => return Poll::Ready(Err(failed(error))),
            }
        }
        let count = buf.len().min(self.unread.len());
        buf[..count].copy_from_slice(&self.unread.split_to(count));
        Poll::Ready(Ok(count))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Messages<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(failed)?;
        let message = Message::binary(bytes::Bytes::copy_from_slice(buf));
        Pin::new(&mut self.socket)
            .start_send(message)
            .map_err(failed)?;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(failed)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx).map_err(failed)
    }
}

pub(crate) fn failed(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::UnexpectedEof.into(),
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

/// A gateway from WebSocket to a server that speaks plain MQTT. Dropping it ends its connections.
pub(crate) struct Gateway {
    address: SocketAddr,
    _accepting: smol::Task<()>,
}

impl Gateway {
    pub(crate) fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0))?;
        let address = listener.get_ref().local_addr()?;
        let accepting = smol::spawn(async move {
            let connections = smol::Executor::new();
            let accept = async {
                while let Ok((client, _)) = listener.accept().await {
                    // A client that leaves is no failure of the gateway.
                    connections
                        .spawn(async move { drop(relay(client, server).await) })
                        .detach();
                }
            };
            connections.run(accept).await;
        });
        Ok(Self {
            address,
            _accepting: accepting,
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

#[expect(
    clippy::result_large_err,
    reason = "the type is that of the crate's callback"
)]
fn choose(
    request: &Request,
    mut response: Response,
) -> Result<Response, async_tungstenite::tungstenite::handshake::server::ErrorResponse> {
    if request
        .headers()
        .get("Sec-WebSocket-Protocol")
        .is_some_and(|asked| asked == SUBPROTOCOL)
    {
        let chosen = HeaderValue::from_static(SUBPROTOCOL);
        response
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", chosen);
    }
    Ok(response)
}

async fn relay(client: Async<TcpStream>, server: SocketAddr) -> Result<(), Error> {
    let socket = async_tungstenite::accept_hdr_async(client, choose).await?;
    let server = Async::<TcpStream>::connect(server).await?;
    let (mut to_client, mut from_client) = socket.split();
    let up = async {
        while let Some(message) = poll_fn(|cx| Pin::new(&mut from_client).poll_next(cx)).await {
            if let Message::Binary(bytes) = message? {
                (&server).write_all(&bytes).await?;
            }
        }
        Ok(())
    };
    let down = async {
        let mut buffer = [0; 512];
        loop {
            let count = (&server).read(&mut buffer).await?;
            if count == 0 {
                return to_client.close(None).await;
            }
            // However others cut it: packets need not begin where messages do [MQTT-6.0.0-2].
            for piece in buffer[..count].chunks(7) {
                to_client.send(Message::binary(piece.to_vec())).await?;
                to_client
                    .send(Message::Ping(bytes::Bytes::from_static(b"?")))
                    .await?;
                to_client.send(Message::binary(bytes::Bytes::new())).await?;
            }
        }
    };
    smol::future::or(up, down).await
}

async fn device(gateway: &Gateway) -> Result<(), tb_async_std::Error> {
    let endpoint = format!("mqtt://{}", gateway.address())
        .as_str()
        .try_into()?;
    let config = Config::new(endpoint, Credentials::token("A1_TEST_TOKEN"));
    let (client, driver) =
        tb_driver::Driver::new(config, WebSocket::over(Tcp), AsyncIoTimer::new())?;
    smol::spawn(driver).detach();
    client.connected().await?;
    let reading = client.send_telemetry(&json!({ "temperature": 21.5 }))?;
    println!("telemetry: {}", reading.await?);
    client.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|_| {
        let server = SimulatorServer::start(Setup::one_device("A1_TEST_TOKEN"))?;
        let gateway = Gateway::start(server.address())?;
        Ok(smol::block_on(device(&gateway))?)
    })
}
