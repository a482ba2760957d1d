//! Shared attributes as a value of one's own type: fetched, then followed.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use futures_core::Stream;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tb_proto::{
    AttributeMap, AttributeQuery, AttributeTypeError, AttributeUpdate, AttributeValues,
    RequestError, State,
};

use crate::client::Client;
use crate::error::RecvError;
use crate::park::{self, Interrupted};
use crate::shared::Shared;
use crate::streams::Receiver;
use crate::ticket::Reply;

impl Client {
    /// Follows all shared attributes of this device as one value of the type `T`.
    ///
    /// ```
    /// # use serde::Deserialize;
    /// #[derive(Deserialize)]
    /// #[serde(rename_all = "camelCase", default)]
    /// struct Settings {
    ///     upload_frequency: u32,
    /// }
    /// # impl Default for Settings { fn default() -> Self { Self { upload_frequency: 60 } } }
    ///
    /// # async fn device(client: tb_driver::Client) {
    /// let mut settings = client.watch::<Settings>();
    /// while settings.changed().await {
    ///     let every = settings.get().map(|settings| settings.upload_frequency);
    ///     println!("every {every:?} s");
    /// }
    /// # }
    /// ```
    pub fn watch<T: DeserializeOwned>(&self) -> Watch<T> {
        Watch::new(self, None)
    }

    /// As [`watch`](Self::watch), of these attributes only.
    pub fn watch_of<T: DeserializeOwned, K: Into<String>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Watch<T> {
        Watch::new(self, Some(keys.into_iter().map(Into::into).collect()))
    }
}

/// The shared attributes of a device as a `T`.
///
/// They are fetched after every connect, since the server does not tell what changed meanwhile. A
/// change that the server announces counts at once, and is followed by another fetch: announcements
/// may overtake each other, and the answer says what is true. Changes that are announced while a fetch
/// goes on cause one more, however many there are: when nothing has changed for the time of one request
/// the value is that of the server.
///
/// All of it happens while [`changed`](Self::changed) is awaited. It does not keep the client alive.
/// Attributes that are no `T` leave the value as it was and are told by [`invalid`](Self::invalid):
/// give fields a `#[serde(default)]` if an attribute may be missing.
#[must_use = "dropping it ends the interest"]
pub struct Watch<T> {
    shared: Arc<Shared>,
    updates: Receiver<AttributeUpdate>,
    states: Receiver<State>,
    /// `None`: all.
    keys: Option<Vec<String>>,
    fetch: Fetch,
    connected: bool,
    /// What the attributes are now; `None`: they were never fetched.
    values: Option<BTreeMap<String, Value>>,
    value: Option<T>,
    invalid: Option<AttributeTypeError>,
}

/// How much the attributes can be believed.
enum Fetch {
    /// They have to be asked for.
    Due,
    /// They were asked for; changes that were told since then are newer than the answer (`None`:
    /// deleted).
    Asked {
        reply: Reply<AttributeValues>,
        since: BTreeMap<String, Option<Value>>,
    },
    /// They are those of the server, as far as it has told.
    Current,
}

impl<T: DeserializeOwned> Watch<T> {
    fn new(client: &Client, keys: Option<Vec<String>>) -> Self {
        let updates = match &keys {
            Some(keys) => client.attribute_updates_of(keys.clone()),
            None => client.attribute_updates(),
        };
        Self {
            shared: Arc::clone(client.shared()),
            updates,
            states: client.states(),
            keys,
            fetch: Fetch::Due,
            connected: false,
            values: None,
            value: None,
            invalid: None,
        }
    }

    /// Waits until the value has changed; the first time, until it is known. `false`: the client is
    /// shut down.
    ///
    /// Cancel safe: a change that was not told yet is told by the next call.
    pub const fn changed(&mut self) -> Changed<'_, T> {
        Changed { watch: self }
    }

    /// Blocks this thread until the value has changed.
    ///
    /// # Errors
    /// [`RecvError::Closed`] when the client is shut down; [`RecvError::OnDriverThread`].
    pub fn changed_wait(&mut self) -> Result<(), RecvError> {
        self.wait(None)
    }

    /// Blocks this thread until the value has changed, but not longer than `timeout`.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`] and those of [`changed_wait`](Self::changed_wait).
    pub fn changed_timeout(&mut self, timeout: Duration) -> Result<(), RecvError> {
        self.wait(Some(timeout))
    }

    /// The newest value; `None` before the first.
    pub const fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Why the newest attributes are no `T`; [`get`](Self::get) gives the last value that was one.
    pub const fn invalid(&self) -> Option<&AttributeTypeError> {
        self.invalid.as_ref()
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), RecvError> {
        let shared = Arc::clone(&self.shared);
        match park::wait(&shared, &mut self.changed(), timeout) {
            Ok(true) => Ok(()),
            Ok(false) => Err(RecvError::Closed),
            Err(Interrupted::TimedOut) => Err(RecvError::TimedOut),
            Err(Interrupted::OnDriverThread) => Err(RecvError::OnDriverThread),
        }
    }

    fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut changed = false;
        let over = loop {
            match Pin::new(&mut self.states).poll_next(cx) {
                Poll::Ready(Some(state)) => {
                    self.connected = matches!(state, State::Connected { .. });
                    if self.connected && matches!(self.fetch, Fetch::Current) {
                        self.fetch = Fetch::Due;
                    }
                }
                Poll::Ready(None) => break true,
                Poll::Pending => break false,
            }
        };
        while let Poll::Ready(Some(update)) = Pin::new(&mut self.updates).poll_next(cx) {
            changed |= self.told(update);
        }
        changed |= self.poll_fetch(cx);
        if changed {
            self.parse();
            Poll::Ready(true)
        } else if over {
            Poll::Ready(false)
        } else {
            Poll::Pending
        }
    }

    /// Takes a change over. Returns whether the value is another now.
    fn told(&mut self, update: AttributeUpdate) -> bool {
        let updated = update.updated.into_inner().into_iter();
        let deleted = update.deleted.into_iter().map(|key| (key, None));
        let changes = updated
            .map(|(key, value)| (key, Some(value)))
            .chain(deleted);
        let mut changed = false;
        for (key, value) in changes {
            if let Fetch::Asked { since, .. } = &mut self.fetch {
                since.insert(key.clone(), value.clone());
            }
            if let Some(values) = &mut self.values {
                changed |= apply(values, key, value);
            }
        }
        if matches!(self.fetch, Fetch::Current) {
            self.fetch = Fetch::Due;
        }
        changed
    }

    /// Asks for the attributes if that is due, and takes the answer. Returns whether the value is
    /// another now.
    fn poll_fetch(&mut self, cx: &mut Context<'_>) -> bool {
        let mut changed = false;
        loop {
            match &mut self.fetch {
                Fetch::Current => return changed,
                Fetch::Due => {
                    if !self.connected || !self.ask() {
                        return changed;
                    }
                }
                Fetch::Asked { reply, since } => {
                    let Poll::Ready(answer) = Pin::new(reply).poll(cx) else {
                        return changed;
                    };
                    let since = core::mem::take(since);
                    // Changes in between: the answer may be older or newer, the next one will tell.
                    let settled = since.is_empty();
                    self.fetch = match &answer {
                        Ok(_) if settled => Fetch::Current,
                        // The server keeps silent for some time only.
                        Ok(_) | Err(RequestError::Timeout) => Fetch::Due,
                        // With the next connection, or the next change.
                        Err(_) => Fetch::Current,
                    };
                    if let Ok(answer) = answer {
                        let mut values = answer.shared.into_inner();
                        for (key, value) in since {
                            apply(&mut values, key, value);
                        }
                        changed |= self.values.as_ref() != Some(&values);
                        self.values = Some(values);
                    }
                }
            }
        }
    }

    /// Returns whether the request was accepted. If not (too many are open), the next event tries again.
    fn ask(&mut self) -> bool {
        let query = match &self.keys {
            Some(keys) => AttributeQuery::shared(keys.clone()),
            None => AttributeQuery::all(),
        };
        let asked = self.shared.open(query, |state, now, query| {
            state.machine.request_attributes(now, query)
        });
        match asked {
            Ok(pending) => {
                self.fetch = Fetch::Asked {
                    reply: Reply::new(Arc::clone(&self.shared), pending),
                    since: BTreeMap::new(),
                };
                true
            }
            Err(_) => false,
        }
    }

    fn parse(&mut self) {
        let values: AttributeMap = self
            .values
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect();
        match values.deserialize() {
            Ok(value) => {
                self.value = Some(value);
                self.invalid = None;
            }
            Err(invalid) => self.invalid = Some(invalid),
        }
    }
}

/// Returns whether anything has changed.
fn apply(values: &mut BTreeMap<String, Value>, key: String, value: Option<Value>) -> bool {
    match value {
        Some(value) if values.get(&key) == Some(&value) => false,
        Some(value) => {
            values.insert(key, value);
            true
        }
        None => values.remove(&key).is_some(),
    }
}

impl<T: fmt::Debug> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("value", &self.value)
            .field("invalid", &self.invalid)
            .finish_non_exhaustive()
    }
}

/// The future of [`Watch::changed`].
#[must_use = "futures do nothing unless awaited"]
pub struct Changed<'a, T> {
    watch: &'a mut Watch<T>,
}

impl<T: DeserializeOwned> Future for Changed<'_, T> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        self.watch.poll_changed(cx)
    }
}

impl<T: fmt::Debug> fmt::Debug for Changed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changed").finish_non_exhaustive()
    }
}
