//! The client's side of a recording, played to the simulator in virtual time.

use core::fmt;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::compare::{compare_in_any_order, compare_in_order};
use super::exchange::{Connection, Expected, Order, PresentedCertificate, Recording, Step};
use super::facts::compare_facts;
use super::packet::{Framing, PacketView, split_packet};
use super::template::Template;
use crate::sim::{
    CallResult, ClientCertificate, ConnectionId, Control, Output, Setup, Simulator, Time,
};

/// How long a packet, a close or an outcome may take, in milliseconds. The longest that was recorded
/// is the close of a provisioning session after 60 s.
const PATIENCE_MS: u64 = 130_000;

/// What passes after an answer before the client goes on. Longer than the core takes to answer, and
/// long enough after CONNACK to stay clear of the races of a pipelined first packet.
const PAUSE_MS: u64 = 30;

/// What passes between two writes that nothing was waited for in between.
const BETWEEN_WRITES_MS: u64 = 1;

/// More wake-ups than any recording needs: a timer that never moves on ends here.
const MOST_WAKE_UPS: usize = 100_000;

/// Where the simulator and a recording part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The step, counted from 1; `None` if it is about what was stored or about the setup.
    pub step: Option<usize>,
    /// What differs.
    pub reason: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some(step) => write!(f, "step {step}: {}", self.reason),
            None => self.reason.fmt(f),
        }
    }
}

/// Plays a recording; ends at the first step whose outcome is another one.
pub fn replay_against_simulator(recording: &Recording) -> Result<(), Disagreement> {
    let about_setup = |error| Disagreement {
        step: None,
        reason: format!("setup: {error}"),
    };
    let setup: Setup = serde_json::from_value(recording.setup.clone()).map_err(about_setup)?;
    let mut play = Play {
        recording,
        simulator: Simulator::new(setup),
        now: Time(0),
        lines: BTreeMap::new(),
        results: BTreeMap::new(),
    };
    for (number, step) in (1..).zip(&recording.steps) {
        play.step(step).map_err(|reason| Disagreement {
            step: Some(number),
            reason,
        })?;
    }
    play.end()
        .map_err(|reason| Disagreement { step: None, reason })
}

struct Play<'a> {
    recording: &'a Recording,
    simulator: Simulator,
    now: Time,
    lines: BTreeMap<Connection, Line>,
    results: BTreeMap<String, CallResult>,
}

/// The client's end of a connection.
struct Line {
    id: ConnectionId,
    open: bool,
    unframed: Vec<u8>,
    packets: Vec<Vec<u8>>,
}

impl Play<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Open {
                connection,
                certificate,
            } => {
                self.open(connection, certificate);
                Ok(())
            }
            Step::Send {
                connection,
                packets,
            } => self.send(connection, packets),
            Step::Receive {
                connection,
                packets,
                order,
            } => self.receive(connection, packets, *order),
            Step::ReceiveUnlisted { connection } => {
                self.advance(PAUSE_MS)?;
                self.line(connection)?.packets.clear();
                Ok(())
            }
            Step::Silence { connection, millis } => {
                self.advance(*millis)?;
                self.expect_nothing(connection)?;
                if self.line(connection)?.open {
                    Ok(())
                } else {
                    Err("the connection was closed".to_owned())
                }
            }
            Step::Closed { connection } => {
                let line = connection.clone();
                self.advance_until(move |play| {
                    play.lines.get(&line).is_none_or(|line| !line.open)
                })?;
                self.expect_nothing(connection)?;
                if self.line(connection)?.open {
                    Err("the connection was not closed".to_owned())
                } else {
                    Ok(())
                }
            }
            Step::ClientCloses { connection } => {
                let line = self.line(connection)?;
                line.open = false;
                let id = line.id;
                self.simulator.handle_closed(self.now, id);
                self.drain();
                Ok(())
            }
            Step::Wait { millis } => self.advance(*millis),
            Step::Control(control) => self.control(control),
            Step::Outcome(outcome) => self.outcome(outcome),
        }
    }

    fn open(&mut self, connection: &Connection, certificate: &PresentedCertificate) {
        let certificate = match certificate {
            PresentedCertificate::None => None,
            PresentedCertificate::Described(text) => Some(ClientCertificate::new(text)),
        };
        let id = self.simulator.open(self.now, certificate);
        let line = Line {
            id,
            open: true,
            unframed: Vec::new(),
            packets: Vec::new(),
        };
        self.lines.insert(connection.clone(), line);
        self.drain();
    }

    fn send(&mut self, connection: &Connection, packets: &[Template]) -> Result<(), String> {
        let line = self.line(connection)?;
        if line.open {
            let id = line.id;
            let bytes = packets
                .iter()
                .flat_map(Template::bytes)
                .copied()
                .collect::<Vec<u8>>();
            self.simulator.handle_input(self.now, id, &bytes);
        }
        self.drain();
        self.advance(BETWEEN_WRITES_MS)
    }

    fn receive(
        &mut self,
        connection: &Connection,
        expected: &[Expected],
        order: Order,
    ) -> Result<(), String> {
        let label = connection.clone();
        let count = expected.len();
        self.advance_until(move |play| {
            play.lines
                .get(&label)
                .is_none_or(|line| !line.open || line.packets.len() >= count)
        })?;
        let protocol = self.recording.protocol;
        let line = self.line(connection)?;
        let came: Vec<_> = line
            .packets
            .drain(..count.min(line.packets.len()))
            .collect();
        match order {
            Order::Exact => compare_in_order(expected, &came, protocol),
            Order::Any => compare_in_any_order(expected, &came, protocol),
        }
        .map_err(|mismatch| mismatch.to_string())?;
        self.advance(PAUSE_MS)
    }

    fn control(&mut self, control: &Value) -> Result<(), String> {
        let control: Control =
            serde_json::from_value(control.clone()).map_err(|error| format!("control: {error}"))?;
        self.simulator.control(self.now, control);
        self.drain();
        self.advance(BETWEEN_WRITES_MS)
    }

    fn outcome(&mut self, recorded: &Value) -> Result<(), String> {
        let call = recorded
            .get("call")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if recorded.get("pending") == Some(&Value::Bool(true)) {
            self.advance(
                recorded
                    .get("after_ms")
                    .and_then(Value::as_u64)
                    .unwrap_or(0),
            )?;
            let pending = !self.results.contains_key(&call) && self.simulator.is_pending(&call);
            return if pending {
                Ok(())
            } else {
                Err(format!("call {call} is not pending"))
            };
        }
        let name = call.clone();
        self.advance_until(move |play| play.results.contains_key(&name))?;
        let result = self
            .results
            .get(&call)
            .ok_or_else(|| format!("call {call} has no outcome"))?;
        let actual = as_recorded(result);
        let members = recorded.as_object().into_iter().flatten();
        for (name, recorded) in members {
            let actual = actual.get(name).unwrap_or(&Value::Null);
            if !super::json_agrees(recorded, actual) {
                return Err(format!(
                    "call {call}: {name} was {recorded}, but is {actual}"
                ));
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        self.advance(PAUSE_MS)?;
        let connections: Vec<_> = self.lines.keys().cloned().collect();
        for connection in &connections {
            self.expect_nothing(connection)?;
        }
        compare_facts(&self.recording.stored, self.simulator.stored())
    }

    fn expect_nothing(&mut self, connection: &Connection) -> Result<(), String> {
        let protocol = self.recording.protocol;
        match self.line(connection)?.packets.first() {
            Some(packet) => Err(format!(
                "on {connection} came too much: {}",
                PacketView::new(packet, protocol)
            )),
            None => Ok(()),
        }
    }

    fn line(&mut self, connection: &Connection) -> Result<&mut Line, String> {
        self.lines
            .get_mut(connection)
            .ok_or_else(|| format!("connection {connection} was never opened"))
    }

    fn advance(&mut self, millis: u64) -> Result<(), String> {
        let until = self.now.plus_millis(millis);
        self.run(until, |_| false)?;
        self.now = until;
        Ok(())
    }

    fn advance_until(&mut self, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        let until = self.now.plus_millis(PATIENCE_MS);
        self.run(until, done)
    }

    /// Wakes the simulator whenever it asks for it, until `done` or the end of the time given.
    fn run(&mut self, until: Time, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        for _ in 0..MOST_WAKE_UPS {
            if done(self) {
                return Ok(());
            }
            let Some(due) = self.simulator.poll_timeout().filter(|due| *due <= until) else {
                return Ok(());
            };
            self.now = self.now.max(due);
            self.simulator.handle_timeout(self.now);
            self.drain();
        }
        Err("the simulator's timers do not move on".to_owned())
    }

    fn drain(&mut self) {
        while let Some(output) = self.simulator.poll_output() {
            match output {
                Output::Send { connection, bytes } => {
                    if let Some(line) = self.lines.values_mut().find(|line| line.id == connection) {
                        line.read(&bytes);
                    }
                }
                Output::Close { connection } => {
                    if let Some(line) = self.lines.values_mut().find(|line| line.id == connection) {
                        line.open = false;
                    }
                }
            }
        }
        while let Some(result) = self.simulator.poll_result() {
            self.results.insert(result.call.clone(), result);
        }
    }
}

impl Line {
    fn read(&mut self, bytes: &[u8]) {
        if !self.open {
            return;
        }
        self.unframed.extend_from_slice(bytes);
        let mut rest = self.unframed.as_slice();
        loop {
            let length = match split_packet(rest) {
                Framing::Whole(length) => length,
                Framing::NeedMore => break,
                // Shown as it is: it will agree with no recorded packet.
                Framing::Malformed => rest.len(),
            };
            let (packet, after) = rest.split_at(length);
            self.packets.push(packet.to_vec());
            rest = after;
        }
        self.unframed = rest.to_vec();
    }
}

fn as_recorded(result: &CallResult) -> Value {
    json!({
        "call": result.call,
        "ok": result.ok,
        "rpc_id": result.rpc_id,
        "reply": result.reply,
        "reply_text": result.reply_text,
        "sent": result.sent,
        "error": result.error,
    })
}
