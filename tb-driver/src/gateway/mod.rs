//! Gateways: clients that speak for other devices too.

mod child;

use core::fmt;
use core::ops::Deref;

use alloc::string::String;
use alloc::sync::Arc;

use tb_proto::{
    AlreadyServed, AttributeKeys, ChildId, Config, GatewayConfig, RpcMethods, WhichChildren,
};

pub use child::{Child, NewChild};

use crate::client::Client;
use crate::streams::{Channel, ChildEvent, ChildUpdate, ChildrenTaker, Receiver, Registration};
use crate::streams::{RpcRequest, RpcTaker};

/// A gateway of ThingsBoard: a device that speaks for others, its children, on one connection.
///
/// It is a [`Client`] too: what a device can do, it does for itself. Cloning it is cheap, and every
/// clone is the same gateway.
///
/// The device needs the gateway flag on the server; one without it gets no acknowledgement for what it
/// sends for children.
///
/// ```no_run
/// # async fn run(gateway: tb_driver::Gateway) -> Result<(), tb_driver::Error> {
/// let meter = gateway.child("Meter 7").profile("meter")?;
/// meter.send_telemetry(&serde_json::json!({ "kWh": 41.9 }))?.await?;
///
/// let mut calls = gateway.child_rpc_requests()?;
/// while let Some(call) = calls.recv().await {
///     println!("{:?} is asked to {}", call.child(), call.method());
///     call.reply(&serde_json::json!({ "done": true }))?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Gateway(Client);

impl Gateway {
    /// A client as a gateway. It has to be [configured](Config::gateway) as one, or every child is
    /// refused.
    pub const fn new(client: Client) -> Self {
        Self(client)
    }

    /// `config` as that of a gateway, with the defaults of one if it was none.
    pub fn config(config: Config) -> Config {
        if config.is_gateway() {
            config
        } else {
            config.gateway(GatewayConfig::new())
        }
    }

    /// A child: the device with this name, for which a profile is to be chosen.
    pub const fn child<'a>(&'a self, name: &'a str) -> NewChild<'a> {
        NewChild::new(&self.0, name)
    }

    /// The child with this name, if there is one.
    pub fn find(&self, name: &str) -> Option<Child> {
        let found = self
            .shared()
            .with(|state, _| state.machine.gateway().find(name))?;
        found.map(|id| Child::new(self.0.clone(), id))
    }

    /// The child with this id, for which an undelivered message was. `None`: it is a child of another
    /// client.
    pub fn get(&self, id: ChildId) -> Option<Child> {
        let known = self
            .shared()
            .with(|state, _| state.machine.gateway().name(id).is_some())?;
        known.then(|| Child::new(self.0.clone(), id))
    }

    /// How many children there are.
    pub fn children(&self) -> usize {
        self.shared()
            .with(|state, _| state.machine.gateway().children())
            .unwrap_or(0)
    }

    /// Follows all shared attributes of all children, those that are added later too.
    ///
    /// Changes wait merged, one for each child; of at most 10,000 keys and 1 MiB together, and 1,000 keys
    /// of a child. Changes beyond that are dropped and reported by [`Client::warnings`]. What is changed
    /// while a child is not announced is not told by the server: request the attributes.
    pub fn child_attribute_updates(&self) -> Receiver<ChildUpdate> {
        self.follow(AttributeKeys::All)
    }

    /// Follows some shared attributes of all children, as
    /// [`child_attribute_updates`](Self::child_attribute_updates) does all.
    pub fn child_attribute_updates_of<K: Into<String>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Receiver<ChildUpdate> {
        // Code of the application runs here, before the lock.
        self.follow(AttributeKeys::only(keys))
    }

    /// Takes every call of the server to a child that nobody else takes; [`RpcRequest::child`] tells to
    /// which.
    ///
    /// At most 64 calls wait; further ones are answered with an error and reported by
    /// [`Client::warnings`].
    ///
    /// # Errors
    /// [`AlreadyServed`]: somebody takes all calls to children already.
    pub fn child_rpc_requests(&self) -> Result<Receiver<RpcRequest>, AlreadyServed> {
        self.0.take_of(WhichChildren::All, RpcMethods::All)
    }

    /// Takes the calls of one method to all children, as
    /// [`child_rpc_requests`](Self::child_rpc_requests) does all others. A child that takes the method by
    /// itself comes first.
    ///
    /// # Errors
    /// [`AlreadyServed`]: somebody takes the calls of this method to children already.
    pub fn child_rpc_requests_of(
        &self,
        method: impl Into<String>,
    ) -> Result<Receiver<RpcRequest>, AlreadyServed> {
        self.0
            .take_of(WhichChildren::All, RpcMethods::Named(method.into()))
    }

    /// Follows what becomes of children. 100 events wait; how many are missing beyond that is the last of
    /// them.
    pub fn child_events(&self) -> Receiver<ChildEvent> {
        let channel = Arc::new(Channel::default());
        let added = self
            .shared()
            .with(|state, _| state.streams.add_child_events(&channel));
        let registration = match added {
            Some(()) => Registration::ChildEvents(Arc::clone(&channel)),
            None => Registration::None,
        };
        self.0.receiver(channel, registration)
    }

    fn follow(&self, keys: AttributeKeys) -> Receiver<ChildUpdate> {
        let channel = Arc::new(Channel::default());
        let subscription = self.shared().with(|state, now| {
            let mut gateway = state.machine.gateway();
            let subscription =
                gateway.subscribe_to_attributes(now, WhichChildren::All, keys.clone());
            let taker = ChildrenTaker::new(subscription, keys, Arc::clone(&channel));
            state.streams.add_children(taker);
            subscription
        });
        let registration = match subscription {
            Some(subscription) => Registration::Children(WhichChildren::All, subscription),
            None => Registration::None,
        };
        self.0.receiver(channel, registration)
    }
}

impl Client {
    /// Takes calls to children.
    fn take_of(
        &self,
        which: WhichChildren,
        methods: RpcMethods,
    ) -> Result<Receiver<RpcRequest>, AlreadyServed> {
        let channel = Arc::new(Channel::default());
        let server = self.shared().with(|state, now| {
            let server = state.machine.gateway().serve_rpc(now, which, methods)?;
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
}

impl Deref for Gateway {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}
