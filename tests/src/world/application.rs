use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tb_proto::{AttributeSubscription, Event, RpcRequest, RpcServer};

/// How an application treats the calls that the server makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answering {
    /// It answers as soon as it gets them.
    #[default]
    AtOnce,
    /// It keeps them until it is told to answer.
    WhenTold,
}

/// What the application of a device has seen.
#[derive(Debug, Default)]
pub(super) struct Application {
    pub(super) answering: Answering,
    /// Calls that it has not answered.
    pub(super) calls: VecDeque<RpcRequest>,
    /// Serial numbers of the calls that it got.
    pub(super) seen_calls: BTreeSet<u64>,
    pub(super) follows: Vec<AttributeSubscription>,
    pub(super) serves: Vec<RpcServer>,
    /// The newest value of each shared attribute that it was told.
    pub(super) shared: BTreeMap<String, Option<i64>>,
    /// Events about the connection, the newest last.
    pub(super) notices: VecDeque<Event>,
}

impl Application {
    const NOTICES: usize = 10_000;

    pub(super) fn note(&mut self, event: Event) {
        if self.notices.len() >= Self::NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(event);
    }

    /// Books a call, and checks that it comes for the first time. Calls of the simulator carry a
    /// serial number.
    pub(super) fn called(&mut self, request: RpcRequest) {
        let params: serde_json::Value = request.params().parse().unwrap_or_default();
        if let Some(serial) = params.get("s").and_then(serde_json::Value::as_u64) {
            assert!(
                self.seen_calls.insert(serial),
                "call {serial} was given twice"
            );
        }
        self.calls.push_back(request);
    }
}
