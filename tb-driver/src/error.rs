//! One error for each operation, and one that all of them turn into.

use alloc::boxed::Box;
use core::convert::Infallible;
use core::fmt;

use tb_proto::{
    AlreadyFollowed, AlreadyServed, AttributeTypeError, Cause, Endpoint, InvalidChild,
    InvalidConfig, InvalidUrl, LinkLost, Malformed, Refusal, Refused, RefusedReason, RequestError,
    TlsFault, Undelivered, UnexpectedPayload, UpdateError,
};

use crate::provision::NotProvisioned;

/// A client cannot be made of this configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// The address is no address of an MQTT server.
    Url(InvalidUrl),
    /// The configuration contradicts itself, or no server can accept it.
    Config(InvalidConfig),
    /// TLS cannot be set up as configured.
    #[cfg(feature = "_rustls")]
    Tls(crate::tls::TlsSetupError),
    /// The address asks for TLS, which this build does not speak. It never falls back to plain TCP.
    TlsNotSupported {
        /// The address.
        endpoint: Endpoint,
    },
    /// There is no runtime here that could drive the connection.
    NoRuntime,
    /// A thread could not be started.
    NoThread,
}

/// The first connection did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotConnected {
    /// Nothing was tried.
    Start(StartError),
    /// Trying again will not help until somebody changes something.
    Refused(Cause),
    /// The deadline is over.
    TimedOut {
        /// Why the last attempt failed; `None` if the first one still goes on.
        last: Option<Cause>,
    },
    /// The client was shut down.
    Closed,
    /// Waiting on the thread that has to drive the connection would wait for ever.
    OnDriverThread,
}

/// An accepted message did not reach the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryError {
    /// It ended otherwise. Payload and cause are in it.
    Undelivered(Box<Undelivered>),
    /// The client's own code panicked: the message is abandoned, and whether the server has it is unknown.
    Panicked,
}

/// There will be no room in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomError {
    /// Even the empty queue has no room for a message of this size.
    TooLarge {
        /// The size asked for, in bytes.
        bytes: usize,
    },
    /// The client is disconnecting or was shut down.
    Closed,
}

/// A thread waited for the outcome of `T` and did not get a good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitError<T, E> {
    /// It is over, and ended so.
    Over(E),
    /// It is not over yet. The ticket comes back and can be waited for again.
    TimedOut(T),
    /// Waiting on the thread that has to drive the connection would wait for ever. The ticket comes
    /// back: await it, or wait for it on another thread.
    OnDriverThread(T),
}

/// A thread waited for the next item of a stream and got none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// The client was shut down: no item will come any more.
    Closed,
    /// None came in time.
    TimedOut,
    /// Waiting on the thread that has to drive the connection would wait for ever.
    OnDriverThread,
}

/// Everything that can go wrong, for functions that use `?` on all of it.
///
/// What the specific errors give back (messages, tickets) is dropped on the way into this one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The client could not be made.
    Start(StartError),
    /// The first connection did not come about.
    NotConnected(NotConnected),
    /// A call was not accepted.
    Refused(RefusedReason),
    /// An accepted message did not reach the server.
    Delivery(DeliveryError),
    /// A request got no answer.
    Request(RequestError),
    /// There will be no room in the queue.
    Room(RoomError),
    /// A stream gave no item.
    Recv(RecvError),
    /// RPC calls are taken by somebody else.
    AlreadyServed(AlreadyServed),
    /// A gateway cannot have such a child.
    InvalidChild(InvalidChild),
    /// Updates are followed by somebody else.
    AlreadyFollowed(AlreadyFollowed),
    /// A package was not brought in.
    Update(UpdateError),
    /// What the server sent is of another type than was asked for.
    UnexpectedPayload(UnexpectedPayload),
    /// An attribute is of another type than was asked for.
    AttributeType(AttributeTypeError),
    /// The device did not get its credentials.
    NotProvisioned(NotProvisioned),
    /// It was not over in time; what was accepted goes on.
    TimedOut,
    /// Waiting on the thread that has to drive the connection would wait for ever.
    OnDriverThread,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            #[cfg(feature = "_rustls")]
            Self::Tls(error) => error.fmt(f),
            Self::TlsNotSupported { endpoint } => write!(
                f,
                "{endpoint} asks for TLS, which is not built in: switch the feature `tls` on"
            ),
            Self::NoRuntime => {
                f.write_str("there is no runtime here: call this inside of one, or use `prepare`")
            }
            Self::NoThread => f.write_str("the system starts no more threads: raise its limit"),
        }
    }
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::Refused(cause) | Self::TimedOut { last: Some(cause) } => {
                write!(f, "{cause}: {}", advice(*cause))
            }
            Self::TimedOut { last: None } => {
                f.write_str("the server did not answer in time: check address, port and firewall")
            }
            Self::Closed => f.write_str("the client was shut down"),
            Self::OnDriverThread => f.write_str(ON_DRIVER_THREAD),
        }
    }
}

/// What a person can do about a connection that does not come about.
const fn advice(cause: Cause) -> &'static str {
    match cause {
        Cause::Lost(LinkLost::ConnectionRefused) => {
            "check host and port, and whether the server is running"
        }
        Cause::Lost(LinkLost::HostNotFound) => "check the spelling of the host and the name server",
        Cause::Lost(LinkLost::Unreachable) | Cause::NoConnection => {
            "check the address, the network and the firewall"
        }
        Cause::Lost(LinkLost::Tls(fault)) => tls_advice(fault),
        Cause::Lost(LinkLost::Proxy) => "check address, login and rules of the proxy",
        Cause::Malformed(Malformed::Flags(0x15)) => {
            "this is a TLS port: write mqtts://, or use the port for plain MQTT (1883)"
        }
        Cause::Malformed(Malformed::Flags(b'H')) => {
            "this is a web server: use the MQTT port (1883)"
        }
        Cause::NoConnAck => {
            "check whether this is the MQTT port of the server and not its TLS port"
        }
        Cause::ClosedBeforeConnAck(_) | Cause::Malformed(_) => {
            "check whether this is the MQTT port (1883) of the server and neither TLS nor HTTP"
        }
        Cause::Refused(Refusal::Credentials) => {
            "copy the access token from the device's page, and check that the device exists there"
        }
        Cause::Refused(Refusal::Unavailable) => {
            "check the transport type of the device's profile, or try again later"
        }
        Cause::Refused(Refusal::RateLimited) => "connect less often, or raise the tenant's limits",
        Cause::Refused(Refusal::ProtocolVersion) => "choose the version of MQTT automatically",
        Cause::Requested => "connect again",
        _ => "see the log of the server",
    }
}

/// What a person can do about TLS that does not come about.
const fn tls_advice(fault: TlsFault) -> &'static str {
    match fault {
        TlsFault::Expired => "renew it on the server; check the clock of this device too",
        TlsFault::NotYetValid => "set the clock of this device",
        TlsFault::WrongName => {
            "use the host name in the certificate as address, or set it as server_name"
        }
        TlsFault::NoName => {
            "have it issued with the host name as subject alternative name, or pin it"
        }
        TlsFault::UnknownIssuer => {
            "give the CA that signed it (`ca`), or pin it (`pinned`); the server may also fail to send its intermediate certificates"
        }
        TlsFault::AuthorityAsServer => {
            "it is self-signed: pin it (`pinned`) instead of using it as CA"
        }
        TlsFault::NotPinned => {
            "if the server renewed it, give the new one to this device; otherwise somebody else answers"
        }
        TlsFault::InvalidCertificate => "have it issued again, for server authentication",
        TlsFault::NotTls => "write mqtt:// for plain MQTT, or use the TLS port (8883)",
        TlsFault::ClosedEarly => {
            "check whether this is the TLS port (8883) and whether the server requires a client certificate"
        }
        TlsFault::NothingInCommon => "allow TLS 1.2 or 1.3 with modern ciphers on the server",
        TlsFault::NoCommonProtocol => {
            "offer the application protocol that the server expects (`alpn`)"
        }
        TlsFault::CertificateRequired => "give certificate and key of this device (`identity`)",
        TlsFault::CertificateRefused => {
            "check that the server knows the issuer of the device's certificate, its dates, and that it is for client authentication"
        }
        TlsFault::Broken => "see the log of the server",
        TlsFault::Local => "check the files with certificates and key",
        TlsFault::NotSupported => "put `Tls::over` around the transport, or write mqtt://",
        _ => "see the log of the server",
    }
}

const ON_DRIVER_THREAD: &str =
    "this thread drives the connection and cannot wait for it: await, or wait on another thread";

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undelivered(undelivered) => undelivered.fmt(f),
            Self::Panicked => f.write_str("abandoned: the client's own code panicked; report it"),
        }
    }
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => write!(
                f,
                "the queue never has room for {bytes} bytes: raise its limit or send less at a time"
            ),
            Self::Closed => f.write_str(CLOSED),
        }
    }
}

const CLOSED: &str = "the client is disconnecting or was shut down";

impl<T, E: fmt::Display> fmt::Display for WaitError<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over(error) => error.fmt(f),
            Self::TimedOut(_) => f.write_str(TIMED_OUT),
            Self::OnDriverThread(_) => f.write_str(ON_DRIVER_THREAD),
        }
    }
}

const TIMED_OUT: &str =
    "not over in time: wait longer, or look at the state of the connection; it goes on meanwhile";

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => CLOSED,
            Self::TimedOut => "nothing came in time",
            Self::OnDriverThread => ON_DRIVER_THREAD,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::NotConnected(error) => error.fmt(f),
            Self::Refused(reason) => reason.fmt(f),
            Self::Delivery(error) => error.fmt(f),
            Self::Request(error) => error.fmt(f),
            Self::Room(error) => error.fmt(f),
            Self::Recv(error) => error.fmt(f),
            Self::AlreadyServed(error) => error.fmt(f),
            Self::InvalidChild(error) => error.fmt(f),
            Self::AlreadyFollowed(error) => error.fmt(f),
            Self::Update(error) => error.fmt(f),
            Self::UnexpectedPayload(error) => error.fmt(f),
            Self::AttributeType(error) => error.fmt(f),
            Self::NotProvisioned(error) => error.fmt(f),
            Self::TimedOut => f.write_str(TIMED_OUT),
            Self::OnDriverThread => f.write_str(ON_DRIVER_THREAD),
        }
    }
}

impl core::error::Error for StartError {}
impl core::error::Error for NotConnected {}
impl core::error::Error for DeliveryError {}
impl core::error::Error for RoomError {}
impl<T: fmt::Debug, E: core::error::Error> core::error::Error for WaitError<T, E> {}
impl core::error::Error for RecvError {}
impl core::error::Error for Error {}

impl From<InvalidUrl> for StartError {
    fn from(error: InvalidUrl) -> Self {
        Self::Url(error)
    }
}

impl From<InvalidConfig> for StartError {
    fn from(error: InvalidConfig) -> Self {
        Self::Config(error)
    }
}

impl From<Infallible> for StartError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<StartError> for NotConnected {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

impl From<InvalidUrl> for Error {
    fn from(error: InvalidUrl) -> Self {
        Self::Start(error.into())
    }
}

impl From<NotConnected> for Error {
    fn from(error: NotConnected) -> Self {
        Self::NotConnected(error)
    }
}

impl<T> From<Refused<T>> for Error {
    fn from(refused: Refused<T>) -> Self {
        Self::Refused(refused.reason)
    }
}

impl From<DeliveryError> for Error {
    fn from(error: DeliveryError) -> Self {
        Self::Delivery(error)
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<RoomError> for Error {
    fn from(error: RoomError) -> Self {
        Self::Room(error)
    }
}

impl From<NotProvisioned> for Error {
    fn from(error: NotProvisioned) -> Self {
        Self::NotProvisioned(error)
    }
}

impl From<RecvError> for Error {
    fn from(error: RecvError) -> Self {
        Self::Recv(error)
    }
}

impl From<AlreadyServed> for Error {
    fn from(error: AlreadyServed) -> Self {
        Self::AlreadyServed(error)
    }
}

impl From<InvalidChild> for Error {
    fn from(error: InvalidChild) -> Self {
        Self::InvalidChild(error)
    }
}

impl From<AlreadyFollowed> for Error {
    fn from(error: AlreadyFollowed) -> Self {
        Self::AlreadyFollowed(error)
    }
}

impl From<UpdateError> for Error {
    fn from(error: UpdateError) -> Self {
        Self::Update(error)
    }
}

impl From<UnexpectedPayload> for Error {
    fn from(error: UnexpectedPayload) -> Self {
        Self::UnexpectedPayload(error)
    }
}

impl From<AttributeTypeError> for Error {
    fn from(error: AttributeTypeError) -> Self {
        Self::AttributeType(error)
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl<T, E: Into<Self>> From<WaitError<T, E>> for Error {
    fn from(error: WaitError<T, E>) -> Self {
        match error {
            WaitError::Over(error) => error.into(),
            WaitError::TimedOut(_) => Self::TimedOut,
            WaitError::OnDriverThread(_) => Self::OnDriverThread,
        }
    }
}
