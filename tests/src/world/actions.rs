//! What an application does besides sending.

use core::time::Duration;

use serde_json::json;
use tb_proto::{
    AttributeKeys, AttributeQuery, Credentials, Refused, RefusedReason, RequestId, RpcCall,
    RpcMethods, RpcReply,
};

use super::application::Answering;
use super::ledger::Kind;
use super::run::{TOKEN, World};
use crate::sim::Time;

impl World {
    /// The application asks for all attributes and waits so long for the answer.
    pub fn request_attributes(&mut self, timeout: Duration) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let asked = device.call(|client| {
            let query = AttributeQuery::all().timeout(timeout);
            client
                .request_attributes(clock, query)
                .map_err(|refused| refused.reason)
        });
        if let Ok(pending) = asked {
            device.ledger.issue(
                pending.id(),
                Kind::AttributeRequest,
                Time(clock.as_micros()),
            );
        }
        self.drain_after_call();
        self
    }

    /// The application calls a method of the rule chain. Returns the number of the call.
    pub fn call_method(&mut self, method: &str, idempotent: bool, timeout: Duration) -> u64 {
        self.number += 1;
        let (now, number) = (self.now, self.number);
        let device = self.device_mut();
        let clock = device.clock(now);
        let asked = device.call(|client| {
            let mut call = RpcCall::new(method)
                .params(&json!({ "c": number }))
                .timeout(timeout);
            if idempotent {
                call = call.idempotent();
            }
            client
                .send_rpc_call(clock, call)
                .map_err(|refused| refused.reason)
        });
        if let Ok(pending) = asked {
            device
                .ledger
                .issue(pending.id(), Kind::RpcCall, Time(clock.as_micros()));
        }
        self.drain_after_call();
        number
    }

    /// The application calls a method that must not run twice.
    pub fn call(&mut self) -> &mut Self {
        self.call_method("echo", false, Duration::from_secs(20));
        self
    }

    /// The application calls a method that may run twice.
    pub fn call_idempotent(&mut self) -> &mut Self {
        self.call_method("echo", true, Duration::from_secs(20));
        self
    }

    /// The application follows all shared attributes from now on.
    pub fn follow_attributes(&mut self) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let keys = AttributeKeys::All;
        let followed = device.call(|client| client.subscribe_to_attributes(clock, keys));
        device.application.follows.push(followed);
        self.drain_after_call();
        self
    }

    /// The application gives up the subscription of attributes that it made last.
    pub fn unfollow_attributes(&mut self) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        if let Some(followed) = device.application.follows.pop() {
            device.call(|client| client.unsubscribe_from_attributes(clock, followed));
        }
        self.drain_after_call();
        self
    }

    /// The application serves all methods that the server calls, from now on.
    pub fn serve_calls(&mut self) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        if let Ok(server) = device.call(|client| client.serve_rpc(clock, RpcMethods::All)) {
            device.application.serves.push(server);
        }
        self.drain_after_call();
        self
    }

    /// The application serves no calls any more.
    pub fn end_serving(&mut self) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        if let Some(server) = device.application.serves.pop() {
            device.call(|client| client.end_rpc(clock, server));
        }
        self.drain_after_call();
        self
    }

    /// How the application treats calls from now on.
    pub fn answering(&mut self, answering: Answering) -> &mut Self {
        self.device_mut().application.answering = answering;
        self
    }

    /// The application answers every call that it has.
    pub fn answer_calls(&mut self) -> &mut Self {
        let now = self.now;
        self.device_mut().answer_calls(now);
        self.drain_after_call();
        self
    }

    /// The application answers the call that it has had for longest. One that could not be answered
    /// stays.
    ///
    /// # Errors
    /// As [`Client::send_rpc_reply`](tb_proto::Client::send_rpc_reply).
    ///
    /// # Panics
    /// If there is no call.
    pub fn answer_with(&mut self, reply: RpcReply) -> Result<(), RefusedReason> {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let call = device.application.calls.pop_front().expect("a call");
        let child = call.child();
        let sent = device.call(|client| client.send_rpc_reply(clock, call, reply));
        let outcome = match sent {
            Ok(pending) => {
                let accepted = Time(clock.as_micros());
                device
                    .ledger
                    .issue_for(child, pending.id(), Kind::Reply, accepted);
                Ok(())
            }
            Err(Refused { item, reason, .. }) => {
                device.application.calls.push_front(item.0);
                Err(reason)
            }
        };
        self.drain_after_call();
        outcome
    }

    /// From now on the application fetches no events, or fetches them again.
    pub fn fetch_events(&mut self, fetches: bool) -> &mut Self {
        self.device_mut().fetches = fetches;
        self.drain_after_call();
        self
    }

    /// The application takes back the message or request that it made so many before the last.
    pub fn cancel(&mut self, back: usize) -> &mut Self {
        let id = self
            .device()
            .ledger
            .tickets()
            .rev()
            .nth(back)
            .map(|(id, _)| id);
        if let Some(id) = id {
            self.cancel_ticket(id);
        }
        self
    }

    /// The application takes this back. Returns whether it had not been written.
    pub fn cancel_ticket(&mut self, id: RequestId) -> bool {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let unwritten = device.call(|client| client.cancel(clock, id));
        self.drain_after_call();
        unwritten
    }

    /// The application wants to be connected now.
    pub fn reconnect(&mut self) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        device.call(|client| client.reconnect(clock));
        self.drain_after_call();
        self
    }

    /// The application sets the credentials that it has.
    pub fn renew_credentials(&mut self) -> &mut Self {
        self.set_token(TOKEN)
    }

    /// The application sets other credentials.
    ///
    /// # Panics
    /// If the token is none.
    pub fn set_token(&mut self, token: &str) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let set = device.call(|client| client.set_credentials(clock, Credentials::token(token)));
        set.expect("a token");
        self.drain_after_call();
        self
    }

    /// The application disconnects; what is left may take so long.
    pub fn disconnect(&mut self, time: Duration) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let pending = device.call(|client| client.disconnect(clock, clock + time));
        device
            .ledger
            .issue(pending.id(), Kind::Disconnect, Time(clock.as_micros()));
        self.drain_after_call();
        self
    }

    /// The device asks what becomes of all that it has accepted, and for so long at the most.
    pub fn flush(&mut self, time: Duration) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let pending = device.call(|client| client.flush(clock, clock + time));
        device
            .ledger
            .issue(pending.id(), Kind::Flush, Time(clock.as_micros()));
        self.drain_after_call();
        self
    }
}
