//! A gateway, ThingsBoard, and a line between them, in virtual time.

use core::time::Duration;
use std::collections::VecDeque;

use serde_json::{Value, json};
use tb_proto::{
    AttributeValues, ChildId, Client, Completion, Config, Delivered, Event, GatewayConfig, Instant,
    LinkId, LinkLost, LinkRequest, Pending, RequestError, RequestId, RpcRequest, Undelivered,
};
use tb_tests::sim::{
    ConnectionId, Control, DeviceSetup, Output, Setup, Simulator, Stored, Time, TypedValue,
};
use tb_tests::world::{TOKEN, World};

/// What a message of the gateway has come to.
pub(super) type Outcome = Result<Delivered, Box<Undelivered>>;

pub(super) struct Rig {
    pub(super) client: Client,
    pub(super) simulator: Simulator,
    now: Time,
    latency: Duration,
    link: Option<(LinkId, ConnectionId)>,
    up: VecDeque<(Time, ConnectionId, Vec<u8>)>,
    down: VecDeque<(Time, ConnectionId, Option<Vec<u8>>)>,
    pub(super) events: Vec<Event>,
    pub(super) calls: Vec<RpcRequest>,
    /// All that the client has ever written.
    pub(super) written: Vec<u8>,
    outcomes: Vec<(RequestId, Completion)>,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::of(config(), setup())
    }

    pub(super) fn of(config: Config, setup: Setup) -> Self {
        let unix_ms = setup.server.unix_ms_at_start;
        let mut client = Client::new(config, Instant::default(), 7).expect("a valid configuration");
        client.set_wall_clock(Instant::default(), unix_ms);
        Self {
            client,
            simulator: Simulator::new(setup),
            now: Time(0),
            latency: Duration::from_millis(5),
            link: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            events: Vec::new(),
            calls: Vec::new(),
            written: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    pub(super) fn at(&self) -> Instant {
        Instant::from_micros(self.now.0)
    }

    pub(super) fn child(&mut self, name: &str) -> ChildId {
        let now = self.at();
        let child = self.client.gateway().child(now, name, Some("meter"));
        child.expect("a child")
    }

    pub(super) fn send(&mut self, child: ChildId, values: &Value) -> Pending<Delivered> {
        let now = self.at();
        let sent = self.client.gateway().send_telemetry(now, child, values);
        sent.expect("it is accepted")
    }

    pub(super) fn attributes(&mut self, child: ChildId, values: &Value) -> Pending<Delivered> {
        let now = self.at();
        let sent = self.client.gateway().send_attributes(now, child, values);
        sent.expect("it is accepted")
    }

    pub(super) fn control(&mut self, control: Value) {
        let control: Control = serde_json::from_value(control).expect("a control");
        self.simulator.control(self.now, control);
    }

    pub(super) fn call(&mut self, device: &str, method: &str) {
        self.control(json!({ "do": "rpc", "call": method, "device": device, "method": method }));
    }

    /// The connection breaks, and nothing of what is on its way arrives.
    pub(super) fn cut(&mut self) {
        if let Some((link, connection)) = self.link.take() {
            self.up.clear();
            self.down.clear();
            self.simulator.handle_closed(self.now, connection);
            self.client.handle_disconnected(
                Instant::from_micros(self.now.0),
                link,
                LinkLost::Reset,
            );
        }
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, time: Duration) -> &mut Self {
        let end = self.now + time;
        loop {
            self.settle();
            let client = self.client.poll_timeout().map(|at| Time(at.as_micros()));
            let next = [
                client,
                self.simulator.poll_timeout(),
                self.up.front().map(|&(at, ..)| at),
                self.down.front().map(|&(at, ..)| at),
            ];
            let next = next.into_iter().flatten().min();
            match next.filter(|&next| next <= end) {
                Some(next) => self.now = self.now.max(next),
                None => break,
            }
            self.happen();
        }
        self.now = end;
        self
    }

    pub(super) fn outcome(&mut self, of: Pending<Delivered>) -> Option<Outcome> {
        match self.completion(of.id())? {
            Completion::Delivery(outcome) => Some(outcome),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn is_delivered(&mut self, of: Pending<Delivered>) -> bool {
        matches!(self.outcome(of), Some(Ok(_)))
    }

    pub(super) fn answer(
        &mut self,
        to: Pending<AttributeValues>,
    ) -> Option<Result<AttributeValues, RequestError>> {
        match self.completion(to.id())? {
            Completion::Attributes(answer) => Some(answer),
            other => panic!("{other:?}"),
        }
    }

    /// The children that the server looked up, with their types, in order.
    pub(super) fn looked_up(&self) -> Vec<(&str, &str)> {
        let stored = self.simulator.stored().iter();
        stored
            .filter_map(|fact| match fact {
                Stored::GatewayChild {
                    child, device_type, ..
                } => Some((child.as_str(), device_type.as_str())),
                _ => None,
            })
            .collect()
    }

    /// The whole numbers that the server has stored of a device under a key, in order.
    pub(super) fn stored(&self, device: &str, key: &str) -> Vec<i64> {
        let stored = self.simulator.stored().iter();
        stored
            .filter_map(|fact| match fact {
                Stored::Telemetry {
                    device: of,
                    key: under,
                    value: TypedValue::Long(value),
                    ..
                }
                | Stored::ClientAttribute {
                    device: of,
                    key: under,
                    value: TypedValue::Long(value),
                } if of == device && under == key => Some(*value),
                _ => None,
            })
            .collect()
    }

    fn completion(&mut self, id: RequestId) -> Option<Completion> {
        let mut known = self.outcomes.iter();
        let place = known.position(|(of, _)| *of == id)?;
        Some(self.outcomes.swap_remove(place).1)
    }

    /// Everything that takes no time.
    fn settle(&mut self) {
        loop {
            while let Some(request) = self.client.poll_link() {
                self.link_request(request);
            }
            let mut any = false;
            while let Some(chunk) = self.client.poll_transmit() {
                self.written.extend_from_slice(&chunk);
                if let Some((_, connection)) = self.link {
                    let at = self.now + self.latency;
                    self.up.push_back((at, connection, chunk.to_vec()));
                }
                any = true;
            }
            while let Some(output) = self.simulator.poll_output() {
                let at = self.now + self.latency;
                self.down.push_back(match output {
                    Output::Send { connection, bytes } => (at, connection, Some(bytes)),
                    Output::Close { connection } => (at, connection, None),
                });
                any = true;
            }
            while let Some(event) = self.client.poll_event() {
                match event {
                    Event::Completed { id, completion } => self.outcomes.push((id, completion)),
                    Event::RpcRequest(call) => self.calls.push(call),
                    event => self.events.push(event),
                }
                any = true;
            }
            if !any {
                break;
            }
        }
    }

    fn link_request(&mut self, request: LinkRequest) {
        match request {
            LinkRequest::Open { link, .. } => {
                let connection = self.simulator.open(self.now, None);
                self.link = Some((link, connection));
                self.client
                    .handle_connected(Instant::from_micros(self.now.0), link);
            }
            LinkRequest::Close { link } => {
                if let Some((_, connection)) = self.link.take_if(|(open, _)| *open == link) {
                    self.simulator.handle_closed(self.now, connection);
                }
            }
            other => panic!("nobody knows what to do: {other:?}"),
        }
    }

    /// What is due now.
    fn happen(&mut self) {
        let now = Instant::from_micros(self.now.0);
        self.simulator.handle_timeout(self.now);
        while self.up.front().is_some_and(|&(at, ..)| at <= self.now) {
            if let Some((_, connection, bytes)) = self.up.pop_front() {
                self.simulator.handle_input(self.now, connection, &bytes);
            }
        }
        while self.down.front().is_some_and(|&(at, ..)| at <= self.now) {
            let Some((_, connection, bytes)) = self.down.pop_front() else {
                break;
            };
            match (self.link, bytes) {
                (Some((link, open)), Some(bytes)) if open == connection => {
                    self.client.handle_input(now, link, &bytes);
                }
                (Some((link, open)), None) if open == connection => {
                    self.link = None;
                    self.client.handle_disconnected(now, link, LinkLost::Closed);
                }
                _ => {}
            }
        }
        self.client.handle_timeout(now);
    }
}

pub(super) fn config() -> Config {
    World::config().gateway(GatewayConfig::new())
}

pub(super) fn setup() -> Setup {
    Setup {
        devices: vec![DeviceSetup {
            gateway: true,
            ..DeviceSetup::with_token("gateway", TOKEN)
        }],
        ..World::setup(1)
    }
}
