//! The handle that applications hold.

use alloc::sync::Arc;
use core::fmt;
use core::pin::pin;
use core::time::Duration;

use tb_proto::{
    AlreadyFollowed, AlreadyServed, AttributeKeys, AttributeQuery, AttributeUpdate,
    AttributeValues, Attributes, Cause, Claim, Credentials, Drained, Flushed, Installed, Instant,
    InvalidCredentials, Limits, Message, PackageType, ProtocolVersion, Refused, RpcCall,
    RpcMethods, RpcResponse, State, Stats, Telemetry, Undelivered,
};

use crate::error::{NotConnected, RoomError, WaitError};
use crate::park::{self, Interrupted};
use crate::room::{Permit, RoomRequest};
use crate::shared::Shared;
use crate::streams::{
    AttributeTaker, Channel, Receiver, Registration, RpcRequest, RpcTaker, Warning,
};
use crate::ticket::{Delivery, Reply};
use crate::updates::Updates;

/// How long the client goes on after its last handle was dropped, unless told otherwise.
pub(crate) const DEFAULT_LINGER: Duration = Duration::from_secs(5);

/// A device of ThingsBoard: the handle to a client that runs by itself.
///
/// Cloning it is cheap, and every clone is the same client. No method blocks unless its name ends in
/// `wait`; a call takes microseconds, connected or not. What is accepted while there is no
/// connection is sent when there is one.
///
/// When the last clone is dropped the client disconnects in the background: what was accepted has
/// some time to be delivered ([`set_linger`](Self::set_linger)), the rest ends as *abandoned*.
/// Tickets and streams do not keep it alive.
#[derive(Clone)]
pub struct Client(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
}

impl Client {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(Arc::new(Handle { shared }))
    }

    /// Sends telemetry or client attributes.
    ///
    /// Accepted means: it has a place in the queue, and the ticket tells how it ends. Wait for the
    /// ticket at once, later, or never.
    ///
    /// # Errors
    /// [`Refused`] gives the message back; its reason says what to change.
    pub fn send(&self, message: impl Into<Message>) -> Result<Delivery, Refused<Message>> {
        // Serialised here: code of the application never runs under the lock.
        let pending = self.shared().send(message.into())?;
        Ok(Delivery::new(Arc::clone(self.shared()), pending))
    }

    /// Sends readings: a reference to anything that serialises to an object, or a [`Telemetry`]
    /// with options.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_telemetry(
        &self,
        telemetry: impl Into<Telemetry>,
    ) -> Result<Delivery, Refused<Message>> {
        self.send(telemetry.into())
    }

    /// Sends client-side attributes: a reference to anything that serialises to an object, or
    /// [`Attributes`] with options.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_attributes(
        &self,
        attributes: impl Into<Attributes>,
    ) -> Result<Delivery, Refused<Message>> {
        self.send(attributes.into())
    }

    /// Allows a customer to claim this device: a secret, or a [`Claim`] with options.
    ///
    /// The outcome says only that the server has the claim: what comes of it is never told to the device.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn claim(&self, claim: impl Into<Claim>) -> Result<Delivery, Refused<Message>> {
        self.send(claim.into())
    }

    /// Waits for room in the queue for a message of `bytes` bytes of payload.
    pub fn room(&self, bytes: usize) -> RoomRequest {
        RoomRequest::new(Arc::clone(self.shared()), bytes)
    }

    /// Blocks this thread until there is room for a message of `bytes` bytes of payload.
    ///
    /// # Errors
    /// As [`RoomRequest::wait`].
    pub fn room_wait(&self, bytes: usize) -> Result<Permit, WaitError<RoomRequest, RoomError>> {
        self.room(bytes).wait()
    }

    /// Asks for attributes of this device.
    ///
    /// Dropping the ticket gives the answer up.
    ///
    /// # Errors
    /// [`Refused`] if the query breaks a rule or too many requests are unanswered.
    pub fn request_attributes(
        &self,
        query: AttributeQuery,
    ) -> Result<Reply<AttributeValues>, Refused<AttributeQuery>> {
        let pending = self.shared().open(query, |state, now, query| {
            state.machine.request_attributes(now, query)
        })?;
        Ok(Reply::new(Arc::clone(self.shared()), pending))
    }

    /// Calls a method of the server (client-side RPC): a name, or an [`RpcCall`] with parameters.
    ///
    /// Dropping the ticket gives the answer up; the call may still run.
    ///
    /// # Errors
    /// [`Refused`] if the parameters do not serialise or too many requests are unanswered.
    pub fn send_rpc_call(
        &self,
        call: impl Into<RpcCall>,
    ) -> Result<Reply<RpcResponse>, Refused<RpcCall>> {
        let pending = self.shared().open(call.into(), |state, now, call| {
            state.machine.send_rpc_call(now, call)
        })?;
        Ok(Reply::new(Arc::clone(self.shared()), pending))
    }

    /// Follows all shared attributes.
    ///
    /// Changes wait merged, per key only the newest; of at most 1,000 keys and 1 MiB. Changes beyond
    /// that are dropped and reported by [`warnings`](Self::warnings). Changes made while the device is
    /// not connected are not told by the server: request the attributes after connecting.
    pub fn attribute_updates(&self) -> Receiver<AttributeUpdate> {
        self.follow(AttributeKeys::All)
    }

    /// Follows some shared attributes, as [`attribute_updates`](Self::attribute_updates) does all.
    pub fn attribute_updates_of<K: Into<String>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Receiver<AttributeUpdate> {
        // Code of the application runs here, before the lock.
        self.follow(AttributeKeys::only(keys))
    }

    /// Takes every RPC call of the server whose method nobody else takes.
    ///
    /// At most 64 calls wait; further ones are answered with an error and reported by
    /// [`warnings`](Self::warnings).
    ///
    /// # Errors
    /// [`AlreadyServed`]: somebody takes all calls already.
    pub fn rpc_requests(&self) -> Result<Receiver<RpcRequest>, AlreadyServed> {
        self.take(RpcMethods::All)
    }

    /// Takes the RPC calls of one method, as [`rpc_requests`](Self::rpc_requests) does all others.
    ///
    /// # Errors
    /// [`AlreadyServed`]: somebody takes the calls of this method already.
    pub fn rpc_requests_of(
        &self,
        method: impl Into<String>,
    ) -> Result<Receiver<RpcRequest>, AlreadyServed> {
        self.take(RpcMethods::Named(method.into()))
    }

    /// Follows the updates of the firmware: tells the platform what is installed, and offers what the
    /// server wants the device to have instead, now or later. Nothing is fetched before an offer is
    /// [downloaded](crate::UpdateOffer::download).
    ///
    /// # Errors
    /// [`AlreadyFollowed`]: somebody follows them already.
    pub fn update_firmware(&self, installed: Installed) -> Result<Updates, AlreadyFollowed> {
        self.follow_updates(PackageType::Firmware, installed)
    }

    /// Follows the updates of the software, as [`update_firmware`](Self::update_firmware) does those of
    /// the firmware.
    ///
    /// # Errors
    /// [`AlreadyFollowed`]: somebody follows them already.
    pub fn update_software(&self, installed: Installed) -> Result<Updates, AlreadyFollowed> {
        self.follow_updates(PackageType::Software, installed)
    }

    /// Follows the state of the connection, beginning with the present one. A state that was not
    /// fetched is replaced by the next.
    pub fn states(&self) -> Receiver<State> {
        let channel = self.shared().with(|state, _| state.streams.add_states());
        let channel = channel.unwrap_or_else(closed);
        Receiver::new(
            Arc::clone(self.shared()),
            Arc::clone(&channel),
            Registration::States(channel),
        )
    }

    /// Follows what went wrong without belonging to a call. 100 warnings wait; how many are missing
    /// beyond that is the last of them.
    pub fn warnings(&self) -> Receiver<Warning> {
        let channel = self.shared().with(|state, _| state.streams.add_warnings());
        let channel = channel.unwrap_or_else(closed);
        let registration = Registration::Warnings(Arc::clone(&channel));
        Receiver::new(Arc::clone(self.shared()), channel, registration)
    }

    /// The messages that ended undelivered and whose ticket nobody holds.
    ///
    /// The newest 1,000 messages and 1 MiB of payload are kept, whether anybody receives or not; what
    /// is dropped is counted by [`warnings`](Self::warnings). All receivers share one stream: each
    /// message goes to one of them.
    pub fn undelivered(&self) -> Receiver<Undelivered> {
        let channel = self.shared().waiters().streams.undelivered();
        Receiver::new(Arc::clone(self.shared()), channel, Registration::None)
    }

    /// Waits until the server has accepted the connection. There is no deadline.
    ///
    /// Cancel safe: dropping it changes nothing.
    ///
    /// # Errors
    /// [`NotConnected::Refused`] as soon as an attempt fails for a reason that will not pass;
    /// [`NotConnected::Closed`].
    pub async fn connected(&self) -> Result<ProtocolVersion, NotConnected> {
        let mut states = self.states();
        while let Some(state) = states.recv().await {
            match state {
                State::Connected { version } => return Ok(version),
                State::Waiting { cause, .. } if cause.is_permanent() => {
                    return Err(NotConnected::Refused(cause));
                }
                State::Stopped { cause } => return Err(NotConnected::Refused(cause)),
                _ => {}
            }
        }
        Err(NotConnected::Closed)
    }

    /// Blocks this thread until the server has accepted the connection, but not longer than `timeout`.
    ///
    /// # Errors
    /// [`NotConnected::TimedOut`], and those of [`connected`](Self::connected).
    pub fn connected_wait(&self, timeout: Duration) -> Result<ProtocolVersion, NotConnected> {
        let mut connected = pin!(self.connected());
        match park::wait(self.shared(), &mut connected, Some(timeout)) {
            Ok(outcome) => outcome,
            Err(Interrupted::TimedOut) => Err(NotConnected::TimedOut {
                last: self.last_cause(),
            }),
            Err(Interrupted::OnDriverThread) => Err(NotConnected::OnDriverThread),
        }
    }

    /// Tells when everything that was accepted before has its outcome, at the latest in `time` from
    /// now: how many messages were delivered, how many not, and how many are left. Ends nothing;
    /// dropping the ticket changes nothing.
    pub fn flush(&self, time: Duration) -> Reply<Flushed> {
        let begun = self.shared().with_wakes(|state, now, _| {
            let pending = state.machine.flush(now, now + time);
            state.tickets.open(pending.id());
            pending
        });
        let shared = Arc::clone(self.shared());
        match begun {
            Some(pending) => Reply::new(shared, pending),
            None => Reply::settled(shared),
        }
    }

    /// Disconnects: nothing more is accepted, what was accepted has until `linger` from now to be
    /// delivered, and what is left then ends as *abandoned*. Dropping the ticket changes nothing.
    pub fn disconnect(&self, linger: Duration) -> Reply<Drained> {
        let begun = self.shared().with_wakes(|state, now, wakes| {
            let pending = state.disconnect(now, now + linger, wakes);
            state.tickets.open(pending.id());
            pending
        });
        let shared = Arc::clone(self.shared());
        match begun {
            Some(pending) => Reply::new(shared, pending),
            None => Reply::settled(shared),
        }
    }

    /// How long the client goes on after its last handle was dropped. Default 5 s.
    pub fn set_linger(&self, linger: Duration) {
        self.shared().waiters().linger = linger;
    }

    /// Uses other credentials from the next connection on; a connection that stands is replaced.
    ///
    /// # Errors
    /// [`InvalidCredentials`]: nothing has changed.
    pub fn set_credentials(&self, credentials: Credentials) -> Result<(), InvalidCredentials> {
        credentials.check()?;
        self.shared()
            .with(|state, now| state.machine.set_credentials(now, credentials))
            .unwrap_or(Ok(()))
    }

    /// Tries to connect now instead of waiting for the next attempt.
    pub fn reconnect(&self) {
        self.shared()
            .with(|state, now| state.machine.reconnect(now));
    }

    /// What the connection is doing.
    pub fn state(&self) -> State {
        self.shared()
            .with(|state, _| state.machine.state())
            .unwrap_or(State::Closed)
    }

    /// Why the last connection, or attempt to connect, ended; `None` if none has yet.
    pub fn last_cause(&self) -> Option<Cause> {
        self.shared().waiters().last_cause
    }

    /// Counters, and what the client holds now.
    pub fn stats(&self) -> Stats {
        self.shared()
            .with(|state, _| state.machine.stats())
            .unwrap_or_default()
    }

    /// The server's limits and what is left of them, to be given to the next client of this device; see
    /// [`Config::known_limits`](tb_proto::Config::known_limits).
    pub fn limits(&self) -> Limits {
        self.shared()
            .with(|state, _| state.machine.limits())
            .unwrap_or_default()
    }

    /// The present moment on the clock that counts in [`State::Waiting`] and
    /// [`Undelivered::accepted`].
    pub fn now(&self) -> Instant {
        self.shared().clock.now()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    fn follow(&self, keys: AttributeKeys) -> Receiver<AttributeUpdate> {
        let channel = Arc::new(Channel::default());
        let subscription = self.shared().with(|state, now| {
            let subscription = state.machine.subscribe_to_attributes(now, keys.clone());
            let taker = AttributeTaker::new(subscription, keys, Arc::clone(&channel));
            state.streams.add_attributes(taker);
            subscription
        });
        let registration = match subscription {
            Some(subscription) => Registration::Attributes(subscription),
            None => Registration::None,
        };
        self.receiver(channel, registration)
    }

    fn follow_updates(
        &self,
        package_type: PackageType,
        installed: Installed,
    ) -> Result<Updates, AlreadyFollowed> {
        let channel = Arc::new(Channel::default());
        let followed = self.shared().with(|state, now| {
            state.machine.follow_updates(now, package_type, installed)?;
            state.streams.add_follower(package_type, &channel);
            Ok(())
        });
        let registration = match followed {
            Some(followed) => {
                followed?;
                Registration::Updates(package_type)
            }
            None => Registration::None,
        };
        let offers = self.receiver(channel, registration);
        Ok(Updates::new(
            Arc::clone(self.shared()),
            package_type,
            offers,
        ))
    }

    fn take(&self, methods: RpcMethods) -> Result<Receiver<RpcRequest>, AlreadyServed> {
        let channel = Arc::new(Channel::default());
        let server = self.shared().with(|state, now| {
            let server = state.machine.serve_rpc(now, methods)?;
            state.streams.add_rpc(RpcTaker {
                server,
                channel: Arc::clone(&channel),
            });
            Ok(server)
        });
        let registration = match server {
            Some(server) => Registration::Rpc(server?),
            None => Registration::None,
        };
        Ok(self.receiver(channel, registration))
    }

    pub(crate) fn receiver<T>(
        &self,
        channel: Arc<Channel<T>>,
        registration: Registration,
    ) -> Receiver<T> {
        if matches!(registration, Registration::None) {
            channel.close(&mut crate::wakes::Wakes::default());
        }
        Receiver::new(Arc::clone(self.shared()), channel, registration)
    }
}

/// A stream of a client that is no more.
fn closed<T>() -> Arc<Channel<T>> {
    let channel = Channel::default();
    channel.close(&mut crate::wakes::Wakes::default());
    Arc::new(channel)
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.with_wakes(|state, now, wakes| {
            if !state.disconnecting {
                let _ = state.disconnect(now, now + state.linger, wakes);
            }
        });
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
