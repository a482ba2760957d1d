//! A transport of one's own: MQTT over QUIC, on one stream in both directions.
//!
//! A connection of QUIC survives what ends one of TCP: the address of the device may change under it.
//! ThingsBoard speaks plain MQTT; in front of it here stands a gateway that takes QUIC. Everything of this
//! example but [`Quic`] is that gateway.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::rustls::pki_types::CertificateDer;
use quinn::rustls::pki_types::pem::PemObject;
use quinn::rustls::{self, RootCertStore};
use quinn::{
    ClientConfig, ConnectionError, Endpoint, ReadError, RecvStream, SendStream, ServerConfig,
    TransportConfig, WriteError,
};
use serde_json::json;
use tb_proto::{LinkLost, TlsFault};
use tb_tests::certificates::{Authority, Issued, Validity};
use tb_tests::example::{self, PATIENCE};
use tb_tests::sim::Setup;
use tb_tests::sim::server::SimulatorServer;
use tb_tokio::{Config, Connect, ConnectError, Credentials, TokioTimer};
use tokio::net::TcpStream;

/// What both sides call MQTT when TLS asks (ALPN).
const PROTOCOL: &[u8] = b"mqtt";

/// A connection from which nothing was heard for so long has ended, and what keeps it alive meanwhile: the pings
/// of MQTT are much rarer.
pub(crate) const IDLE: Duration = Duration::from_secs(30);
pub(crate) const PING: Duration = Duration::from_secs(10);

/// Connects by QUIC from a socket that all connections have in common.
///
/// QUIC is never without TLS 1.3, so `mqtt://` and `mqtts://` are the same here.
#[derive(Clone, Debug)]
pub(crate) struct Quic {
    endpoint: Endpoint,
    config: ClientConfig,
}

impl Quic {
    /// From this socket to servers with a certificate of these authorities (PEM).
    pub(crate) fn from(
        endpoint: Endpoint,
        authorities: &str,
        idle: Duration,
        ping: Duration,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        let authorities = CertificateDer::pem_slice_iter(authorities.as_bytes());
        roots.add_parsable_certificates(authorities.flatten());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("ring has the ciphers of TLS 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![PROTOCOL.to_vec()];
        let tls = QuicClientConfig::try_from(tls).expect("ring has the ciphers of QUIC");
        let mut config = ClientConfig::new(Arc::new(tls));
        config.transport_config(transport(idle, Some(ping)));
        Self { endpoint, config }
    }
}

fn transport(idle: Duration, ping: Option<Duration>) -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(idle.try_into().ok());
    transport.keep_alive_interval(ping);
    Arc::new(transport)
}

impl Connect for Quic {
    type Stream = Stream;
    type Connecting = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>> + Send>>;

    fn connect(&mut self, target: &tb_tokio::Endpoint) -> Self::Connecting {
        let Self { endpoint, config } = self.clone();
        let (host, port) = (target.host().to_owned(), target.port());
        Box::pin(async move {
            let ours = endpoint.local_addr()?;
            let address = tokio::net::lookup_host((host.as_str(), port))
                .await?
                .find(|theirs| theirs.is_ipv4() == ours.is_ipv4())
                .ok_or_else(|| io::Error::from(io::ErrorKind::HostUnreachable))?;
            let connecting = endpoint
                .connect_with(config, address, &host)
                .map_err(|error| ConnectError::new(LinkLost::Local, error.to_string()))?;
            let connection = connecting.await.map_err(not_connected)?;
            let (send, receive) = connection.open_bi().await.map_err(io::Error::from)?;
            Ok(Stream { send, receive })
        })
    }
}

fn not_connected(error: ConnectionError) -> ConnectError {
    // An alert of TLS stands in the error code of QUIC (RFC 9001, 4.8).
    let alert = match &error {
        ConnectionError::TransportError(error) => u64::from(error.code).checked_sub(0x100),
        _ => None,
    };
    let fault = match alert {
        Some(42) => TlsFault::InvalidCertificate,
        Some(45) => TlsFault::Expired,
        Some(48) => TlsFault::UnknownIssuer,
        Some(120) => TlsFault::NoCommonProtocol,
        Some(0..=255) => TlsFault::Broken,
        _ => return io::Error::from(error).into(),
    };
    ConnectError::new(LinkLost::Tls(fault), error.to_string())
}

/// One stream of a connection; it keeps the connection open.
pub(crate) struct Stream {
    send: SendStream,
    receive: RecvStream,
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // By itself each becomes an error that does not tell how the connection ended.
        self.receive
            .poll_read(cx, buf)
            .map_err(|error| match error {
                ReadError::ConnectionLost(error) => error.into(),
                error => error.into(),
            })
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.send).poll_write(cx, buf);
        written.map_err(|error| match error {
            WriteError::ConnectionLost(error) => error.into(),
            error => error.into(),
        })
    }

    /// QUIC sends by itself what it has taken.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The connection ends at once with its last stream: the goodbye of MQTT would be lost. What waits for it to
    /// arrive keeps the connection open for so long.
    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.send.finish().is_ok() {
            tokio::spawn(self.send.stopped());
        }
        Poll::Ready(Ok(()))
    }
}

/// A gateway from QUIC to a server that speaks plain MQTT; it runs as long as the runtime in which it was started.
pub(crate) struct Gateway {
    address: SocketAddr,
}

impl Gateway {
    pub(crate) fn start(
        certificate: &Issued,
        idle: Duration,
        server: SocketAddr,
    ) -> io::Result<Self> {
        let mut tls = (*certificate.server(&[&rustls::version::TLS13], None)).clone();
        tls.alpn_protocols = vec![PROTOCOL.to_vec()];
        let tls = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
        let mut config = ServerConfig::with_crypto(Arc::new(tls));
        config.transport_config(transport(idle, None));
        let endpoint = Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into())?;
        let address = endpoint.local_addr()?;
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                // A client that leaves is no failure of the gateway.
                tokio::spawn(async move { drop(relay(incoming, server).await) });
            }
        });
        Ok(Self { address })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn relay(incoming: quinn::Incoming, server: SocketAddr) -> io::Result<()> {
    let connection = incoming.await?;
    let (send, receive) = connection.accept_bi().await?;
    let mut client = tokio::io::join(receive, send);
    let mut server = TcpStream::connect(server).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    // The last bytes are on their way: who has them closes the connection.
    connection.closed().await;
    Ok(())
}

async fn device(gateway: &Gateway, authorities: &str) -> Result<(), Box<dyn std::error::Error>> {
    let url = format!("mqtts://localhost:{}", gateway.address().port());
    let config = Config::new(url.parse()?, Credentials::token("A1_TEST_TOKEN"));
    let endpoint = Endpoint::client((Ipv4Addr::UNSPECIFIED, 0).into())?;
    let transport = Quic::from(endpoint.clone(), authorities, IDLE, PING);
    let (client, driver) = tb_driver::Driver::new(config, transport, TokioTimer::new())?;
    tokio::spawn(driver);
    client.connected().await?;
    let reading = client.send_telemetry(&json!({ "temperature": 21.5 }))?;
    println!("telemetry: {}", reading.await?);

    // The device moves to another network, and the connection with it.
    endpoint.rebind(std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?)?;
    let reading = client.send_telemetry(&json!({ "temperature": 22.5 }))?;
    println!("from another address: {}", reading.await?);
    client.disconnect(PATIENCE).await?;
    endpoint.wait_idle().await;
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|_| {
        let server = SimulatorServer::start(Setup::one_device("A1_TEST_TOKEN"))?;
        let authority = Authority::new("Example CA");
        let certificate = authority.issue(&["localhost"], Validity::Now);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let gateway = Gateway::start(&certificate, IDLE, server.address())?;
            device(&gateway, &authority.pem()).await
        })
    })
}
