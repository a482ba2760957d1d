//! Events that wait to be fetched, each kind within its own bound.

use alloc::collections::VecDeque;

use super::rpc_calls::RpcCalls;
use super::{Completion, Event, RequestError, RequestId, RpcRequest};
use crate::tb::AttributeUpdate;

/// Events about the connection that are kept; only the newest matter.
const MAX_NOTICES: usize = 64;

/// Places for outcomes that an emptied queue keeps, some 57 kB: the next batch is likely to be as large.
const KEPT_BUSY: usize = 1_024;

/// And that it keeps when nothing has come for a while.
const KEPT_IDLE: usize = 64;

#[derive(Debug, Default)]
pub(super) struct EventQueue {
    notices: VecDeque<Event>,
    lost_notices: u64,
    completions: VecDeque<(RequestId, Completion)>,
    completion_bytes: usize,
    /// Bytes of answers to requests among them.
    answer_bytes: usize,
    calls: VecDeque<RpcRequest>,
    update: Option<AttributeUpdate>,
    update_bytes: usize,
    lost_updates: u64,
}

impl EventQueue {
    /// Bytes of bookkeeping per completion.
    const OVERHEAD: usize = size_of::<(RequestId, Completion)>();

    /// The next event. Connection first, so that an application knows what the rest is about.
    pub(super) fn pop(&mut self) -> Option<Event> {
        if self.lost_notices > 0 {
            let events = core::mem::take(&mut self.lost_notices);
            return Some(Event::EventsLost { events });
        }
        if let Some(notice) = self.notices.pop_front() {
            return Some(notice);
        }
        if let Some((id, completion)) = self.completions.pop_front() {
            self.completion_bytes -= payload_of(&completion);
            self.answer_bytes -= answer_of(&completion);
            if self.completions.is_empty() {
                self.completions.shrink_to(KEPT_BUSY);
            }
            return Some(Event::Completed { id, completion });
        }
        if self.lost_updates > 0 {
            let messages = core::mem::take(&mut self.lost_updates);
            return Some(Event::AttributesLost { messages });
        }
        if let Some(update) = self.update.take() {
            self.update_bytes = 0;
            return Some(Event::AttributesUpdated(update));
        }
        self.calls.pop_front().map(Event::RpcRequest)
    }

    /// Time has passed: what was kept for the next batch is given back if there is none.
    pub(super) fn fall_idle(&mut self) {
        if self.completions.is_empty() {
            self.completions.shrink_to(KEPT_IDLE);
        }
    }

    pub(super) fn notice(&mut self, event: Event) {
        if self.notices.len() >= MAX_NOTICES {
            self.notices.pop_front();
            self.lost_notices += 1;
        }
        self.notices.push_back(event);
    }

    /// Telemetry goes without a time; what is said of it in a row is said once.
    pub(super) fn unstamped(&mut self, messages: u64) {
        if let Some(Event::Unstamped { messages: before }) = self.notices.back_mut() {
            *before += messages;
        } else {
            self.notice(Event::Unstamped { messages });
        }
    }

    pub(super) fn complete(&mut self, id: RequestId, completion: Completion) {
        self.completion_bytes += payload_of(&completion);
        self.completions.push_back((id, completion));
    }

    /// The answer to a request. Like changes of attributes, answers that were not fetched take no more
    /// than `max_bytes` together, since the peer chooses their size; a single one always fits.
    pub(super) fn answer(&mut self, id: RequestId, completion: Completion, max_bytes: usize) {
        let bytes = answer_of(&completion);
        let completion = if self.answer_bytes > 0 && self.answer_bytes + bytes > max_bytes {
            match completion {
                Completion::Attributes(_) => Completion::Attributes(Err(RequestError::Overflow)),
                Completion::RpcAnswer(_) => Completion::RpcAnswer(Err(RequestError::Overflow)),
                other => other,
            }
        } else {
            self.answer_bytes += bytes;
            completion
        };
        self.complete(id, completion);
    }

    /// A call of the server; `known` are the calls that can be answered. Those that were replaced
    /// before they were fetched give way.
    pub(super) fn call(&mut self, request: RpcRequest, known: &RpcCalls) {
        self.calls.push_back(request);
        if self.calls.len() > known.len() {
            self.calls.retain(|call| known.knows(call.key));
        }
    }

    /// Merges a change into those that wait; `bytes` is the size of the message that brought it.
    pub(super) fn update(&mut self, update: AttributeUpdate, bytes: usize, max_bytes: usize) {
        if self.update_bytes + bytes > max_bytes {
            self.lost_updates += 1;
            return;
        }
        self.update_bytes += bytes;
        match &mut self.update {
            Some(waiting) => waiting.merge(update),
            None => self.update = Some(update),
        }
    }

    /// Outcomes that wait to be fetched.
    pub(super) fn completions(&self) -> usize {
        self.completions.len()
    }

    /// Bytes of outcomes that wait to be fetched: they count as queued until then.
    pub(super) fn completion_bytes(&self) -> usize {
        self.completion_bytes + self.completions.len() * Self::OVERHEAD
    }

    /// Whether [`pop`](Self::pop) has nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0 && self.lost_notices == 0 && self.lost_updates == 0
    }

    pub(super) fn len(&self) -> usize {
        self.notices.len()
            + self.completions.len()
            + self.calls.len()
            + usize::from(self.update.is_some())
    }
}

fn payload_of(completion: &Completion) -> usize {
    match completion {
        // Nearly all are this one.
        Completion::Delivery(Ok(_)) => 0,
        Completion::Delivery(Err(undelivered)) => {
            undelivered.payload.len() + size_of_val(&**undelivered)
        }
        answer => answer_of(answer),
    }
}

fn answer_of(completion: &Completion) -> usize {
    match completion {
        Completion::Attributes(Ok(values)) => values.client.memory() + values.shared.memory(),
        Completion::RpcAnswer(Ok(answer)) => answer.as_bytes().len(),
        _ => 0,
    }
}
