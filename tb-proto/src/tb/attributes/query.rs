use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::tb::gateway::ChildQuery;
use crate::tb::json::{check_key, write_text};
use crate::tb::{InvalidPayload, PayloadFormat, protobuf};

/// Which attributes the server is asked for.
///
/// ```
/// # use tb_proto::AttributeQuery;
/// # use core::time::Duration;
/// let settings = AttributeQuery::shared(["uploadFrequency", "mode"]);
/// let both = AttributeQuery::new().client_keys(["serial"]).shared_keys(["mode"]);
/// let everything = AttributeQuery::all().timeout(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeQuery {
    keys: Keys,
    timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Keys {
    All,
    Listed {
        client: Vec<String>,
        shared: Vec<String>,
    },
}

impl AttributeQuery {
    /// How long an answer is waited for unless [`timeout`](Self::timeout) says otherwise.
    ///
    /// The server sends no answer at all when its look-up fails (C-077).
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);

    /// A query without keys yet: add some with [`client_keys`](Self::client_keys) and
    /// [`shared_keys`](Self::shared_keys).
    pub fn new() -> Self {
        Self::listed(Vec::new(), Vec::new())
    }

    /// Asks for shared attributes.
    pub fn shared<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self::new().shared_keys(keys)
    }

    /// Asks for client attributes.
    pub fn client<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self::new().client_keys(keys)
    }

    /// Asks for all client and all shared attributes.
    pub fn all() -> Self {
        Self {
            keys: Keys::All,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }

    /// Asks for these client attributes too. After [`all`](Self::all) it changes nothing.
    pub fn client_keys<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        if let Keys::Listed { client, .. } = &mut self.keys {
            client.extend(keys.into_iter().map(Into::into));
        }
        self
    }

    /// Asks for these shared attributes too. After [`all`](Self::all) it changes nothing.
    pub fn shared_keys<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        if let Keys::Listed { shared, .. } = &mut self.keys {
            shared.extend(keys.into_iter().map(Into::into));
        }
        self
    }

    /// Waits so long for the answer, counted from the call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn deadline_after(&self) -> Duration {
        self.timeout
    }

    /// The same question about a child, of which one scope can be asked for (TB §9.6).
    pub(crate) fn of_child(&self) -> Result<ChildQuery, InvalidQuery> {
        let (client, keys) = match &self.keys {
            Keys::All => return Err(InvalidQuery::AllOfChild),
            Keys::Listed { client, shared } => match (client.as_slice(), shared.as_slice()) {
                ([], []) => return Err(InvalidQuery::NoKeys),
                (keys, []) => (true, keys),
                ([], keys) => (false, keys),
                _ => return Err(InvalidQuery::BothScopesOfChild),
            },
        };
        let mut each: Vec<String> = Vec::with_capacity(keys.len());
        let mut known = BTreeSet::new();
        for key in keys {
            match askable(key) {
                // They travel as a list.
                Ok(()) | Err(InvalidQuery::CommaInKey { .. }) => {}
                Err(invalid) => return Err(invalid),
            }
            if known.insert(key) {
                each.push(key.clone());
            }
        }
        Ok(ChildQuery { client, keys: each })
    }

    /// The request's payload (TB §3.2, §11.5).
    pub(crate) fn payload(&self, format: PayloadFormat) -> Result<Vec<u8>, InvalidQuery> {
        let (client, shared): (&[String], &[String]) = match &self.keys {
            Keys::All => (&[], &[]),
            // A request without lists would ask for everything (C-070).
            Keys::Listed { client, shared } if client.is_empty() && shared.is_empty() => {
                return Err(InvalidQuery::NoKeys);
            }
            Keys::Listed { client, shared } => (client, shared),
        };
        for key in client.iter().chain(shared) {
            askable(key)?;
        }
        Ok(match format {
            PayloadFormat::Json => json(client, shared),
            PayloadFormat::Protobuf { .. } => protobuf::attributes_request(client, shared),
        })
    }

    fn listed(client: Vec<String>, shared: Vec<String>) -> Self {
        Self {
            keys: Keys::Listed { client, shared },
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }
}

impl Default for AttributeQuery {
    fn default() -> Self {
        Self::new()
    }
}

fn json(client: &[String], shared: &[String]) -> Vec<u8> {
    let mut out = alloc::vec![b'{'];
    for (name, keys) in [("clientKeys", client), ("sharedKeys", shared)] {
        if keys.is_empty() {
            continue;
        }
        if out.len() > 1 {
            out.push(b',');
        }
        write_text(&mut out, name);
        out.push(b':');
        write_text(&mut out, &keys.join(","));
    }
    out.push(b'}');
    out
}

/// The keys travel as one text that the server splits at commas, without trimming.
fn askable(key: &str) -> Result<(), InvalidQuery> {
    match check_key(key) {
        Err(InvalidPayload::KeyTooLong { key, length }) => {
            Err(InvalidQuery::KeyTooLong { key, length })
        }
        // A list that holds the empty key is never answered.
        Err(_) => Err(InvalidQuery::BlankKey),
        Ok(()) if key.contains(',') => Err(InvalidQuery::CommaInKey { key: key.into() }),
        Ok(()) => Ok(()),
    }
}

/// Why attributes cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidQuery {
    /// No key was named.
    NoKeys,
    /// A key is empty or consists of white space: the server would never answer.
    BlankKey,
    /// A key contains a comma: the server would look for its parts.
    CommaInKey {
        /// The key.
        key: String,
    },
    /// A key is longer than 255 UTF-16 units.
    KeyTooLong {
        /// The beginning of the key.
        key: String,
        /// Length in UTF-16 units.
        length: usize,
    },
    /// All attributes of a child cannot be asked for: the answer would not tell which is which.
    AllOfChild,
    /// Client and shared attributes of a child cannot be asked for at once: make two queries.
    BothScopesOfChild,
}

impl fmt::Display for InvalidQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeys => f.write_str("the query names no key; name one or ask for all"),
            Self::BlankKey => {
                f.write_str("a key of the query is blank; the server would not answer")
            }
            Self::CommaInKey { key } => write!(
                f,
                "the key `{key}` contains a comma and cannot be asked for; ask for all attributes"
            ),
            Self::KeyTooLong { key, length } => write!(
                f,
                "the key that begins with `{key}` has {length} characters; no attribute has more than 255"
            ),
            Self::AllOfChild => {
                f.write_str("all attributes of a child cannot be asked for; name the keys")
            }
            Self::BothScopesOfChild => f.write_str(
                "client and shared attributes of a child cannot be asked for at once; make two queries",
            ),
        }
    }
}

impl core::error::Error for InvalidQuery {}

#[cfg(test)]
mod tests;
