//! A gateway speaks for its children: devices without a connection of their own (TB §9).

mod announce;
mod ask;
mod children;
pub(super) mod combining;
mod config;
mod doubts;
mod downlink;
mod error;
mod names;
mod notices;
mod quiet;
mod send;
mod updates;

use alloc::string::ToString;

pub use children::ChildId;
pub(super) use children::Children;
use children::Standing;
pub use combining::Combining;
pub use config::GatewayConfig;
pub use error::{ChildRefusal, InvalidChild};
pub use updates::WhichChildren;
pub(super) use updates::{ChildUpdate, ChildUpdates};

use super::Client;
use crate::tb::gateway::{check_name, opening};
use crate::time::Instant;

/// The children of a gateway; from [`Client::gateway`].
///
/// A child is announced to the server on every connection, before anything is sent for it; what is
/// accepted before waits. So it gets the device profile that it was given, should the server have to
/// create it, and what the server has for it arrives. Children wait for their own announcement only,
/// never for each other's.
///
/// What is accepted for a child ends like any message of the client, within the same limits, and
/// [`Client::cancel`], [`Client::flush`] and [`Client::disconnect`] count it in. Calls of the server
/// to a child are [`RpcRequest`](crate::RpcRequest)s that name it, answered with
/// [`Client::send_rpc_reply`].
#[derive(Debug)]
pub struct Gateway<'a> {
    client: &'a mut Client,
}

impl Client {
    /// The children of this gateway. On a client that was not [configured](crate::Config::gateway) as
    /// one there are none, and none can be added.
    pub const fn gateway(&mut self) -> Gateway<'_> {
        Gateway { client: self }
    }
}

impl Gateway<'_> {
    /// The child with this name; it is announced as soon as there is a connection.
    ///
    /// `profile` names its device profile, which the server gives it **only when it creates the
    /// device**; `None` is the profile `default`. The same name is always the same child. A child
    /// lives as long as its client: [`disconnect`](Self::disconnect) ends only what the server does
    /// for it.
    ///
    /// # Errors
    /// [`InvalidChild`]; nothing has changed then.
    pub fn child(
        &mut self,
        now: Instant,
        name: &str,
        profile: Option<&str>,
    ) -> Result<ChildId, InvalidChild> {
        let client = &mut *self.client;
        client.mqtt.advance(now);
        let Some(config) = &client.config.gateway else {
            return Err(InvalidChild::NotAGateway);
        };
        if let Some(child) = client.children.find(name) {
            let known = client.children.profile(child);
            if known != profile {
                let profile = known.map(ToString::to_string);
                return Err(InvalidChild::OtherProfile { child, profile });
            }
            return Ok(child);
        }
        if client.mqtt.is_draining() {
            return Err(InvalidChild::Closed);
        }
        check_name(name).map_err(InvalidChild::Name)?;
        if let Some(profile) = profile {
            check_name(profile).map_err(InvalidChild::Profile)?;
        }
        let limit = config.max_children;
        let origin = (client.children.len() < limit)
            .then(|| client.mqtt.outbox_mut().add_origin(opening(name)))
            .flatten();
        let Some(origin) = origin else {
            return Err(InvalidChild::TooMany { limit });
        };
        let child = client.children.add(origin, name, profile);
        client.advance();
        Ok(child)
    }

    /// The child with this name, if there is one.
    pub fn find(&self, name: &str) -> Option<ChildId> {
        self.client.children.find(name)
    }

    /// The name of a child. `None`: it is a child of another client.
    pub fn name(&self, child: ChildId) -> Option<&str> {
        self.client.children.name(child)
    }

    /// The profile that a child was given.
    pub fn profile(&self, child: ChildId) -> Option<&str> {
        self.client.children.profile(child)
    }

    /// Whether the server has acknowledged the announcement of the child on this connection.
    pub fn is_announced(&self, child: ChildId) -> bool {
        self.client.children.standing(child) == Some(Standing::Announced)
            && self.client.mqtt.is_online()
    }

    /// How many children there are.
    pub fn children(&self) -> usize {
        self.client.children.len()
    }

    /// Messages of the child without outcome.
    pub fn queued_messages(&self, child: ChildId) -> usize {
        self.client.mqtt.outbox().queued_of(child.0)
    }
}
