//! What of the server's pushes the application wants.

use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;

/// Which shared attributes an application follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeKeys {
    /// All of them.
    All,
    /// These.
    Only(BTreeSet<String>),
}

impl AttributeKeys {
    /// These keys only.
    pub fn only<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self::Only(keys.into_iter().map(Into::into).collect())
    }

    /// Whether `key` is among them.
    pub fn contains(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(keys) => keys.contains(key),
        }
    }
}

/// Which methods of server-side RPC an application serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RpcMethods {
    /// Every method that nobody else serves.
    All,
    /// This one.
    Named(String),
}

/// The name of an attribute subscription, to end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeSubscription(pub(crate) u64);

/// The name of a taker of RPC calls, to end it and to tell whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RpcServer(pub(crate) u64);

/// Somebody else serves this method already, or takes all methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlreadyServed {
    /// What was asked for.
    pub methods: RpcMethods,
}

impl fmt::Display for AlreadyServed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.methods {
            RpcMethods::All => f.write_str("somebody takes all RPC calls already"),
            RpcMethods::Named(method) => write!(f, "the RPC method {method:?} is served already"),
        }
    }
}

impl core::error::Error for AlreadyServed {}
