//! The handle to one child of a gateway.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tb_proto::{
    AlreadyServed, AttributeKeys, AttributeQuery, AttributeUpdate, AttributeValues, Attributes,
    ChildId, Claim, InvalidChild, Message, Refused, RpcMethods, Telemetry, WhichChildren,
};

use crate::client::Client;
use crate::error::Error;
use crate::serve::{serving, serving_wait};
use crate::streams::{AttributeTaker, Channel, Receiver, Registration, RpcRequest};
use crate::ticket::{Delivery, Reply};

/// A child that gets its profile; from [`Gateway::child`](crate::Gateway::child).
#[derive(Clone, Copy)]
#[must_use = "without a profile there is no child"]
pub struct NewChild<'a> {
    gateway: &'a Client,
    name: &'a str,
}

impl<'a> NewChild<'a> {
    pub(super) const fn new(gateway: &'a Client, name: &'a str) -> Self {
        Self { gateway, name }
    }

    /// The child, with the device profile that the server gives it **only when it creates the device**.
    /// A profile that is not there is created.
    ///
    /// It is announced to the server as soon as there is a connection, and again on every later one. The
    /// same name is always the same child.
    ///
    /// # Errors
    /// [`InvalidChild`]: name or profile can be none, the child is known with another profile, there are
    /// too many children, or the gateway is shut down.
    pub fn profile(self, profile: &str) -> Result<Child, InvalidChild> {
        self.announce(Some(profile))
    }

    /// The child, with the device profile `default`; otherwise as [`profile`](Self::profile).
    ///
    /// # Errors
    /// As [`profile`](Self::profile).
    pub fn default_profile(self) -> Result<Child, InvalidChild> {
        self.announce(None)
    }

    fn announce(self, profile: Option<&str>) -> Result<Child, InvalidChild> {
        let added = self
            .gateway
            .shared()
            .with(|state, now| state.machine.gateway().child(now, self.name, profile));
        let id = added.unwrap_or(Err(InvalidChild::Closed))?;
        Ok(Child::new(self.gateway.clone(), id))
    }
}

/// A child of a gateway: a device without a connection of its own.
///
/// Cloning it is cheap, and every clone is the same child. What is accepted for it waits until the server
/// has acknowledged its announcement. Dropping the handle does not disconnect the child; it counts as a
/// handle of the gateway, which goes on until the last of them is dropped.
#[derive(Clone)]
pub struct Child {
    gateway: Client,
    id: ChildId,
}

impl Child {
    pub(super) const fn new(gateway: Client, id: ChildId) -> Self {
        Self { gateway, id }
    }

    /// Its name; that which the server has given it, if it was renamed there.
    pub fn name(&self) -> String {
        let mut state = self.gateway.shared().waiters();
        let gateway = state.machine.gateway();
        gateway.name(self.id).unwrap_or_default().to_owned()
    }

    /// What stands for it in [`Target`](tb_proto::Target)s and logs.
    pub const fn id(&self) -> ChildId {
        self.id
    }

    /// Whether the server has acknowledged its announcement on this connection.
    pub fn is_announced(&self) -> bool {
        self.gateway
            .shared()
            .with(|state, _| state.machine.gateway().is_announced(self.id))
            .unwrap_or(false)
    }

    /// Its messages without outcome.
    pub fn queued_messages(&self) -> usize {
        self.gateway
            .shared()
            .with(|state, _| state.machine.gateway().queued_messages(self.id))
            .unwrap_or(0)
    }

    /// Sends telemetry, client attributes or a claim for the child.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn send(&self, message: impl Into<Message>) -> Result<Delivery, Refused<Message>> {
        // Serialised here: code of the application never runs under the lock.
        let message = message.into();
        let shared = self.gateway.shared();
        let pending = shared.open(message, |state, now, message| {
            state.machine.gateway().send(now, self.id, message)
        })?;
        Ok(Delivery::new(Arc::clone(shared), pending))
    }

    /// Sends readings of the child, in the order of the calls.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn send_telemetry(
        &self,
        telemetry: impl Into<Telemetry>,
    ) -> Result<Delivery, Refused<Message>> {
        self.send(telemetry.into())
    }

    /// Sends client-side attributes of the child.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn send_attributes(
        &self,
        attributes: impl Into<Attributes>,
    ) -> Result<Delivery, Refused<Message>> {
        self.send(attributes.into())
    }

    /// Allows a customer to claim the child.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn claim(&self, claim: impl Into<Claim>) -> Result<Delivery, Refused<Message>> {
        self.send(claim.into())
    }

    /// Asks for client or for shared attributes of the child. The question waits until the child is
    /// announced. Dropping the ticket gives the answer up.
    ///
    /// # Errors
    /// [`Refused`] if the query breaks a rule (it names both kinds, or no key) or too many requests are
    /// unanswered.
    pub fn request_attributes(
        &self,
        query: AttributeQuery,
    ) -> Result<Reply<AttributeValues>, Refused<AttributeQuery>> {
        let shared = self.gateway.shared();
        let pending = shared.open(query, |state, now, query| {
            let mut gateway = state.machine.gateway();
            gateway.request_attributes(now, self.id, query)
        })?;
        Ok(Reply::new(Arc::clone(shared), pending))
    }

    /// Follows all shared attributes of the child, within the bounds of
    /// [`Client::attribute_updates`].
    pub fn attribute_updates(&self) -> Receiver<AttributeUpdate> {
        self.follow(AttributeKeys::All)
    }

    /// Follows some shared attributes of the child.
    pub fn attribute_updates_of<K: Into<String>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Receiver<AttributeUpdate> {
        // Code of the application runs here, before the lock.
        self.follow(AttributeKeys::only(keys))
    }

    /// Takes every call of the server to the child whose method nobody else takes, within the bounds of
    /// [`Client::rpc_requests`]. It comes before those who take the calls to all children.
    ///
    /// # Errors
    /// [`AlreadyServed`]: somebody takes all calls to this child already.
    pub fn rpc_requests(&self) -> Result<Receiver<RpcRequest>, AlreadyServed> {
        let which = WhichChildren::One(self.id);
        self.gateway.take_of(which, RpcMethods::All)
    }

    /// Takes the calls of one method to the child.
    ///
    /// # Errors
    /// [`AlreadyServed`]: somebody takes the calls of this method to this child already.
    pub fn rpc_requests_of(
        &self,
        method: impl Into<String>,
    ) -> Result<Receiver<RpcRequest>, AlreadyServed> {
        let which = WhichChildren::One(self.id);
        self.gateway
            .take_of(which, RpcMethods::Named(method.into()))
    }

    /// Answers the calls of one method to the child with the results of `handler`, as
    /// [`Client::serve`] does for the device itself.
    ///
    /// # Errors
    /// [`AlreadyServed`]: somebody takes the calls of this method to this child already.
    pub fn serve<P, R, E, F, Answering>(
        &self,
        method: &str,
        handler: F,
    ) -> Result<impl Future<Output = ()> + use<P, R, E, F, Answering>, AlreadyServed>
    where
        P: DeserializeOwned,
        R: Serialize,
        E: fmt::Display,
        F: Fn(P) -> Answering,
        Answering: Future<Output = Result<R, E>>,
    {
        Ok(serving(self.rpc_requests_of(method)?, handler))
    }

    /// As [`serve`](Self::serve) on this thread, one call after the other: it blocks until the gateway is
    /// shut down.
    ///
    /// # Errors
    /// [`Error::AlreadyServed`]; [`Error::OnDriverThread`].
    pub fn serve_wait<P, R, E>(
        &self,
        method: &str,
        handler: impl FnMut(P) -> Result<R, E>,
    ) -> Result<(), Error>
    where
        P: DeserializeOwned,
        R: Serialize,
        E: fmt::Display,
    {
        serving_wait(self.rpc_requests_of(method)?, handler)
    }

    /// Tells the server that the child is gone, behind the telemetry that was accepted for it before.
    ///
    /// The server then sends nothing for it any more, and it is not announced on later connections.
    /// Whatever is sent for it later brings it back.
    ///
    /// # Errors
    /// [`Refused`]: the queue is full, or the client is disconnecting.
    pub fn disconnect(&self) -> Result<Delivery, Refused<ChildId>> {
        let shared = self.gateway.shared();
        let pending = shared.open(self.id, |state, now, id| {
            state.machine.gateway().disconnect(now, id)
        })?;
        Ok(Delivery::new(Arc::clone(shared), pending))
    }

    fn follow(&self, keys: AttributeKeys) -> Receiver<AttributeUpdate> {
        let channel = Arc::new(Channel::default());
        let which = WhichChildren::One(self.id);
        let subscription = self.gateway.shared().with(|state, now| {
            let mut gateway = state.machine.gateway();
            let subscription = gateway.subscribe_to_attributes(now, which, keys.clone());
            let taker = AttributeTaker::new(subscription, keys, Arc::clone(&channel));
            state.streams.add_child(self.id, taker);
            subscription
        });
        let registration = match subscription {
            Some(subscription) => Registration::Children(which, subscription),
            None => Registration::None,
        };
        self.gateway.receiver(channel, registration)
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Child({})", self.id.get())
    }
}

impl fmt::Debug for NewChild<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewChild")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
